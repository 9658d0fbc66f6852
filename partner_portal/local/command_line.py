"""Runs a management command; trouble that an operator can mend ends in one line that says how, not in a traceback."""

import errno
import os
import sys

from django.core.management import execute_from_command_line

_FULL = "The disk is full: free some space and run the command again; nothing is half-written."
_CLOSED = "{path} is closed to this user: give the user the right to it; for the portal's own folder, see PORTAL_VAR."
_DISK = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EACCES: _CLOSED,
    errno.EPERM: _CLOSED,
    errno.EROFS: "{path} is on a read-only disk: set PORTAL_VAR to a folder that can be written.",
    errno.ENOTDIR: "{path} is not in a folder: set PORTAL_VAR to a folder.",
}


def run(argv: list[str]) -> None:
    """Run `argv` as Django would. Exits 2 for a wrong setting, 3 when database or disk cannot be used.

    With `--traceback` the error is shown in full.
    """
    from django.core.exceptions import ImproperlyConfigured
    from django.db import DatabaseError

    from partner_portal.env import SettingError
    from partner_portal.local.shared_server import EmbeddedServerError

    try:
        execute_from_command_line(argv)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # whoever read the output has seen enough, such as `head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains when it ends
        sys.exit(0)
    except (SettingError, ImproperlyConfigured, EmbeddedServerError, DatabaseError, OSError) as error:
        message = None if "--traceback" in argv else _message(error)
        if message is None:
            raise
        sys.stderr.write(f"{message}\n")
        sys.exit(2 if isinstance(error, SettingError | ImproperlyConfigured) else 3)


def _message(error: Exception) -> str | None:
    """One line for the operator; None for an error that an operator cannot mend."""
    from django.db import DatabaseError, OperationalError
    from psycopg.errors import DiskFull, InsufficientPrivilege, UndefinedTable

    cause = error.__cause__
    if isinstance(error, OSError):
        line = _DISK.get(error.errno or 0)
        return line.format(path=error.filename) if line else None
    if isinstance(cause, InsufficientPrivilege):
        return (
            "The database refused: a command that changes the schema, or makes operators, needs the DATABASE_URL of the "
            "database's owner."
        )
    if isinstance(cause, UndefinedTable):
        return "The database has no tables yet, or old ones: run manage.py migrate first."
    if isinstance(cause, DiskFull):
        return f"The database says: {_FULL}"
    if isinstance(error, DatabaseError):
        if not isinstance(error, OperationalError):
            return None
        reason = " ".join(str(error).split()).rstrip(".?")
        return f"The database cannot be used ({reason}): check that it runs and that DATABASE_URL is right."
    return str(error)
