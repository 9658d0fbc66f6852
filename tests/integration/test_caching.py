"""What a page worked out is kept for the next one, and never read by other code."""

from dataclasses import replace
from io import BytesIO
from threading import Event, Thread

import pytest
from django.core.cache import cache
from django.db import transaction

from accounts.services import bump_generation, change_partner
from imports.checks import Source
from imports.models import ImportBatch
from imports.pipeline import carry_out, silent
from imports.reading import read_table
from partner_portal.lib import caching
from partner_portal.lib.rows.facts import find_kind
from program.caching import cached_by_generation


@pytest.fixture
def answered(scope, django_capture_on_commit_callbacks):
    """Asks as a new request does; its answer is kept for others."""

    def answer(value):
        with django_capture_on_commit_callbacks(execute=True):
            return caching.cached(replace(scope, memo={}), ("a question",), lambda: value, revision=1)

    return answer


def test_the_next_request_reads_what_was_kept(answered):
    assert [answered("first"), answered("second")] == ["first", "first"]


def test_what_other_code_kept_is_not_read(answered, monkeypatch):
    answered("of the old code")
    monkeypatch.setattr(caching, "code_fingerprint", lambda: "other code")
    assert answered("of the new code") == "of the new code"


def test_the_fingerprint_names_the_code_of_our_apps(settings, tmp_path):
    now = caching.code_fingerprint.__wrapped__()
    assert now == caching.code_fingerprint()
    settings.BASE_DIR = tmp_path  # none of our apps is there
    assert caching.code_fingerprint.__wrapped__() != now


def test_a_decorated_query_is_keyed_by_its_arguments_however_they_are_passed(scope, django_capture_on_commit_callbacks):
    calls = []

    @cached_by_generation("a test's query")
    def query(scope, day, *, client=""):
        calls.append((day, client))
        return len(calls)

    with django_capture_on_commit_callbacks(execute=True):
        assert [query(scope, 1), query(scope, day=1), query(scope, 1, client=""), query(scope, 1, client="C1")] == [
            1,
            1,
            1,
            2,
        ]
    assert query(replace(scope, memo={}), day=1) == 1
    assert calls == [(1, ""), (1, "C1")]


def test_moving_the_generation_drops_what_the_scope_has_read_and_its_partner_follows(scope):
    before = scope.partner.generation
    assert [scope.once("figure", lambda: "old"), scope.once("figure", lambda: "new")] == ["old", "old"]
    bump_generation(scope)
    assert scope.partner.generation == before + 1
    assert scope.once("figure", lambda: "new") == "new"


def test_a_change_of_settings_reaches_the_scope_that_made_it(scope):
    """Otherwise the sums in the old currency would be stored under the new generation."""
    change_partner(scope=scope, values={"payout_currency": "EUR"})
    assert scope.partner.payout_currency == "EUR"


def test_a_trial_leaves_no_generation_behind(scope):
    before = scope.partner.generation
    table = read_table(BytesIO(b"client_id,name,country,currency\nT1,Trial,US,USD\n"), "")
    sources = [Source("clients.csv", find_kind("clients"), table)]
    batch = ImportBatch.objects.create(partner=scope.partner)
    outcome = carry_out(scope, sources, batch_id=batch.pk, accept=lambda _: False, trying=True, step=silent)
    assert [counts.new for counts in outcome.counts.values()] == [1]
    assert scope.partner.generation == before


@pytest.fixture
def shared(scope, monkeypatch):
    """Asks as a request outside a test's transaction does: answers are stored at once."""
    monkeypatch.setattr(caching, "generation_moved", lambda: False)
    cache.clear()

    def ask(compute, key="a shared question", scope=scope):
        return caching.cached(replace(scope, memo={}), (key,), compute, revision=1)

    return ask


def test_whoever_asks_while_it_is_calculated_waits_and_does_not_calculate(shared, monkeypatch):
    begun, awaited, answers = Event(), Event(), []
    monkeypatch.setattr(caching, "PATIENCE", float("inf"))
    monkeypatch.setattr(caching.time, "sleep", lambda seconds: awaited.set())

    def compute():
        begun.set()
        assert awaited.wait(10)  # until somebody else waits for it
        return "of the first"

    first = Thread(target=lambda: answers.append(shared(compute)))
    first.start()
    assert begun.wait(10)
    answers.append(shared(lambda: "of the second"))
    first.join()
    assert answers == ["of the first", "of the first"]


def test_patience_ends_for_a_whole_request_and_then_it_calculates_itself(shared, scope, monkeypatch):
    slept = []
    monkeypatch.setattr(caching.time, "sleep", slept.append)
    own = replace(scope, memo={})

    def ask_all_again():
        """Everything is being calculated by others."""
        return [caching.cached(own, (key,), lambda key=key: f"own {key}", revision=1) for key in ("a", "b")]

    answer = shared(lambda: shared(ask_all_again, "b"), "a")
    assert answer == ["own a", "own b"]
    assert sum(slept) == pytest.approx(10, abs=0.02)


def test_a_failure_is_not_waited_for(shared, monkeypatch):
    monkeypatch.setattr(caching.time, "sleep", lambda seconds: pytest.fail("waited"))
    with pytest.raises(ZeroDivisionError):
        shared(lambda: 1 / 0)
    assert shared(lambda: "again") == "again"


def test_a_generation_counts_as_moved_until_it_is_rolled_back(scope):
    moved = caching.generation_moved.__wrapped__  # without what tests add to it
    assert not moved()
    with transaction.atomic():
        bump_generation(scope)
        assert moved()
        transaction.set_rollback(True)
    assert not moved()
