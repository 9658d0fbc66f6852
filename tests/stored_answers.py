"""Answers that queries cache (`partner_portal.lib.caching`), stored within a test although it never commits.

In production an answer is stored once its transaction has committed. A test is a transaction that is rolled back, so that every
page of every test would calculate everything again. Here answers are stored at once, for each state that the rows are in apart:
a statement that writes begins another state, and a rollback to a savepoint goes back to the one before.
"""

import pickle
import re
from collections.abc import Callable
from itertools import count
from typing import Any

from django.core.cache import cache
from django.db import connection, transaction

READS = re.compile(r"\s*(SELECT|SET|SHOW|DECLARE|FETCH|CLOSE|EXPLAIN|RELEASE|LOCK)\b", re.IGNORECASE)
WRITES = re.compile(r'\s*(?:INSERT INTO|UPDATE|DELETE FROM)\s+"?(\w+)', re.IGNORECASE)
# Tables that no answer is made of: they are written by pages that only show something.
APART = ("django_session", "usersessions_", "accounts_user", "accounts_membership", "accounts_auditevent", "reports_")


class StoredAnswers:
    """Stands in for Django's cache and transactions in `partner_portal.lib.caching`; as those do unless `active`."""

    def __init__(self) -> None:
        self.active = False
        self.state = 0  # that of the template; every other has a number of its own
        self._numbers = count(1)
        self._at_savepoints: dict[str, int] = {}
        self._answers: dict[tuple[int, str], bytes] = {}

    def follow(self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: Any) -> Any:
        """Wrap every statement of the tests' connection: note which state the rows are in."""
        text = sql if isinstance(sql, str) else sql.as_string(None)
        written = WRITES.match(text)
        if text.startswith("SAVEPOINT "):
            self._at_savepoints[text.split()[-1]] = self.state
        elif text.startswith("ROLLBACK TO SAVEPOINT "):
            self.state = self._at_savepoints[text.split()[-1]]
        elif not READS.match(text) and not (written and written[1].startswith(APART)):
            self.state = next(self._numbers)
        return execute(sql, params, many, context)

    def back_to(self, state: int) -> None:
        """Forget the states of a test that has ended."""
        self.state = state
        for key in [key for key in self._answers if key[0] not in {0, state}]:
            del self._answers[key]

    @property
    def _here(self) -> bool:
        return self.active and not connection.force_debug_cursor  # whoever counts queries counts all of them

    def get(self, name: str, default: Any) -> Any:
        """As `cache.get`."""
        if not self._here:
            return cache.get(name, default)
        stored = self._answers.get((self.state, name))
        return default if stored is None else pickle.loads(stored)  # noqa: S301

    def set(self, name: str, answer: Any, seconds: int) -> None:
        """As `cache.set`."""
        if self._here:
            self._answers[self.state, name] = pickle.dumps(answer)
        else:
            cache.set(name, answer, seconds)

    def on_commit(self, function: Callable[[], Any], robust: bool = False) -> None:
        """As `transaction.on_commit`, but at once."""
        if self._here:
            function()
        else:
            transaction.on_commit(function, robust=robust)
