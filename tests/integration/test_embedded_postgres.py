"""The embedded server: who starts it, who stops it, and what is said when it cannot run. Real processes, no doubles."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
import pytest

from partner_portal.local import postgres
from partner_portal.local.postgres import Address, ensure_running, release
from partner_portal.local.shared_server import EmbeddedServerError

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
USE_AND_WAIT = """
import sys, time
from pathlib import Path
from partner_portal.local.postgres import ensure_running
print(ensure_running(Path(sys.argv[1])).host, flush=True)
sys.stdin.read()
"""


@pytest.fixture
def var(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A PORTAL_VAR of its own, reachable by the server's user, gone afterwards."""
    monkeypatch.setenv("PORTAL_EMBEDDED_DURABLE", "no")
    folder = Path(tempfile.mkdtemp(prefix="portal-test-"))
    yield folder
    release(folder)
    assert processes_of(folder) == []
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def started_once() -> Iterator[Path]:
    """A PORTAL_VAR whose server was started once, and stopped: to start it again takes a fraction of the first time."""
    folder = Path(tempfile.mkdtemp(prefix="portal-test-"))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PORTAL_EMBEDDED_DURABLE", "no")
        ensure_running(folder)
        release(folder)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def used(var: Path, started_once: Path) -> Path:
    """As `var`, with a database already."""
    copy_data(started_once, var)
    return var


def copy_data(started_once: Path, var: Path) -> None:
    """Give a folder the data of a server that was started once."""
    (var / "postgres").mkdir(parents=True)
    subprocess.run(["cp", "-a", started_once / "postgres" / "data", var / "postgres"], check=True)


def processes_of(var: Path) -> list[str]:
    """Living processes that were started for, or work in, this PORTAL_VAR."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            line = " ".join(process.cmdline())
            if process.pid != os.getpid() and str(var) in line + process.cwd():
                found.append(line)
    return found


def wait_until(condition, seconds: float = 8) -> bool:
    """Whether the condition came true in that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.05)
    return False


def another_user(var: Path) -> subprocess.Popen[str]:
    """A process that uses the server until its input is closed or it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", USE_AND_WAIT, str(var)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=PROJECT,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip()
    return process


def leave(process: subprocess.Popen[str]) -> None:
    """Let it end by itself."""
    process.communicate("", timeout=20)


def run_as_nobody(code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python code as a user without rights; skips where that user cannot read the project."""
    identity = {"user": 65534, "group": 65534, "extra_groups": []}
    command = [sys.executable, "-c", "import django, partner_portal"]
    try:
        subprocess.run(command, cwd=PROJECT, capture_output=True, check=True, **identity)
    except (PermissionError, subprocess.CalledProcessError):
        pytest.skip("that user cannot run this Python, or cannot read the project")
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        **identity,
    )


def connect(address: Address, user: str, **options: object) -> psycopg.Connection:
    return psycopg.connect(host=address.host, port=address.port, user=user, dbname=address.database, **options)


def test_first_start_makes_the_database_and_two_roles_without_power(var: Path) -> None:
    address = ensure_running(var)
    with connect(address, address.owner) as connection:
        rows = connection.execute(
            "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcanlogin FROM pg_roles WHERE rolname ~ '^portal'"
        ).fetchall()
        assert sorted(rows) == [("portal_app", False, False, False, True), ("portal_owner", False, False, True, True)]
        connection.execute("CREATE TABLE kept (day date)")
        assert connection.execute("SHOW server_version_num").fetchone()[0].startswith("18")
    with connect(address, address.user) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute("CREATE TABLE refused (day date)")


def test_data_stays_and_a_second_call_in_a_running_server_is_cheap(used: Path) -> None:
    address = ensure_running(used)
    with connect(address, address.owner) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    release(used)
    assert processes_of(used) == []
    address = ensure_running(used)
    begin = time.perf_counter()
    for _ in range(20):
        assert ensure_running(used) == address
    assert (time.perf_counter() - begin) / 20 < 0.05
    with connect(address, address.owner) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)


def test_the_last_user_stops_it_and_nobody_before(used: Path) -> None:
    first, second = another_user(used), another_user(used)
    leave(first)
    assert len([line for line in processes_of(used) if "checkpointer" in line]) == 1
    leave(second)
    assert processes_of(used) == []


def test_two_processes_may_start_it_at_the_same_moment(var: Path) -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", USE_AND_WAIT, str(var)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=PROJECT,
        )
        for _ in range(3)
    ]
    hosts = {process.stdout.readline().strip() for process in processes if process.stdout}
    assert hosts == {str(var / "postgres" / "run")}
    for process in processes:
        leave(process)
        assert process.returncode == 0


@pytest.mark.sweep
def test_a_killed_user_does_not_leave_the_server_behind(used: Path) -> None:
    process = another_user(used)
    process.kill()
    process.communicate()
    assert wait_until(lambda: processes_of(used) == [])


