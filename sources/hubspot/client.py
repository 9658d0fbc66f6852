"""HTTP client of HubSpot's API: one base URL, one call at a time, at a limited pace, with retries where they help."""

import json
import re
import time
import tomllib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import requests
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.structures import CaseInsensitiveDict
from urllib3.util import Retry

from partner_portal.lib.dates import clock
from sources.hubspot import endpoints
from sources.source import (
    AnswerInvalid,
    JsonObject,
    QuotaUsedUp,
    Refused,
    ScopeMissing,
    SourceError,
    TokenRejected,
    TryLater,
)

LIST_INTERVAL = 0.21  # seconds between the starts of two calls: a little under 5 a second
SEARCH_INTERVAL = 0.51  # the account's limit on searches is a lower one
OWN_SHARE = 2  # we use at most 1/OWN_SHARE of the calls that the account allows
MARGIN = 1.05  # of an interval, since calls do not arrive as evenly as they leave
DAILY_RESERVE = 0.2  # of the day's calls, left to the account's other programs
MAX_ANSWER = 32 * 1024 * 1024  # bytes
REFRESHED = "oauth:"  # before a refresh token; without it a token is one that stays as it is
RENEWED_BEFORE = 120.0  # seconds before an access token ends
TIMEOUTS = (5.0, 60.0)  # seconds to connect, and between two bytes
TRIES = 8
LONGEST_WAIT = 120.0  # seconds; a longer Retry-After ends the run, which starts again by itself
RATE_LIMIT_WAIT = 10.0  # seconds, when a 429 does not say
LOCKED_WAIT = 2.0
MOVED_WAIT = 3600.0  # seconds, when a 477 does not say
UNREADABLE_TRIES = 3  # when the answer is not JSON: maintenance pages last longer than a broken connection

_CHUNK = 64 * 1024
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
_SCOPE = re.compile(r"\b[a-z]+(?:\.[a-z_-]+)+\.(?:read|write)\b")


