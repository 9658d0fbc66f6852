"""Reads on a real hot standby: followed, paused, killed and promoted."""

import shutil
import subprocess
import tempfile
import time
from functools import partial
from pathlib import Path

import psycopg
import pytest
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.test import Client as WebClient
from prometheus_client.registry import REGISTRY

from bench.standby import Standby, allow_standbys
from partner_portal.lib.db import replica
from partner_portal.local import postgres
from partner_portal.postgres.guards import tenant_models

PASSWORD = "partner-portal-demo"
PAGES = (
    "/dashboard/", "/tiers/", "/clients/", "/renewals/", "/commissions/", "/calculator/", "/reports/", "/notices/",
    "/settings/", "/help/", "/search/?q=harbour", "/api/v1/progress", "/api/v1/changes",
)  # fmt: skip

pytestmark = [pytest.mark.slow, pytest.mark.sweep]


@pytest.fixture(scope="module")
def servers(template_database, django_db_blocker):
    """A primary with the demo partners, this process's database; and its standby."""
    folder = Path(tempfile.mkdtemp(prefix="portal-standby-"))
    folder.chmod(0o711)
    allow_standbys(folder / "var")
    here, there = postgres.ensure_running(settings.PORTAL_VAR), postgres.ensure_running(folder / "var")
    programs = postgres.program_folder()
    dump = folder / "dump"
    subprocess.run(
        [programs / "pg_dump", "-Fc", "-h", here.host, "-U", here.superuser, "-f", dump, template_database], check=True
    )
    subprocess.run(
        [programs / "pg_restore", "-h", there.host, "-U", there.superuser, "-d", there.database, "-e", dump], check=True
    )
    standby = Standby(folder / "var", folder / "standby")
    database = connections["default"]
    with pytest.MonkeyPatch.context() as patched, django_db_blocker.unblock():
        database.close()
        patched.setattr(settings, "PORTAL_EMBEDDED_DATABASE", False)
        for key, value in {"HOST": there.host, "USER": there.user, "NAME": there.database}.items():
            patched.setitem(database.settings_dict, key, value)
        standby.make()
        copy = database.settings_dict | {"HOST": standby.host}
        patched.setitem(connections.settings, "replica", copy)
        patched.setattr(settings, "DATABASE_REPLICA_LAG_SECONDS", 10)
        cache.clear()
        try:
            yield standby
        finally:
            connections["replica"].close()
            del connections["replica"]
            database.close()
            cache.clear()
    standby.stop()
    postgres.release(folder / "var")
    shutil.rmtree(folder)


@pytest.fixture
def standby(servers, monkeypatch):
    """The standby, which has replayed everything and is read again at once after a failure."""
    monkeypatch.setattr(replica._Process, "away_until", 0.0)
    servers.catch_up()
    return servers


@pytest.fixture
def browser(standby):
    def signed_in(email="admin@northwind.example"):
        client = WebClient()
        assert client.post("/accounts/login/", {"login": email, "password": PASSWORD}).status_code == 302
        return client

    return signed_in


def outcomes():
    names = ("replica", "behind", "needs_primary", "failed")
    read = REGISTRY.get_sample_value
    return {name: read("portal_replica_reads_total", {"outcome": name}) or 0 for name in names}


def outcome_of(ask):
    """What the request answered, and where it was answered."""
    before = outcomes()
    answer = ask()
    after = outcomes()
    changed = [name for name in after if after[name] != before[name]]
    return answer, changed


def until_read_from_the_replica(ask, seconds=20):
    deadline = time.monotonic() + seconds
    while True:
        answer, outcome = outcome_of(ask)
        if outcome == ["replica"]:
            return answer
        assert time.monotonic() < deadline, outcome
        time.sleep(0.05)


def plain(answer):
    return "".join(word for word in answer.content.decode().split('"') if len(word) != 64)


def test_pages_are_those_of_the_primary(browser, standby, monkeypatch):
    client = browser()
    standby.catch_up()
    for address in PAGES:
        there = until_read_from_the_replica(lambda address=address: client.get(address))
        cache.clear()
        with monkeypatch.context() as patched:
            patched.delitem(connections.settings, "replica")
            here = client.get(address)
        assert (there.status_code, here.status_code) == (200, 200), address
        assert plain(there) == plain(here), address


def test_ones_own_write_is_seen_at_once(browser):
    client, seen = browser(), []
    for number in range(20):
        rename(client, f"Anna {number}")
        answer, outcome = outcome_of(lambda: client.get("/accounts/profile/"))
        assert f"Anna {number}" in answer.content.decode()
        seen += outcome
    assert set(seen) <= {"replica", "behind"}
    assert "Anna 19" in until_read_from_the_replica(lambda: client.get("/accounts/profile/")).content.decode()


def rename(client, name):
    form = {"name": name, "language": "en", "theme": "", "density": "", "single_keys": "on"}
    assert client.post("/accounts/profile/", form).status_code == 302


