"""Runs that are killed with kill -9, and a day of troubles: real processes on a real database, an account in memory.

`SYNC_HOURS=24 SYNC_SEED=2 pytest tests/integration/sources/test_run_faults.py -s` makes the day longer, and another one.
"""

import json
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.imports.test_import_faults import database, server, spawn  # noqa: F401
from tests.integration.sources.crashing_runs import MOMENTS, SOME

pytestmark = pytest.mark.slow


@pytest.fixture
def partner_id(committed: None) -> int:
    from django.db import connection

    from accounts.models import Membership, Partner, User
    from accounts.scope import partner_scope

    partner = Partner.objects.create(slug="eastwind", name="Eastwind", time_zone="Europe/Amsterdam")
    user = User.objects.create_user("admin@eastwind.example", "not used here")
    with partner_scope(partner):
        Membership.objects.create(user=user, partner=partner, role="admin")
    connection.close()
    return partner.pk


@pytest.fixture
def told(spawn: Any, partner_id: int, tmp_path: Path) -> Callable[..., list[Any]]:  # noqa: F811
    """Call a function of `crashing_runs` in a process of its own, and read the lines that it prints."""

    def call(name: str, **options: int | tuple[str, ...]) -> list[Any]:
        more = "".join(f", {key}={value}" for key, value in options.items())
        code = (
            f"from tests.integration.sources.crashing_runs import {name}; {name}({partner_id}, {str(tmp_path)!r}{more})"
        )
        process = spawn("shell", "--no-imports", "-c", code)
        output = process.communicate()[0]
        assert process.returncode == 0, output
        return [json.loads(line) for line in output.splitlines() if line.startswith("[")]

    return call


@pytest.mark.parametrize("moments", [SOME, pytest.param(MOMENTS, marks=pytest.mark.sweep)], ids=["some", "all"])
def test_a_run_killed_at_any_moment_leaves_all_or_nothing_and_the_next_goes_on(
    told: Any, moments: tuple[str, ...]
) -> None:
    reports = {moment: rest for moment, *rest in told("kills", moments=moments)}
    assert list(reports) == ["before", *moments, "again"]
    _ended, _seconds, before, *_rest = reports["before"]
    for moment in moments[:-1]:
        ended, seconds, rows, differences, wrong, _right = reports[moment]
        assert (ended, rows, bool(differences), wrong) == (None, before, True, []), moment
        assert seconds < 10
    ended, seconds, rows, *truth = reports["after commit"]
    assert ended is None
    assert seconds < 10
    assert rows != before
    assert truth == [[], [], True]
    assert reports["again"][0] == "nothing new"
    assert reports["again"][3:] == [[], [], True]


@pytest.mark.sweep
def test_a_day_of_troubles_ends_with_the_truth(told: Any) -> None:
    hours = int(os.environ.get("SYNC_HOURS", "8"))
    seed = int(os.environ.get("SYNC_SEED", "1"))
    [[events, renewed, last, differences, wrong, right]] = told("day", hours=hours, seed=seed)
    troubled = Counter(trouble for _minute, trouble, *_rest in events if trouble)
    print(f"{hours} hours, seed {seed}: {len(events)} runs, {Counter(event[2] for event in events)}")  # noqa: T201
    print(f"during {dict(troubled)}; {renewed} new tokens")  # noqa: T201
    print(f"ended {last}; {len(differences)} differences, ledger {wrong or right}")  # noqa: T201
    assert (last in ("committed", "nothing new"), differences, wrong, right) == (True, [], [], True)
    untold = [event for event in events if event[3] in ("failed", "running") and not event[4]]
    assert untold == []
    assert len(troubled) >= 2
