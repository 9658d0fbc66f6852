"""Hostile files uploaded to a running portal: the memory of a web process and a worker above idle, and what they cost others.

One web process and one worker, with every process that they start, are watched while all files of `bench.hostile` come in
one after the other, the bombs of 1 GB and 3 GB among them.
"""

import http.cookiejar
import re
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Thread

from bench import hostile
from bench.measurement import Measurement
from bench.place import PASSWORD, ROOT, FailedError, Place

ABOVE_IDLE = 400.0  # MiB, web process and worker together
SLUG = "hostile"
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="(\w+)"')


def measure(place: Place, say: Callable[[str], None], *, quick: bool) -> Iterator[Measurement]:
    """Upload every file and yield what that took."""
    place.clear()
    place.prepare()
    place.partner(SLUG)
    folder = place.var / "hostile"
    paths = hostile.write(folder)
    if not quick:
        for scale, name in ((5, "1-GB"), (15, "3-GB")):
            for file, content in hostile.bombs(scale):
                paths.append(folder / f"{name}-{file}")
                paths[-1].write_bytes(content)
    with _portal(place) as (address, processes):
        browser = _Browser(address)
        browser.sign_in(f"{SLUG}@bench.example", PASSWORD)
        browser.upload("clients.csv", b"client_id,name\n")  # what every first import loads
        _settle(browser)
        with _Watch(processes) as watch:
            slowest, count = 0.0, 0
            for path in paths:
                start = time.perf_counter()
                status = browser.upload(path.name, path.read_bytes())
                slowest = max(slowest, time.perf_counter() - start)
                count += 1
                if status >= 500:
                    raise FailedError(f"{path.name}: answered with {status}")
            with suppress(urllib.error.URLError):  # refused, or closed while it is sent
                _Browser(address).upload_to("/accounts/login/", "large.bin", b"0" * (64 << 20))
            _settle(browser)
        say(f"  {count} hostile files, {watch.describe()}")
        if not all(process.poll() is None for process in processes):
            raise FailedError("A process of the portal ended.")
    yield Measurement(
        "hostile",
        f"{count} files: peak above idle",
        watch.above,
        "MiB",
        ABOVE_IDLE,
        note="web process, worker, their children",
    )
    yield Measurement("hostile", "slowest answer", slowest, "s")
    place.clear()


class _Watch:
    """Samples the resident memory of processes and all that they start, several times a second."""

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]]) -> None:
        self._processes = processes
        self._over = Event()
        self._thread = Thread(target=self._sample, daemon=True)
        self.idle = self.peak = 0.0

    def __enter__(self) -> "_Watch":
        self.idle = self._now()
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def above(self) -> float:
        """MiB that the peak lies above idle."""
        return max(self.peak - self.idle, 0.0)

    def describe(self) -> str:
        """Idle and peak as a text."""
        return f"idle {self.idle:,.0f} MiB, peak {self.peak:,.0f} MiB"

    def _sample(self) -> None:
        while not self._over.wait(0.05):
            self.peak = max(self.peak, self._now())

    def _now(self) -> float:
        """Unique memory in MiB: what forked processes share counts for none of them."""
        import psutil

        total = 0
        for process in self._processes:
            with suppress(psutil.Error):
                parent = psutil.Process(process.pid)
                for one in [parent, *parent.children(recursive=True)]:
                    with suppress(psutil.Error):
                        total += one.memory_full_info().uss
        return total / 2**20


@contextmanager
def _portal(place: Place) -> Iterator[tuple[str, list[subprocess.Popen[bytes]]]]:
    """A web process and a worker of the portal, until the block ends."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = place.environment | {
        "WEB_CONCURRENCY": "1", "SITE_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "WARNING",
    }  # fmt: skip
    commands = [
        ["gunicorn", "--bind", f"127.0.0.1:{port}", "--log-level", "warning", "partner_portal.wsgi"],
        ["celery", "-A", "partner_portal", "worker", "--loglevel", "WARNING", "--concurrency", "1"],
    ]
    log = (place.var / "portal.log").open("wb")
    processes = [
        subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environment, stdout=log, stderr=log)
        for command in commands
    ]
    try:
        address = f"http://127.0.0.1:{port}"
        _wait_for(address, Path(log.name))
        yield address, processes
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        log.close()


def _wait_for(address: str, log: Path) -> None:
    for _try in range(240):
        with suppress(OSError):
            urllib.request.urlopen(f"{address}/health/ready", timeout=10).close()  # noqa: S310 -- ours
            return
        time.sleep(0.5)
    raise FailedError(f"The portal does not start:\n{log.read_text()[-2000:]}")


def _settle(browser: "_Browser") -> None:
    """Wait until no batch is being checked or written."""
    for _try in range(240):
        if not re.search(r"Being checked|Waits for a worker", browser.page("/imports/")):
            break
        time.sleep(0.5)
    time.sleep(1)


class _Browser:
    """As much of a browser as an upload needs."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def page(self, path: str) -> str:
        """The text of a page."""
        with self._opener.open(self._address + path, timeout=300) as response:
            return str(response.read().decode())

    def sign_in(self, email: str, password: str) -> None:
        """Raises FailedError."""
        data = {"login": email, "password": password, "csrfmiddlewaretoken": self._token("/accounts/login/")}
        with self._opener.open(f"{self._address}/accounts/login/", urllib.parse.urlencode(data).encode()) as response:
            if "/accounts/login" in response.url:
                raise FailedError("The bench cannot sign in.")

    def upload(self, name: str, content: bytes) -> int:
        """The status that an upload is answered with."""
        return self.upload_to("/imports/", name, content)

    def upload_to(self, path: str, name: str, content: bytes) -> int:
        """The status that a form with a file is answered with at a path."""
        boundary = uuid.uuid4().hex
        field = f'--{boundary}\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n'
        body = (
            (field % ("csrfmiddlewaretoken", "")).encode()
            + self._token(path).encode()
            + b"\r\n"
            + (field % ("files", f'; filename="{name}"')).encode()
            + content
            + f"\r\n--{boundary}--\r\n".encode()
        )
        request = urllib.request.Request(  # noqa: S310 -- ours
            self._address + path, body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        )
        try:
            with self._opener.open(request, timeout=600) as response:
                return int(response.status)
        except urllib.error.HTTPError as error:
            return error.code

    def _token(self, path: str) -> str:
        match = _TOKEN.search(self.page(path))
        if match is None:
            raise FailedError(f"{path} has no form.")
        return match[1]
