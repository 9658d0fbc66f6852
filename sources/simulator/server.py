"""Serves a simulated account over HTTP, on this machine only: the API, and the page to change deals by hand."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from sources.simulator import page
from sources.simulator.answers import Answer, Request
from sources.simulator.api import Simulator

HOST = "127.0.0.1"
_BODY_MOST = 16 * 1024 * 1024
_OWN_NAMES = {HOST, "localhost"}


class SimulatorServer(ThreadingHTTPServer):
    """The server of one simulator."""

    daemon_threads = True

    def __init__(self, simulator: Simulator, port: int = 0) -> None:
        super().__init__((HOST, port), _Handler)
        self.simulator = simulator

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect, as one does after its timeout."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def address(self) -> str:
        """Its base address, such as `http://127.0.0.1:8100`."""
        return f"http://{HOST}:{self.server_port}"


@contextmanager
def served(simulator: Simulator) -> Iterator[str]:
    """Serve in a thread on a free port, and yield the base address."""
    server = SimulatorServer(simulator)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.address
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: SimulatorServer
    protocol_version = "HTTP/1.1"
    timeout = 30
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._answer(b"")

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > _BODY_MOST:
            self.close_connection = True
            self._send(Answer(413))
            return
        self._answer(self.rfile.read(int(length)))

    do_PUT = do_POST  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class names it so
        """Log nothing: there are too many requests."""

    def _answer(self, body: bytes) -> None:
        address = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(address.query, keep_blank_values=True))
        request = Request(self.command, address.path, query, headers, body)
        if page.is_page(request):
            answer = page.answer(self.server.simulator, request) if self._from_here(headers) else Answer(403)
        else:
            answer = self.server.simulator.answer(request)
        if answer.delay:
            time.sleep(answer.delay)
        self._send(answer)

    def _from_here(self, headers: dict[str, str]) -> bool:
        """Whether a page of this server asks, rather than another site in the same browser."""
        own = urlsplit(f"//{headers.get('host', '')}").hostname in _OWN_NAMES
        origin = headers.get("origin")
        return own and (origin is None or urlsplit(origin).netloc == headers["host"])

    def _send(self, answer: Answer) -> None:
        content = answer.content
        self.send_response_only(answer.status)
        for name, value in ({"Content-Type": "text/plain"} | dict(answer.headers)).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        if answer.cut:
            content, self.close_connection = content[: len(content) // 2], True
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content)
