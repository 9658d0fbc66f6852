"""The installation's own folder, which nobody else on the machine may read."""

import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path

SYSTEM_USER = "portal-postgres"  # runs the embedded database when the portal runs as root
PRIVATE = 0o700
PASSED_THROUGH = 0o710  # its group, that user alone, may pass through and not list it
INSIDE = ("broker", "cache", "files", "log", "mail", "work")


def make_private(var: Path) -> None:
    """Create the folder, and take what other users may do off it and off what an older version left open in it.

    A folder of somebody else stays as it is: what this process may not change, it cannot open to others either.
    """
    with suppress(OSError):
        var.mkdir(parents=True, mode=PRIVATE, exist_ok=True)
    passing = _group_of_system_user()
    for folder in (var, *(var / name for name in INSIDE)):
        with suppress(OSError):
            if passing is not None and folder in {var, var / "log"} and folder.stat().st_uid == 0:
                pass_through(folder, passing)
            else:
                _set(folder, PRIVATE)
    with suppress(OSError):
        _set(var / "secret-key", 0o600)


def pass_through(folder: Path, group: int) -> None:
    """Let a group enter a folder and not list it; nobody else but the folder's owner gets in."""
    here = folder.stat()
    if here.st_gid != group or stat.S_IMODE(here.st_mode) != PASSED_THROUGH:
        os.chown(folder, -1, group)
        folder.chmod(PASSED_THROUGH)


def _set(path: Path, mode: int) -> None:
    now = stat.S_IMODE(path.stat().st_mode)
    if now not in {mode, PASSED_THROUGH}:
        path.chmod(mode)


def _group_of_system_user() -> int | None:
    """None unless this is root and the embedded database has its user: only then somebody else has to get through."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(SYSTEM_USER).pw_gid
    except KeyError:
        return None
