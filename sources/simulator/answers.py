"""Requests and answers of the simulator, without a server."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Request:
    """A call. Names of headers are in small letters."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a request.

    body:  bytes as they are, anything else as JSON. delay: seconds before it. cut: the connection breaks in the middle.
    """

    status: int = 200
    body: Any = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    cut: bool = False

    @property
    def content(self) -> bytes:
        """The body's bytes."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class RefusedError(Exception):
    """A request that the API answers with an error."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def error(status: int, message: str, category: str, **more: Any) -> Answer:
    """An error as the API writes it."""
    body = {"status": "error", "message": message, "correlationId": "0" * 32, "category": category, **more}
    return Answer(status, body)


def invalid(message: str) -> RefusedError:
    """400 for a request that is wrong."""
    return RefusedError(error(400, message, "VALIDATION_ERROR"))


def not_found(message: str = "resource not found") -> RefusedError:
    """404."""
    return RefusedError(error(404, message, "OBJECT_NOT_FOUND"))
