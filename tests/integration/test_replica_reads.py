"""Answers of a read replica. Its part is played by a second, read-only connection to the same server; `test_standby.py` has a
real one."""

import re
from contextlib import contextmanager

import pytest
from django.core.cache import cache
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.models import F
from django.test import Client as WebClient
from django.test import RequestFactory
from prometheus_client.registry import REGISTRY

from partner_portal import health
from partner_portal.lib.db import locks, replica
from partner_portal.metrics import StateCollector, exposition
from tests.conftest import PASSWORD

EVERYTHING = "SELECT true, 9223372036854775807, 0.0"
NOTHING = "SELECT true, 0, 60.0"
NO_STANDBY = "SELECT false, NULL, NULL"
OUTCOMES = ("replica", "behind", "needs_primary", "failed")


@pytest.fixture
def replicated(committed, settings, monkeypatch):
    """This worker's database as its own replica, which has replayed everything."""
    database = connections["default"]
    monkeypatch.setitem(connections.settings, "replica", dict(database.settings_dict))
    monkeypatch.setattr(replica, "STANDBY", EVERYTHING)
    monkeypatch.setattr(replica._Process, "away_until", 0.0)
    monkeypatch.setattr(replica._Process, "sampled_at", float("-inf"))
    monkeypatch.setattr(settings, "DATABASE_REPLICA_LAG_SECONDS", 10, raising=False)
    yield
    connections["replica"].close()
    del connections["replica"]


@pytest.fixture
def browser(replicated):
    client = WebClient()
    client.post("/accounts/login/", {"login": "admin@northwind.example", "password": PASSWORD})
    return client


def counted():
    read = REGISTRY.get_sample_value
    return {each: read("portal_replica_reads_total", {"outcome": each}) or 0 for each in OUTCOMES}


@contextmanager
def answered(*outcomes):
    """One answer with that outcome, and no other; without an outcome the replica is not tried."""
    before = counted()
    yield
    after = counted()
    assert {each: after[each] - before[each] for each in OUTCOMES if after[each] != before[each]} == dict.fromkeys(
        outcomes, 1
    )


def test_pages_and_the_api_are_the_same_from_the_replica(browser, monkeypatch):
    for address in (
        "/dashboard/",
        "/tiers/",
        "/clients/",
        "/renewals/",
        "/commissions/",
        "/api/v1/progress",
        "/settings/",
    ):
        with answered("replica"):
            there = browser.get(address)
        with monkeypatch.context() as patched:
            patched.delitem(connections.settings, "replica")
            here = browser.get(address)
        assert (there.status_code, here.status_code) == (200, 200), address
        assert without_tokens(there) == without_tokens(here), address
    assert connections["default"].alias == "default"


def without_tokens(answer):
    return re.sub(rb"\b[A-Za-z0-9]{64}\b", b"", answer.content)  # of forms, masked anew in every answer


def test_a_page_that_stores_something_is_answered_by_the_primary(browser):
    from accounts.models import Membership, User
    from accounts.scope import user_scope

    page = "/dashboard/?changes_range="
    choice = {"Sec-Fetch-Site": "same-origin", "Referer": f"http://testserver{page}last-30-days"}
    with answered("needs_primary"):
        assert browser.get(f"{page}last-90-days", headers=choice).status_code == 200
    admin = User.objects.get(email="admin@northwind.example")
    with user_scope(admin):
        stored = Membership.objects.get(user=admin).ranges
    assert "last-90-days" in str(stored)


def test_after_a_write_of_ones_own_the_primary_answers_until_the_replica_has_it(browser, monkeypatch):
    def replayed_now():
        position = replica._position(connection)
        monkeypatch.setattr(replica, "STANDBY", f"SELECT true, {position}, 0.0")

    browser.get("/clients/")  # nobody has written for a while: from now on the position is known
    replayed_now()
    with answered("replica"):
        browser.get("/clients/")
    form = {"name": "Anna", "language": "nl", "theme": "dark", "density": "", "single_keys": "on"}
    assert browser.post("/accounts/profile/", form).status_code == 302
    with answered("behind"):
        page = browser.get("/accounts/profile/")
    assert b"Anna" in page.content
    assert b'lang="nl"' in page.content
    replayed_now()
    with answered("replica"):
        assert b"Anna" in browser.get("/accounts/profile/").content


def test_what_a_worker_writes_for_a_partner_counts_as_a_write_of_all_its_people(browser, monkeypatch):
    from accounts.models import Partner
    from accounts.scope import partner_scope

    browser.get("/clients/")
    monkeypatch.setattr(replica, "STANDBY", f"SELECT true, {replica._position(connection)}, 0.0")
    northwind, southwind = (Partner.objects.get(slug=slug) for slug in ("northwind", "southwind"))
    with partner_scope(southwind):
        Partner.objects.filter(pk=southwind.pk).update(name="South")
    with partner_scope(northwind):
        assert Partner.objects.filter(pk=northwind.pk).exists()  # it only reads
    with answered("replica"):
        browser.get("/clients/")
    with partner_scope(northwind):
        Partner.objects.filter(pk=northwind.pk).update(name="North")
    with answered("behind"):
        assert b"North" in browser.get("/settings/").content


def test_a_replica_that_is_further_behind_than_the_setting_is_not_read(browser, settings, monkeypatch):
    settings.DATABASE_REPLICA_LAG_SECONDS = 3600
    browser.get("/clients/")
    monkeypatch.setattr(replica._Process, "settled", 2**64)
    with answered("behind"):
        assert browser.get("/clients/").status_code == 200