class HubSpotClient:
    """Calls of one run to one account.

    base:      the only address that requests go to; https, unless it is this machine.
    zone:      the account's time zone, in which its day ends.
    tries:     of a call; fewer where a person waits for the answer.
    limit:     seconds for all calls together; None for no limit.
    monotonic, sleep: as in `time`.
    Raises ImproperlyConfigured for a base address that would send the token in clear.
    """

    def __init__(
        self,
        token: str,
        *,
        base: str,
        zone: str = "UTC",
        tries: int = TRIES,
        limit: float | None = None,
        timeouts: tuple[float, float] = TIMEOUTS,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        address = urlsplit(base)
        local = address.hostname in LOOPBACK
        if not address.hostname or (address.scheme != "https" and not (local and address.scheme == "http")):
            raise ImproperlyConfigured("HUBSPOT_API_BASE must be an https address, or http on this machine.")
        self.base = base.rstrip("/")
        self.zone = zone
        #: Number of requests so far, including failed ones.
        self.calls = 0
        #: HubSpot's clock at its last answer.
        self.server_time: datetime | None = None
        self._tries, self._timeouts = tries, timeouts
        self._monotonic, self._sleep = monotonic, sleep
        self._end = None if limit is None else monotonic() + limit
        self._last_call = self._next_call = self._next_search = 0.0
        self._interval = LIST_INTERVAL
        self._daily_limit: int | None = None
        self._spent = False
        self._session = requests.Session()
        self._session.trust_env = not local  # a proxy of the operator's, but never for this machine
        self._bearer = self._session.auth = _Bearer("" if token.startswith(REFRESHED) else token)
        self._refresh = token.removeprefix(REFRESHED) if token.startswith(REFRESHED) else ""
        self._renew_at = self._monotonic()
        self._session.headers["User-Agent"] = f"partner-portal/{_version()}"
        self._session.headers["Accept"] = "application/json"
        # Only attempts to connect are repeated here: whether a request that was sent may be repeated is decided below.
        retry = Retry(
            total=2, read=0, redirect=0, status=0, other=0, backoff_factor=0.5, respect_retry_after_header=False
        )
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=1, max_retries=retry))

    def __enter__(self) -> "HubSpotClient":
        return self

    def __exit__(self, *_error: object) -> None:
        self._session.close()

    def mount(self, adapter: HTTPAdapter) -> None:
        """Send requests through this adapter instead of a socket."""
        self._session.mount(self.base, adapter)

    def get(self, path: str, params: Mapping[str, str | int] | None = None) -> JsonObject:
        """Answer to a GET. Raises SourceError."""
        return self._call("GET", path, params=params)

    def post(self, path: str, body: Any, *, search: bool = False) -> JsonObject:
        """Answer to a POST, at the pace of searches if it is one. Raises SourceError."""
        return self._call("POST", path, body=body, search=search)

    def put(self, path: str, body: Any) -> JsonObject:
        """Answer to a PUT. Raises SourceError."""
        return self._call("PUT", path, body=body)

    def form(self, path: str, fields: Mapping[str, str]) -> JsonObject:
        """Answer to a POST of OAuth, which the operator's app makes and no token. Raises SourceError."""
        app = {"client_id": settings.HUBSPOT_CLIENT_ID, "client_secret": settings.HUBSPOT_CLIENT_SECRET}
        return self._call("POST", path, body=app | dict(fields), as_form=True)

    def _renew(self) -> None:
        """Replace an access token that is missing or about to end. Raises TokenRejected, SourceError."""
        if not self._refresh or self._monotonic() < self._renew_at:
            return
        fields = {"grant_type": "refresh_token", "refresh_token": self._refresh}
        try:
            answer = self.form(endpoints.OAUTH_TOKEN, fields)
            self._bearer.token = str(answer["access_token"])
            self._renew_at = self._monotonic() + float(answer["expires_in"]) - RENEWED_BEFORE
        except Refused:
            raise TokenRejected from None
        except (KeyError, ValueError, TypeError):
            raise AnswerInvalid("form") from None

    def _call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str | int] | None = None,
        body: Any = None,
        search: bool = False,
        as_form: bool = False,
    ) -> JsonObject:
        if not as_form:
            self._renew()
        failure: SourceError = TryLater()
        for attempt in range(1, self._tries + 1):
            self._wait_for_turn(search=search)
            try:
                status, headers, content = self._send(method, path, params, body, as_form)
            except (requests.exceptions.ChunkedEncodingError, requests.exceptions.ContentDecodingError):
                failure, wait = AnswerInvalid("cut"), _backoff(attempt)
            except (requests.ConnectionError, requests.Timeout):
                failure, wait = TryLater(), _backoff(attempt)
            except requests.RequestException as error:
                raise SourceError(what=type(error).__name__) from None  # its text and arguments may hold headers
            else:
                self._note_limits(headers)
                if status in (200, 201, 204, 207):
                    try:
                        return _parsed(content, status)
                    except AnswerInvalid as invalid:
                        if attempt >= UNREADABLE_TRIES:
                            raise
                        failure, wait = invalid, _backoff(attempt)
                else:
                    failure, wait = self._judged(status, headers, content, path, attempt)
            if attempt < self._tries:
                self._check_time(wait)
                self._sleep(wait)
        raise failure

    def _send(
        self, method: str, path: str, params: Mapping[str, str | int] | None, body: Any, as_form: bool
    ) -> tuple[int, CaseInsensitiveDict[str], bytes]:
        """Status, headers and body. Raises AnswerInvalid for one that is too large, and what requests raises."""
        with self._session.request(
            method,
            self.base + path,
            params=params,
            json=None if as_form else body,
            data=body if as_form else None,
            auth=_without_token if as_form else None,
            timeout=self._timeouts,
            allow_redirects=False,
            stream=True,
            verify=True,
        ) as response:
            content = bytearray()
            for chunk in response.iter_content(_CHUNK):
                content += chunk
                self._check_time()
                if len(content) > MAX_ANSWER:
                    raise AnswerInvalid("large")
            return response.status_code, response.headers, bytes(content)

    def _judged(
        self, status: int, headers: Mapping[str, str], content: bytes, path: str, attempt: int
    ) -> tuple[SourceError, float]:
        """What to raise if the next try fails too, and how many seconds to wait for it. Raises SourceError at once for others."""
        error = _error_of(content)
        asked = _seconds(headers.get("Retry-After", ""))
        if status == 429 and "DAILY" in str(error.get("policyName", "")).upper():
            raise QuotaUsedUp(self._midnight(), self._daily_limit or 0)
        if status == 477 or (status in (429, 423) and asked is not None and asked > LONGEST_WAIT):
            raise TryLater(int(asked if asked is not None else MOVED_WAIT), status)
        if status == 429:
            return TryLater(None, status), asked if asked is not None else RATE_LIMIT_WAIT
        if status == 423:
            return TryLater(None, status), asked if asked is not None else LOCKED_WAIT
        if status >= 500 and status != 530:  # 530: a malformed token
            if asked is not None and asked > LONGEST_WAIT:
                raise TryLater(int(asked), status)
            return TryLater(None, status), asked if asked is not None else _backoff(attempt)
        if status in (401, 530):
            raise TokenRejected
        if status == 403:
            scopes = sorted(set(_SCOPE.findall(json.dumps(error))))
            raise ScopeMissing(", ".join(scopes), [*path.split("/"), ""][4])
        if 300 <= status < 400:
            raise AnswerInvalid("redirect")
        raise Refused(status, str(error.get("message", ""))[:500])

    def _wait_for_turn(self, *, search: bool) -> None:
        """Wait until the pace allows a call, and count it. Raises QuotaUsedUp when the others' share of the day is reached."""
        if self._spent:
            raise QuotaUsedUp(self._midnight(), self._daily_limit or 0)
        turn = max(self._next_call, self._next_search if search else 0.0)
        wait = max(0.0, turn - self._monotonic())
        self._check_time(wait)
        if wait:
            self._sleep(wait)
        self._last_call = self._monotonic()
        self._next_call = self._last_call + self._interval
        if search:
            self._next_search = self._last_call + SEARCH_INTERVAL
        self.calls += 1

    def _check_time(self, wait: float = 0.0) -> None:
        """Raises TryLater when the time for all calls is over, or would be after so many seconds."""
        if self._end is not None and self._monotonic() + wait > self._end:
            raise TryLater

    def _note_limits(self, headers: Mapping[str, str]) -> None:
        """Adapt the pace to the account's limits, and take HubSpot's time."""
        limit, length = _number(headers, "Max"), _number(headers, "Interval-Milliseconds")
        if limit and length:
            self._interval = max(LIST_INTERVAL, MARGIN * length / 1000 / max(1, limit // OWN_SHARE))
            self._next_call = max(self._next_call, self._last_call + self._interval)
        daily, remaining = _number(headers, "Daily"), _number(headers, "Daily-Remaining")
        if daily:
            self._daily_limit = daily
            self._spent = remaining is not None and remaining < daily * DAILY_RESERVE
        with suppress(TypeError, ValueError):
            self.server_time = parsedate_to_datetime(headers.get("Date", "")).astimezone(UTC)

    def _midnight(self) -> datetime:
        """When the account's day ends, by its own zone."""
        try:
            zone = ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError):
            zone = ZoneInfo("UTC")
        day = (self.server_time or clock.now()).astimezone(zone).date() + timedelta(days=1)
        return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


class _Bearer(AuthBase):
    """Sets the Authorization header; its repr does not show the token."""

    def __init__(self, token: str) -> None:
        self.token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.token}"
        return request

    def __repr__(self) -> str:
        return "Bearer"


def _without_token(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _parsed(content: bytes, status: int) -> JsonObject:
    """The JSON object of an answer; an empty one for no content. Raises AnswerInvalid."""
    if status == 204 and not content:
        return {}
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        raise AnswerInvalid("html" if content.lstrip()[:1] == b"<" else "form") from None
    if not isinstance(answer, dict):
        raise AnswerInvalid("form")
    return answer


def _error_of(content: bytes) -> JsonObject:
    """The JSON object of an error; an empty one when it is something else."""
    try:
        return _parsed(content, 0)
    except AnswerInvalid:
        return {}


def _backoff(attempt: int) -> float:
    return min(30.0, 2.0 ** (attempt - 1))


def _seconds(text: str) -> float | None:
    """Retry-After in seconds; None when it is missing or something else than a number."""
    return float(text) if text.strip().isascii() and text.strip().isdigit() else None


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(f"X-HubSpot-RateLimit-{name}", "")
    return int(text) if text.isascii() and text.isdigit() else None


@cache
def _version() -> str:
    """The portal's version, as its project file states it."""
    file = settings.BASE_DIR / "pyproject.toml"
    project: dict[str, str] = tomllib.loads(file.read_text(encoding="utf-8"))["project"]
    return project["version"]