def test_a_killed_server_is_started_again_and_keeps_what_was_committed(
    used: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PORTAL_EMBEDDED_DURABLE")
    address = ensure_running(used)
    with connect(address, address.owner) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 7 AS value")
    postmaster = postgres.process_of(used / "postgres")
    postmaster.kill()
    assert wait_until(lambda: postgres.address_of(used / "postgres") is None)
    address = ensure_running(used)
    with connect(address, address.owner) as connection:
        assert connection.execute("SELECT value FROM kept").fetchone() == (7,)


def test_a_stale_process_id_that_now_belongs_to_another_process(used: Path) -> None:
    ensure_running(used)
    lines = (used / "postgres" / "data" / "postmaster.pid").read_text().splitlines()
    release(used)
    owner = (used / "postgres" / "data").stat().st_uid
    other = subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None)
    try:
        stale = used / "postgres" / "data" / "postmaster.pid"
        stale.write_text("\n".join([str(other.pid), *lines[1:]]) + "\n")
        ensure_running(used)
        assert other.poll() is None
    finally:
        other.kill()
        other.wait()


@pytest.mark.filterwarnings(
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)  # of the test runner's threads
def test_a_child_that_forked_off_and_ends_leaves_the_server_to_its_parent(used: Path) -> None:
    ensure_running(used)
    pid = os.fork()
    if pid == 0:
        release(used)
        os._exit(0)
    os.waitpid(pid, 0)
    assert ensure_running(used).host
    assert postgres.address_of(used / "postgres") is not None


def test_a_deep_folder_gets_a_short_socket_path_and_two_of_them_do_not_meet(var: Path, started_once: Path) -> None:
    one, two = var / ("d" * 100) / "one", var / ("d" * 100) / "two"
    copy_data(started_once, two)
    first, second = ensure_running(one), ensure_running(two)
    try:
        assert first.host != second.host
        with connect(first, first.owner) as connection:
            connection.execute("CREATE TABLE only_here (day date)")
        with connect(second, second.owner) as connection:
            assert connection.execute("SELECT to_regclass('only_here')").fetchone() == (None,)
    finally:
        release(one)
        release(two)
        shutil.rmtree(first.host)
        shutil.rmtree(second.host)


def test_names_with_blanks_and_quotes(var: Path) -> None:
    odd = var / 'it\'s a "test", é'
    address = ensure_running(odd)
    with connect(address, address.user) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    release(odd)


@pytest.mark.sweep
def test_an_interrupted_first_start_is_begun_anew(var: Path) -> None:
    half = var / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    assert ensure_running(var).database == "portal"


def test_data_of_another_major_version_is_refused_in_one_line(used: Path) -> None:
    (used / "postgres" / "data" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedServerError, match=r"made by PostgreSQL 17, this portal brings 18") as caught:
        ensure_running(used)
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_a_file_is_refused_in_one_line(var: Path) -> None:
    (var / "file").write_text("")
    with pytest.raises(EmbeddedServerError, match=r"is not a folder: set PORTAL_VAR"):
        ensure_running(var / "file")


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a small disk and changes users")
def test_a_full_disk_is_told_in_one_line_and_leaves_nothing_half_made(var: Path) -> None:
    disk = var / "small"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=30m", "none", disk], capture_output=True).returncode:
        pytest.skip("mount is not allowed here")
    try:
        with pytest.raises(EmbeddedServerError, match=r"^The disk is full: free some space for .*small") as caught:
            ensure_running(disk)
        assert "\n" not in str(caught.value)
        assert not (disk / "postgres" / "data").exists()
        release(disk)
    finally:
        subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(os.geteuid() != 0, reason="changes users")
def test_an_ordinary_user_without_the_right_to_write_gets_one_line(var: Path) -> None:
    var.chmod(0o755)
    code = (
        "from partner_portal.local import postgres as e\n"
        "from pathlib import Path\n"
        f"try: e.ensure_running(Path({str(var)!r}))\n"
        "except e.EmbeddedServerError as error: print(error)"
    )
    done = run_as_nobody(code)
    expected = f"{var} cannot be written by this user: give the user that folder, or set PORTAL_VAR to another.\n"
    assert done.stdout == expected, done.stderr


@pytest.mark.skipif(os.geteuid() != 0, reason="changes users")
def test_an_ordinary_user_runs_it_as_himself_and_root_goes_on_with_the_same_data(var: Path) -> None:
    os.chown(var, 65534, 65534)
    done = run_as_nobody(USE_AND_WAIT, str(var))
    assert done.returncode == 0, done.stderr
    assert (var / "postgres" / "data").stat().st_uid == 65534
    assert ensure_running(var).host == str(var / "postgres" / "run")
