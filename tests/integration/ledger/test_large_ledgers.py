"""A large ledger is posted by a worker, and its figures are in the cache before anybody can see the new ones."""

from dataclasses import replace
from datetime import timedelta
from unittest.mock import patch

import pytest
from django.core import signing
from django.core.cache import cache

from accounts.scope import system_scope
from accounts.services import bump_generation
from commissions import outlook
from dashboard import tasks
from ledger import services
from ledger.middleware import PATIENCE, catch_up_ledger
from ledger.models import Posting, PreparedFigure
from ledger.prepared import SALT
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rows.events import figures_settled
from renewals import page


@pytest.fixture(autouse=True)
def large(monkeypatch):
    """Every ledger counts as large; what is stored must not be read by a test that changes facts past the services."""
    monkeypatch.setattr(services, "LARGE", 0)
    cache.clear()
    yield
    cache.clear()


def test_pages_show_the_former_day_until_a_worker_has_posted_the_new_one(web, partner, scope):
    before = scope.today - timedelta(days=1)
    Posting.objects.filter(partner=partner).update(posted_through=before)
    generation = partner.generation
    with patch.object(catch_up_ledger, "delay") as asked:
        first, second = web().get("/dashboard/"), web().get("/tiers/")
        assert web().get("/api/v1/progress").status_code == 503
    asked.assert_called_once_with(partner.pk)
    for response in (first, second):
        assert "These are the figures of" in response.content.decode()
        assert response.context["scope"].today == before
    partner.refresh_from_db()
    assert partner.generation == generation
    catch_up_ledger(partner.pk)
    assert "These are the figures of" not in web().get("/dashboard/").content.decode()


def test_without_a_worker_a_page_posts_the_ledger_itself_after_a_while(web, partner, scope, monkeypatch):
    Posting.objects.filter(partner=partner).update(posted_through=scope.today - timedelta(days=1))
    with patch.object(catch_up_ledger, "delay"):
        web().get("/dashboard/")
        monkeypatch.setattr("ledger.middleware.PATIENCE", -1)
        assert "These are the figures of" not in web().get("/dashboard/").content.decode()
    assert PATIENCE > 0
    assert Posting.objects.get(partner=partner).posted_through == scope.today


def test_figures_are_prepared_in_the_transaction_that_settles_them(partner, scope, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        figures_settled.send(None, scope=scope, rows=0)
    with patch.object(page, "renewal_rows", side_effect=AssertionError("worked out again")):
        tasks.prepare(partner)


def test_a_failure_to_prepare_stops_nothing(scope, caplog):
    with patch.object(tasks, "prepare", side_effect=ValueError("odd")):
        figures_settled.send(None, scope=scope, rows=0)
    assert "could not be prepared" in caplog.text
    assert services.is_large(system_scope(scope.partner))


def test_an_emptied_cache_costs_little_once_figures_are_prepared(web, partner, scope):
    """What takes seconds for a million entries is read from the database; nothing else may be asked for it."""
    tasks.prepare(partner)
    cache.clear()
    before = web().get("/dashboard/").content
    cache.clear()
    with (
        patch.object(page, "renewal_rows", side_effect=AssertionError("worked out again")),
        patch.object(outlook, "paid_within", side_effect=AssertionError("worked out again")),
    ):
        again = web().get("/dashboard/").content
    assert b"at stake" in again
    assert len(again) == len(before)


def test_prepared_figures_of_another_state_or_without_our_signature_are_not_read(partner, scope):
    tasks.prepare(partner)
    cache.clear()
    with patch.object(page, "renewal_rows", return_value=[]) as worked_out:
        period = Period(scope.today, scope.today + timedelta(days=89))
        assert page.glance(replace(scope, memo={}), period, 5).summary.count > 0
        PreparedFigure.objects.update(answer=signing.dumps("x", key="of somebody else", salt=SALT))
        assert page.glance(replace(scope, memo={}), period, 5).summary.count == 0
        worked_out.assert_called_once()
    tasks.prepare(partner)
    bump_generation(scope)
    with patch.object(page, "renewal_rows", return_value=[]):
        assert page.glance(replace(scope, memo={}), period, 5).summary.count == 0


def test_only_figures_of_large_ledgers_are_kept(partner, monkeypatch):
    monkeypatch.setattr(services, "LARGE", 100_000)
    tasks.prepare(partner)
    assert not PreparedFigure.objects.filter(partner=partner).exists()