def test_a_position_that_was_stored_late_lowers_no_later_one(replicated, monkeypatch):
    cache.set("a-position", 2**62)
    replica.note_write(connection, ["a-position"])
    assert cache.get("a-position") == 2**62


def test_a_replica_that_is_away_costs_one_try_in_a_while(browser, monkeypatch):
    monkeypatch.setattr(replica, "AWAY_SECONDS", 600)
    connections["replica"].close()
    monkeypatch.setitem(connections["replica"].settings_dict, "HOST", "/nowhere")
    with answered("failed"):
        assert browser.get("/clients/").status_code == 200
    with answered():
        assert browser.get("/clients/").status_code == 200
    assert b'"replica": "failed"' in health.ready(request()).content


def test_a_replica_that_dies_within_an_answer_is_replaced_by_the_primary(browser, monkeypatch):
    real, killed = replica._watch, []

    def kill_first(execute, sql, params, many, context):
        if "clients_client" in sql and not killed:
            killed.append(context["connection"].connection.info.backend_pid)
            with connections["default"].copy().cursor() as other:
                other.execute("SELECT pg_terminate_backend(%s)", killed)
                other.db.close()
        return real(execute, sql, params, many, context)

    monkeypatch.setattr(replica, "_watch", kill_first)
    with answered("failed"):
        page = browser.get("/clients/")
    assert (page.status_code, len(killed)) == (200, 1)


def test_a_promoted_replica_is_neither_read_nor_written(browser, monkeypatch):
    monkeypatch.setattr(replica, "STANDBY", NO_STANDBY)
    with answered("failed"):
        assert browser.get("/clients/").status_code == 200
    assert b'"replica": "missing"' in health.ready(request()).content


def test_nothing_is_written_to_the_replica_and_what_writes_is_done_once(replicated):
    from accounts.models import Partner

    seen = []

    def write():
        seen.append(connection.alias)
        with transaction.atomic():
            Partner.objects.filter(slug="northwind").update(stale_after_days=F("stale_after_days") + 1)

    before = Partner.objects.get(slug="northwind").stale_after_days
    with answered("needs_primary"):
        replica.answered(write)
    assert seen == ["replica", "default"]
    assert Partner.objects.get(slug="northwind").stale_after_days == before + 1


def test_rows_of_a_partner_only_to_its_own_people(replicated):
    from accounts.models import Partner
    from accounts.scope import partner_scope
    from clients.models import Client

    def counts():
        with transaction.atomic():
            nobodys = Client.objects.count()
        shown = []
        for partner in Partner.objects.order_by("slug"):
            with partner_scope(partner):
                shown.append((Client.objects.count(), Client.objects.exclude(partner=partner).count()))
        return nobodys, shown

    with answered("replica"):
        nobodys, shown = replica.answered(counts)
    assert nobodys == 0
    assert [others for _own, others in shown] == [0] * len(shown)
    assert max(own for own, _others in shown) > 0


@pytest.mark.parametrize(
    "ask",
    [
        lambda: locks.held_keys(locks.EXPORT),
        lambda: locks.lock_if_free(locks.PARTNER_FACTS, 1),
        lambda: locks.lock(locks.PARTNER_FACTS, 1),
        lambda: locks.session_lock(locks.EXPORT, 1).__enter__(),
    ],
)
def test_locks_are_those_of_the_primary(replicated, ask):
    aliases = []

    def answer():
        aliases.append(connection.alias)
        with transaction.atomic():
            ask()

    with answered("needs_primary"):
        replica.answered(answer)
    assert aliases == ["replica", "default"]


def test_whoever_belongs_nowhere_is_looked_up_on_the_primary(replicated):
    from accounts.models import User

    client = WebClient()
    client.force_login(
        User.objects.create_user("new@nowhere.example"), backend="accounts.backends.ConfirmedAddressBackend"
    )
    with answered("needs_primary"):
        assert client.get("/clients/").status_code == 403


def test_programs_read_from_the_replica_too(replicated):
    from accounts.models import Partner, User
    from accounts.scope import member_scope, memberships_of, partner_scope, user_scope
    from api.services import make_token

    admin = User.objects.get(email="admin@northwind.example")
    with user_scope(admin):
        membership = memberships_of(admin)[0]
    membership.user = admin
    with partner_scope(Partner.objects.get(slug="northwind"), admin):
        _token, text = make_token(scope=member_scope(membership), name="a program", role="member", days=30)
    client = WebClient()
    headers = {"Authorization": f"Bearer {text}"}
    with answered("needs_primary"):  # the first use is stored
        assert client.get("/api/v1/progress", headers=headers).status_code == 200
    with answered("replica"):
        assert client.get("/api/v1/progress", headers=headers).status_code == 200
    with answered("needs_primary"):
        assert client.get("/api/v1/progress", headers={"Authorization": "Bearer pp_1_1_" + "x" * 43}).status_code == 401


def test_operators_see_how_far_it_is(replicated, monkeypatch, capsys):
    monkeypatch.setattr(replica, "STANDBY", NOTHING)
    text = exposition(StateCollector()).decode()
    assert "portal_replica_up 1.0" in text
    assert re.search(r"^portal_replica_behind_bytes [1-9]", text, re.MULTILINE)
    assert "portal_replica_behind_seconds 60.0" in text
    call_command("doctor", "--only", "replica")
    assert capsys.readouterr().out.startswith("warning  replica: The replica is 60 s and ")
    assert b'"replica": "ok"' in health.ready(request()).content


def request():
    return RequestFactory().get("/health/ready")
