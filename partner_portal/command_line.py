"""Runs a management command; troubles an operator can mend (database, disk, settings) end in one line, not a traceback."""

import sys

from django.core.management import execute_from_command_line


def run(argv: list[str]) -> None:
    """Run `argv` as Django would. Exits 2 with one line for a setting that is wrong, 3 when the database is not usable."""
    from django.core.exceptions import ImproperlyConfigured
    from django.db import OperationalError

    from partner_portal.embedded import EmbeddedPostgresError
    from partner_portal.env import SettingError

    try:
        execute_from_command_line(argv)
    except (SettingError, ImproperlyConfigured) as error:
        sys.exit(_say(error, 2))
    except EmbeddedPostgresError as error:
        sys.exit(_say(error, 3))
    except OperationalError as error:
        if "--traceback" in argv:
            raise
        reason = " ".join(str(error).split())
        sys.exit(_say(f"The database cannot be used: {reason} Check DATABASE_URL (see docs/operations.md).", 3))
    except OSError as error:
        if error.errno != 28:  # ENOSPC
            raise
        sys.exit(_say("The disk is full. Free some space and run the command again; nothing was half-written.", 3))


def _say(message: object, code: int) -> int:
    sys.stderr.write(f"{message}\n")
    return code
