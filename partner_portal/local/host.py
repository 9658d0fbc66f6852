"""What both embedded servers need of the host: a user to run as, a socket folder, a log file, and errors in one line."""

import hashlib
import os
import stat
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path

from partner_portal.lib.private_folder import SYSTEM_USER, pass_through
from partner_portal.local.shared_server import EmbeddedServerError

LONGEST_SOCKET_PATH = 103  # bytes; macOS allows the least
LOG_BYTES = 10_000_000

#: User and group id to run a server as, or None for those of this process.
type Identity = tuple[int, int] | None


def server_identity(home: Path) -> Identity:
    """Return user and group for the server when this process is root: the data folder's owner, else SYSTEM_USER."""
    if os.geteuid() != 0:
        return None
    data = home / "data"
    if data.exists() and data.stat().st_uid != 0:
        return data.stat().st_uid, data.stat().st_gid
    import pwd

    try:
        entry = pwd.getpwnam(SYSTEM_USER)
    except KeyError:
        arguments = ["--system", "--user-group", "--no-create-home", "--home-dir", "/", "--shell", "/usr/sbin/nologin"]
        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        # Both servers may be starting at once, so what counts is whether the user exists afterwards.
        with suppress(OSError):
            subprocess.run(["useradd", *arguments, SYSTEM_USER], check=False, capture_output=True, env={"PATH": path})  # noqa: S603, S607
        try:
            entry = pwd.getpwnam(SYSTEM_USER)
        except KeyError as error:
            raise EmbeddedServerError(
                f"The embedded servers do not run as root and the user {SYSTEM_USER} cannot be created: "
                "run as another user, or set DATABASE_URL and REDIS_URL."
            ) from error
    return entry.pw_uid, entry.pw_gid


def allow_passage(home: Path, programs: Path, user: Identity) -> None:
    """Let the server's user reach its programs and its data: only the right to pass through folders is added.

    Inside PORTAL_VAR it is added for that user's group alone, so that nobody else gets in.
    """
    if user is None:
        return
    for folder in (home, home.parent):
        if folder.stat().st_uid != user[0]:
            pass_through(folder, user[1])
    for folder in (home.parent.parent, programs):
        for step in (folder, *folder.parents):
            here = step.stat()
            if not here.st_mode & stat.S_IXOTH and not (here.st_gid == user[1] and here.st_mode & stat.S_IXGRP):
                step.chmod(here.st_mode | stat.S_IXOTH)


def allow_reading(programs: Path, example: Path, user: Identity) -> None:
    """Let the server's user read a wheel's programs that were installed under a strict umask; `example` is one of them."""
    if user is None or example.stat().st_mode & stat.S_IROTH:
        return
    for path in programs.rglob("*"):
        mode = path.stat().st_mode
        path.chmod(mode | stat.S_IROTH | (stat.S_IXOTH if mode & stat.S_IXUSR else 0))


def socket_folder(home: Path, user: Identity, socket_name: str) -> Path:
    """Return a folder that only the server's user may enter, with a path short enough for a socket."""
    run = home / "run"
    if not _fits(run / socket_name):
        name = hashlib.sha256(os.fsencode(home)).hexdigest()[:16]
        run = Path(tempfile.gettempdir()) / f"partner-portal-{name}"
        if not _fits(run / socket_name):
            raise EmbeddedServerError(f"The path of a socket in {run} would be too long: set TMPDIR to a shorter path.")
    run.mkdir(mode=0o700, exist_ok=True)
    here = run.lstat()
    if here.st_uid == os.geteuid() and user is not None:
        os.chown(run, *user)
        here = run.lstat()
    expected = os.geteuid() if user is None else user[0]
    if not stat.S_ISDIR(here.st_mode) or here.st_uid != expected or stat.S_IMODE(here.st_mode) & 0o077:
        raise EmbeddedServerError(f"{run} belongs to somebody else or is open to others: remove it.")
    return run


def _fits(path: Path) -> bool:
    """Whether a socket of that path can be named: short, and without the comma that separates hosts for libpq."""
    return len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and "," not in str(path)


def log_file(home: Path, user: Identity) -> Path:
    """Return the server's log file, rotated once when it has grown large."""
    folder = home.parent / "log"
    folder.mkdir(exist_ok=True)
    log = folder / f"{home.name}.log"
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.rename(folder / f"{home.name}.1.log")
    log.touch(mode=0o600)
    if user is not None:
        pass_through(folder, user[1])
        os.chown(log, *user)
    return log


def run_program(
    command: list[str | Path],
    user: Identity,
    *,
    text: str = "",
    folder: Path = Path("/"),
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    """Run one of the server's programs as its user; what it prints is in `stdout`."""
    uid, gid = user or (None, None)
    environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C", "TZ": "UTC"}
    # A file, not a pipe: the server would inherit a pipe and keep it open.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        try:
            result = subprocess.run(  # noqa: S603
                [str(part) for part in command],
                input=text,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                env=environment,
                cwd=folder,
                timeout=timeout,
                check=False,
                user=uid,
                group=gid,
                extra_groups=None if user is None else [],
            )
            code = result.returncode
        except subprocess.TimeoutExpired:
            code = -1
        output.seek(0)
        return subprocess.CompletedProcess(command, code, output.read())


def is_durable() -> bool:
    """Whether writes wait for the disk: PORTAL_EMBEDDED_DURABLE, on by default."""
    return os.environ.get("PORTAL_EMBEDDED_DURABLE", "").strip().lower() not in {"0", "no", "off", "false"}


def log_tail(log: Path) -> str:
    """Return the last lines of the server's log."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - 4000))
        return file.read().decode("utf-8", "replace")


def failure_text(home: Path, output: str, *, program: str) -> str:
    """Return one line for what a server's programs, or the system, reported."""
    if "No space left on device" in output or "ENOSPC" in output or "EDQUOT" in output:
        return f"The disk is full: free some space for {home.parent} and start again."
    if "Read-only file system" in output:
        return f"{home.parent} is on a read-only disk: set PORTAL_VAR to a folder that can be written."
    if "[EACCES]" in output or "[EPERM]" in output or "Permission denied" in output:
        return f"{home.parent} cannot be written by this user: give the user that folder, or set PORTAL_VAR to another."
    if "[ENOTDIR]" in output or "[EEXIST]" in output:
        return f"{home.parent} is not a folder: set PORTAL_VAR to a folder."
    if "could not bind" in output or "could not create any Unix-domain sockets" in output:
        return f"The socket under {home} cannot be made: set PORTAL_VAR to a folder on a local disk."
    lines = [
        line for line in output.splitlines() if any(level in line for level in ("FATAL", "PANIC", "ERROR", "error:"))
    ]
    reason = (lines or output.strip().splitlines() or ["it did not answer in time"])[-1].strip()
    return f"The embedded {program} did not start ({reason}); see {home.parent / 'log' / f'{home.name}.log'}."
