"""The installation's own folder, which nobody else on the machine may look into."""

import stat
from contextlib import suppress
from pathlib import Path

PRIVATE = 0o700
PASSED_THROUGH = (
    0o710  # its group is the embedded database's user alone, which only passes through (embedded_server.py)
)
INSIDE = ("broker", "cache", "files", "log", "mail", "work")


def make_private(var: Path) -> None:
    """Create the folder, and take what other users may do off it and off what an older version left open in it.

    A folder of somebody else stays as it is: what this process may not change, it cannot open to others either.
    """
    with suppress(OSError):
        var.mkdir(parents=True, mode=PRIVATE, exist_ok=True)
    for folder in (var, *(var / name for name in INSIDE)):
        _set(folder, PRIVATE, unless=PASSED_THROUGH)
    _set(var / "secret-key", 0o600)


def _set(path: Path, mode: int, unless: int | None = None) -> None:
    with suppress(OSError):
        now = stat.S_IMODE(path.lstat().st_mode)
        if now not in {mode, unless} and not path.is_symlink():
            path.chmod(mode)
