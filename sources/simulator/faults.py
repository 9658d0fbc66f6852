"""Faults that the simulator answers with on request."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sources.simulator.answers import Answer, error
from sources.source import JsonObject

KINDS = {
    "rate_limit": "429, with Retry-After 1 (or the value)",
    "rate_limit_silent": "429, without Retry-After",
    "daily": "429, the day's quota is used up",
    "migrating": "477, Retry-After 3 hours (or the value)",
    "locked": "423",
    "bad_gateway": "502, as a page",
    "unauthorized": "401",
    "no_scope": "403 for the scope in the value",
    "redirect": "302 to the address in the value",
    "html": "200, but a page",
    "form": "200, but not of the agreed form",
    "slow": "the right answer, after 2 seconds (or the value)",
    "cut": "half of the right answer",
    "huge": "a right answer of 33 MiB",
    "partial": "207, as if some records could not be read",
}

_PAGE = b"<!doctype html><title>Maintenance</title><h1>We will be back soon</h1>"
_HTML = {"Content-Type": "text/html"}


@dataclass(slots=True)
class Fault:
    """A faulty answer to calls.

    share: of the calls, at random. times: how often at most; None for always. after: calls that pass before.
    path:  a part of the path of the calls that it applies to.
    """

    kind: str
    times: int | None = None
    share: float = 1.0
    after: int = 0
    path: str = ""
    value: str = ""

    def met(self, path: str, chance: float) -> bool:
        """Whether it applies to this call, which is counted."""
        if self.times == 0 or self.path not in path:
            return False
        if self.after:
            self.after -= 1
            return False
        if chance >= self.share:
            return False
        if self.times is not None:
            self.times -= 1
        return True


def faulty(fault: Fault, answer: Answer) -> Answer:
    """The answer with the fault applied."""
    match fault.kind:
        case "slow":
            return replace(answer, delay=float(fault.value or 2))
        case "cut":
            return replace(answer, cut=True)
        case "partial":
            return _partial(answer)
        case kind:
            return _INSTEAD[kind](fault.value)


def missing_scope(scope: str) -> Answer:
    """403 for a token that lacks a scope."""
    detail: JsonObject = {"message": f"{scope} is required.", "context": {"requiredGranularScopes": [scope]}}
    return error(403, "This token lacks a scope.", "MISSING_SCOPES", errors=[detail])


def rate_limited(policy: str) -> Answer:
    """429 for calls beyond a limit of the account."""
    return _rate_limited(policy, "1")


def _rate_limited(policy: str, retry_after: str) -> Answer:
    body = {
        "status": "error",
        "message": f"You have reached your {policy.lower()} limit.",
        "errorType": "RATE_LIMIT",
        "policyName": policy,
    }
    return Answer(429, body, _retry(retry_after))


def _partial(answer: Answer) -> Answer:
    body = dict(answer.body) if isinstance(answer.body, dict) else {}
    problem = {"status": "error", "category": "INTERNAL_ERROR", "message": "Some records could not be read."}
    return Answer(207, body | {"numErrors": 1, "errors": [problem]})


def _retry(seconds: str) -> dict[str, str]:
    return {"Retry-After": seconds} if seconds else {}


def _migrating(value: str) -> Answer:
    return replace(error(477, "The account is being moved.", "MIGRATION"), headers=_retry(value or "10800"))


_INSTEAD: dict[str, Callable[[str], Answer]] = {
    "rate_limit": lambda value: _rate_limited("TEN_SECONDLY_ROLLING", value or "1"),
    "rate_limit_silent": lambda _value: _rate_limited("TEN_SECONDLY_ROLLING", ""),
    "daily": lambda _value: _rate_limited("DAILY", ""),
    "migrating": _migrating,
    "locked": lambda _value: error(423, "The resource is locked.", "LOCKED"),
    "bad_gateway": lambda _value: Answer(502, _PAGE, _HTML),
    "unauthorized": lambda _value: error(401, "The token is not valid.", "INVALID_AUTHENTICATION"),
    "no_scope": missing_scope,
    "redirect": lambda value: Answer(302, b"", {"Location": value}),
    "html": lambda _value: Answer(200, _PAGE, _HTML),
    "form": lambda _value: Answer(200, {"results": "nope"}),
    "huge": lambda _value: Answer(200, b'{"results": []' + b" " * (33 * 1024 * 1024) + b"}"),
}
