"""The simulated HubSpot account in a test: without a socket and without waiting, or served on a free port."""

import io
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from sources.hubspot.client import HubSpotClient
from sources.simulator.answers import Request
from sources.simulator.api import Simulator
from sources.simulator.world import World

TOKEN = "simulated-token-of-40-known-characters-x"
BASE = "https://hubspot.invalid"


class Time:
    """A clock that only moves when somebody waits."""

    def __init__(self, start: datetime = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)) -> None:
        self.start = start
        self.passed = 0.0

    def now(self) -> datetime:
        return self.start + timedelta(seconds=self.passed)

    def monotonic(self) -> float:
        return self.passed

    def sleep(self, seconds: float) -> None:
        self.passed += seconds


class InProcess(HTTPAdapter):
    """Hands requests to a simulator; each takes a little of the clock's time."""

    def __init__(self, simulator: Simulator, time: Time, latency: float = 0.005) -> None:
        super().__init__()
        self.simulator, self.time, self.latency = simulator, time, latency
        self.requests: list[requests.PreparedRequest] = []

    def send(self, request, stream=False, timeout=None, verify=True, cert=None, proxies=None):
        self.requests.append(request)
        address = urlsplit(request.url)
        headers = {name.lower(): value for name, value in request.headers.items()}
        body = request.body or b""
        body = body.encode() if isinstance(body, str) else body
        call = Request(request.method, address.path, dict(parse_qsl(address.query)), headers, body)
        answer = self.simulator.answer(call)
        if answer.delay > timeout[1]:
            self.time.sleep(timeout[1])
            raise requests.ReadTimeout(request=request)
        self.time.sleep(answer.delay or self.latency)
        content = answer.content
        headers = {"Content-Length": str(len(content)), **answer.headers}
        if answer.cut:
            content = content[: len(content) // 2]
        raw = HTTPResponse(io.BytesIO(content), headers, answer.status, preload_content=False)
        return self.build_response(request, raw)


class Hub:
    """An account, its simulator, a clock, and clients of it."""

    def __init__(self, world: World | None = None, time: Time | None = None) -> None:
        self.time = time or Time()
        self.world = world or World(self.time.now)
        self.world.add_token(TOKEN)
        self.simulator = Simulator(self.world)
        self.adapter = InProcess(self.simulator, self.time)

    def client(self, token: str = TOKEN, **options) -> HubSpotClient:
        client = HubSpotClient(token, base=BASE, monotonic=self.time.monotonic, sleep=self.time.sleep, **options)
        client.mount(self.adapter)
        return client