def test_a_paused_replica_shows_nobody_less_than_they_wrote(browser, standby):
    client, other = browser(), browser("admin@southwind.example")
    for each in (client, other):
        until_read_from_the_replica(lambda each=each: each.get("/clients/"))
    standby.ask("SELECT pg_wal_replay_pause()")
    try:
        rename(client, "Written meanwhile")
        answer, outcome = outcome_of(lambda: client.get("/accounts/profile/"))
        assert (outcome, "Written meanwhile" in answer.content.decode()) == (["behind"], True)
        assert outcome_of(lambda: other.get("/clients/"))[1] == ["replica"]
        cache.clear()  # evicted: what nobody knows is as far as the primary is now
        answer, outcome = outcome_of(lambda: client.get("/accounts/profile/"))
        assert (outcome, "Written meanwhile" in answer.content.decode()) == (["behind"], True)
    finally:
        standby.ask("SELECT pg_wal_replay_resume()")
    assert "Written meanwhile" in until_read_from_the_replica(lambda: client.get("/accounts/profile/")).content.decode()


def test_figures_of_an_older_replica_are_not_those_of_the_new_generation(browser, standby, monkeypatch):
    """Even where the position of the write is lost: the worst that can be."""
    from accounts.models import Partner
    from accounts.scope import partner_scope, system_scope
    from accounts.services import bump_generation
    from clients.models import Client

    client = browser()
    until_read_from_the_replica(lambda: client.get("/clients/"))
    northwind = Partner.objects.get(slug="northwind")
    standby.ask("SELECT pg_wal_replay_pause()")
    try:
        with monkeypatch.context() as patched:
            patched.setattr(replica, "note_write", lambda *_: None)
            with partner_scope(northwind):
                Client.objects.filter(partner=northwind).update(name="Renamed")
                bump_generation(system_scope(northwind))
        old, outcome = outcome_of(lambda: client.get("/clients/"))
        assert (outcome, "Renamed" in old.content.decode()) == (["replica"], False)
    finally:
        standby.ask("SELECT pg_wal_replay_resume()")
    standby.catch_up()
    assert "Renamed" in until_read_from_the_replica(lambda: client.get("/clients/")).content.decode()


def test_files_are_read_from_the_replica(standby):
    from accounts.models import Partner, User
    from accounts.scope import member_scope, memberships_of, partner_scope, user_scope
    from partner_portal.lib.rows.datasets import select
    from reports.models import Export
    from reports.services import exports

    partner = Partner.objects.get(slug="northwind")
    user = User.objects.get(email="admin@northwind.example")
    with user_scope(user):
        membership = next(each for each in memberships_of(user) if each.partner_id == partner.pk)
    membership.user = user
    scope = member_scope(membership)
    files = {}
    for wanted in ("replica", "behind"):
        with partner_scope(partner, user):
            chosen = select("changes-lost-sold", scope, {"changes_range": "last-12-months"})
            request = exports.ExportRequest(name=wanted, format="csv", dialect="point")
            export = exports.request_export(scope=scope, selection=chosen, export_request=request)
        standby.catch_up()
        if wanted == "behind":
            standby.ask("SELECT pg_wal_replay_pause()")
            with partner_scope(partner, user):
                Export.objects.filter(pk=export.pk).update(title="another")
        try:
            state, outcome = outcome_of(partial(exports.run_export, partner_id=partner.pk, export_id=export.pk))
        finally:
            standby.ask("SELECT pg_wal_replay_resume()")
        assert (state, outcome) == ("ready", [wanted])
        with partner_scope(partner), Export.objects.get(pk=export.pk).file.open("rb") as file:
            files[wanted] = file.read()
    assert files["replica"] == files["behind"]
    assert files["replica"].count(b"\r\n") > 25


def test_row_level_security_holds_on_the_standby(standby):
    with psycopg.connect(host=standby.host, user="portal_app", dbname="portal", autocommit=True) as database:
        for model in tenant_models():
            table = model._meta.db_table
            if table == "accounts_membership":
                continue  # seen by its own person
            assert database.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table  # noqa: S608
        with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
            database.execute("UPDATE accounts_partner SET name = 'x'")


def test_a_killed_replica_stops_nobody_and_is_read_again_when_it_is_back(browser, standby):
    client = browser()
    until_read_from_the_replica(lambda: client.get("/clients/"))
    standby.kill()
    seen = []
    for address in PAGES:
        answer, outcome = outcome_of(lambda address=address: client.get(address))
        assert answer.status_code == 200, address
        seen += outcome
    assert set(seen) <= {"failed", "behind"}
    assert "failed" in seen
    standby.start()
    replica._Process.away_until = 0.0
    until_read_from_the_replica(lambda: client.get("/clients/"))


def test_a_promoted_replica_is_left_alone(browser, standby):
    """The last test: it cannot be undone."""
    client = browser()
    until_read_from_the_replica(lambda: client.get("/clients/"))
    standby.ask("SELECT pg_promote()")
    before = standby.ask("SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables")
    answer, outcome = outcome_of(lambda: client.get("/clients/"))
    assert (answer.status_code, outcome) == (200, ["failed"])
    rename(client, "Elsewhere")
    assert "Elsewhere" in client.get("/accounts/profile/").content.decode()
    assert standby.ask("SELECT sum(n_tup_ins + n_tup_upd) FROM pg_stat_user_tables") == before
    standby.catch_up = lambda: None
