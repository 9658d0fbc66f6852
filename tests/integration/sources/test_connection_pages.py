"""Pages of connections: an admin's journey without JavaScript, and where a token may and may not be seen."""

import json
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from partner_portal.lib.progress import JobProgress
from tests.integration.sources.conftest import ANSWERS
from tests.simulated_hubspot import TOKEN


def questions_form(**more: str) -> dict[str, str]:
    """What the form sends, from the answers of the command."""
    sent = {"take": "registered", "every_minutes": "60", "withdrawn_percent": "5", "withdrawn_rows": "10",
            "changed_percent": "60", "changed_rows": "50", "points_percent": "20"}  # fmt: skip
    for key, answer in ANSWERS["answers"].items():
        sent[key] = answer.get("property", "=")
        if "value" in answer:
            sent[f"{key}-value"] = answer["value"]
    return sent | more


def test_journey_from_the_token_to_the_first_import(hub: Any, admin: Any, ask: Any, sync: Any) -> None:
    assert "Nothing is connected yet" in admin.get("/connections/").content.decode()
    wrong = ask("/connections/new/hubspot/", {"token": "nobody-knows-this-token-of-forty-characters"})
    assert wrong.redirect_chain == [("/connections/new/hubspot/", 302)]
    assert "does not accept the token" in wrong.content.decode()
    made = ask("/connections/new/hubspot/", {"token": TOKEN})
    [(questions, _status)] = made.redirect_chain
    assert "HubSpot is connected." in made.content.decode()
    assert "Who brought the deal?" in made.content.decode()
    again = ask("/connections/new/hubspot/", {"token": TOKEN})
    assert "This connection exists already." in again.content.decode()

    shown = admin.post(questions, questions_form(do="show")).content.decode()
    words = re.findall(r'<label for="id_(deals\.origin-word-\d)">', shown)
    assert len(words) == 3
    meanings = dict(zip(words, ("sourced", "assisted", "none"), strict=True))
    saved = admin.post(questions, questions_form(do="save") | meanings)
    assert saved.status_code == 302
    assert sync()["state"] == "waits"
    page = admin.get(saved["Location"]).content.decode()
    batch = re.search(r'href="(/imports/\d+/)"', page)
    assert batch is not None
    assert "44 new" in page
    assert "Read from HubSpot" in admin.get(batch[1]).content.decode()
    assert admin.post(f"{batch[1]}commit/").status_code == 302
    page = admin.get(saved["Location"]).content.decode()
    assert "All well." in page
    assert "· HubSpot" in admin.get("/dashboard/").content.decode()


def test_which_deals_by_a_property_and_how_many_each_choice_takes(
    hub: Any, connect: Any, sync: Any, admin: Any, command: Any
) -> None:
    from sources.models import Connection

    first, second = list(hub.world.rows["deals"])[:2]
    hub.world.change("deals", first, hs_num_associated_deal_registrations="0")
    hub.world.change("deals", second, product="Sales Hub")
    connect()
    sync("--commit")
    page = f"/connections/{Connection.objects.get().pk}/questions/"
    shown = admin.get(page).content.decode()
    for text in ("registered with the vendor (39)", "All deals (40)", "HubSpot subscriptions (40)"):
        assert text in shown
    assert "take_value" not in shown
    form = questions_form(take="=", do="show")
    assert 'name="take_value"' in admin.post(page, form).content.decode()
    words = {f"deals.origin-word-{n}": word for n, word in enumerate(("sourced", "assisted", "none"))}
    chosen = form | words | {"do": "save", "take_property": "product", "take_value": "sales hub"}
    for fixed in ("clients.client_id", "deals.deal_id"):
        chosen.pop(fixed)
    saved = admin.post(page, chosen)
    assert saved.status_code == 302, saved.content.decode()
    assert Connection.objects.get().answers["deals"] == {"take": {"property": "product", "value": "sales hub"}}
    assert sync()["read"]["deals"] == 1
    assert 'value="sales hub"' in admin.get(page).content.decode()


def test_stamp_names_the_kind_whose_file_is_the_oldest(
    hub: Any, connect: Any, sync: Any, admin: Any, command: Any, tmp_path: Any, eastwind: Any
) -> None:
    from imports.models import ImportBatch

    connect()
    sync("--commit")
    for name, text in {
        "certifications": "person,certification,earned_on,expires_on\nA,Solutions Partner,2026-01-01,2027-01-01\n",
        "mrr_history": "client_id,month,mrr,currency\n70001,2026-10,900,EUR\n",
    }.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        assert command("import_data", tmp_path / f"{name}.csv")[0] == 0
    assert "file of" not in admin.get("/dashboard/team/").content.decode()  # all of today
    for day, kind in (("14", "certifications"), ("20", "mrr_history")):
        ImportBatch.objects.filter(tables__kind=kind).update(committed_at=f"2026-10-{day}T09:00Z")
    page = " ".join(admin.get("/dashboard/team/").content.decode().split())
    assert "· Certifications: file of 14 Oct and 1 more" in page


def test_pause_resume_and_disconnect(hub: Any, connect: Any, admin: Any, command: Any, sync: Any) -> None:
    from sources.models import ConnectedRow, Connection

    connect()
    sync("--commit")
    page = f"/connections/{Connection.objects.get().pk}/"
    admin.post(f"{page}pause/")
    assert Connection.objects.get().next_at is None
    assert "Paused" in admin.get(page).content.decode()
    admin.post(f"{page}resume/")
    assert Connection.objects.get().next_at is not None
    assert admin.get(f"{page}disconnect/").status_code == 200
    admin.post(f"{page}disconnect/", {"as_files": "yes"})
    connection = Connection.objects.get()
    assert (connection.state, connection.secret, connection.token_hint, connection.next_at) == (
        "disconnected",
        "",
        "",
        None,
    )
    assert not ConnectedRow.objects.exists()
    assert admin.get(page).status_code == 404
    assert command("sync")[0] == 2


def test_token_is_seen_nowhere(
    hub: Any, connect: Any, sync: Any, admin: Any, ask: Any, caplog: Any, eastwind: Any, monkeypatch: Any, valkey: Any
) -> None:
    """In no table, page, log, audit event, answer of the API, queue, cache or report of an error: only encrypted."""
    from django.db import connection as database
    from psycopg import sql

    from sources import tasks
    from sources.models import Connection

    for task in (tasks.call_vendor, tasks.sync, tasks.mail_admins):
        monkeypatch.setattr(task, "delay", lambda *sent, task=task: valkey.send(task, sent))
    caplog.set_level("DEBUG")
    connect()
    sync("--commit")
    hub.world.tokens.clear()
    sync("--full")
    ask("/connections/new/hubspot/", {"token": TOKEN})
    admin.post("/connections/new/hubspot/", {"token": TOKEN})  # and nobody has made that call yet
    valkey.send(tasks.call_vendor, (eastwind.pk, 1))
    pk = Connection.objects.get().pk
    JobProgress("sync", pk)("deals", 1, 2)
    seen = [caplog.text, valkey.content(), _error_report(admin, monkeypatch)]
    assert "sources.tasks.call_vendor" in seen[1]
    for page in ("", f"{pk}/", f"{pk}/questions/", f"{pk}/token/", f"{pk}/clients/", "new/hubspot/"):
        seen.append(admin.get(f"/connections/{page}").content.decode())
    seen.append(admin.get("/accounts/audit/").content.decode())
    seen.append(admin.get("/api/v1/connections").content.decode())
    with database.cursor() as cursor:
        for table in database.introspection.table_names(cursor):
            query = sql.SQL("SELECT coalesce(string_agg(t::text, chr(10)), '') FROM {} t")
            cursor.execute(query.format(sql.Identifier(table)))
            seen.append(cursor.fetchone()[0])
    assert not [text[:80] for text in seen if TOKEN in text]
    assert TOKEN[-4:] == Connection.objects.get().token_hint


def _error_report(admin: Any, monkeypatch: Any) -> str:
    """What Django mails about an error in the request that has the token, with the values of all variables."""
    from django.core.signals import got_request_exception
    from django.views.debug import ExceptionReporter

    reports: list[str] = []

    def report(request: Any, **_more: Any) -> None:
        reporter = ExceptionReporter(request, *sys.exc_info())
        reports.extend((reporter.get_traceback_html(), reporter.get_traceback_text()))

    got_request_exception.connect(report)
    admin.raise_request_exception = False
    try:
        with monkeypatch.context() as broken:
            broken.setattr("sources.calls.now", lambda: 1 / 0)
            assert admin.post("/connections/new/hubspot/", {"token": TOKEN}).status_code == 500
    finally:
        got_request_exception.disconnect(report)
        admin.raise_request_exception = True
    assert "ZeroDivisionError" in reports[0]
    return "".join(reports)


@pytest.fixture
def valkey(tmp_path_factory: Any) -> Any:
    """A queue and cache as an installation's, in a folder of its own."""
    from types import SimpleNamespace

    from kombu import Connection as Broker

    from partner_portal.local import valkey as local

    folder = Path(tempfile.mkdtemp(prefix="vk"))
    socket = local.ensure_running(folder)

    def send(task: Any, arguments: Any) -> None:
        with Broker(f"redis+socket://{socket}") as broker:
            task.apply_async(arguments, connection=broker)

    def content() -> str:
        return "".join(path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file())

    yield SimpleNamespace(send=send, content=content)
    process = local.process_of(folder / "valkey")
    assert process is not None
    process.terminate()
    process.wait(10)
    shutil.rmtree(folder)


def test_secret_of_one_partner_is_useless_to_another(hub: Any, connect: Any, other_partner: Any) -> None:
    from accounts.models import Partner
    from accounts.scope import partner_scope
    from imports.pipeline import silent
    from sources.models import Connection
    from sources.runs import run_connection

    connect()
    own = Connection.objects.get()
    with partner_scope(other_partner):
        assert not Connection.objects.exists()
        copied = Connection.objects.create(
            partner=other_partner, vendor="hubspot", label="HubSpot", state="active", secret=own.secret,
            account=own.account, schema=own.schema, answers=own.answers,
        )  # fmt: skip
    before = len(hub.adapter.requests)
    run = run_connection(
        partner=Partner.objects.get(pk=other_partner.pk), connection_id=copied.pk, by_itself=True, step=silent
    )
    assert run is not None
    assert (run.state, run.why) == ("failed", "key_missing")
    assert len(hub.adapter.requests) == before


def test_rotated_keys_still_open_the_token(hub: Any, connect: Any, sync: Any, settings: Any) -> None:
    settings.CREDENTIALS_KEYS = ["old key of more than thirty-two characters"]
    connect()
    settings.CREDENTIALS_KEYS = ["new key of more than thirty-two characters", *settings.CREDENTIALS_KEYS]
    call_command("rotate_credentials", verbosity=0)
    settings.CREDENTIALS_KEYS = settings.CREDENTIALS_KEYS[:1]
    assert sync()["state"] == "waits"


def test_late_connection_says_why_on_every_page(hub: Any, connect: Any, sync: Any, admin: Any, eastwind: Any) -> None:
    from datetime import timedelta

    from partner_portal.lib.dates.clock import now
    from sources.models import Connection

    connect()
    sync("--commit")
    hub.world.tokens.clear()
    sync()
    Connection.objects.update(good_at=now() - timedelta(hours=5))
    page = admin.get("/dashboard/").content.decode()
    assert "does not accept the token any more" in page
    assert "stamp stale" in page
    api = json.loads(admin.get("/api/v1/connections").content)
    assert [(row["state"], row["vendor"]) for row in api["connections"]] == [("rejected", "hubspot")]


def test_new_token_is_tested_by_a_worker_and_a_slow_vendor_ends_it(
    hub: Any, connect: Any, sync: Any, admin: Any, ask: Any
) -> None:
    from sources.models import Connection
    from sources.simulator.faults import Fault

    connect()
    hub.world.tokens.clear()
    sync()
    page = f"/connections/{Connection.objects.get().pk}/"
    renewed = "another-token-of-forty-known-characters"
    hub.world.add_token(renewed)
    hub.simulator.faults.append(Fault("slow", value="14"))
    before = hub.time.passed
    assert "HubSpot does not answer now." in ask(f"{page}token/", {"token": renewed}).content.decode()
    assert hub.time.passed - before < 75
    assert Connection.objects.get().state == "rejected"
    hub.simulator.faults.clear()
    assert "The new token works and is stored." in ask(f"{page}token/", {"token": renewed}).content.decode()
    assert Connection.objects.get().state == "active"
    assert sync("--commit")["state"] == "committed"


def test_a_call_whose_worker_is_gone_is_made_again_then_given_up(
    hub: Any, admin: Any, eastwind: Any, monkeypatch: Any
) -> None:
    from datetime import timedelta

    from accounts.scope import partner_scope
    from partner_portal.lib.dates.clock import now
    from sources import tasks
    from sources.models import VendorCall

    enqueued: list[int] = []
    monkeypatch.setattr(tasks.call_vendor, "delay", lambda _partner, call: enqueued.append(call))
    admin.post("/connections/new/hubspot/", {"token": TOKEN})
    with partner_scope(eastwind):
        call = VendorCall.objects.get()
        assert call.secret
        assert TOKEN not in str(vars(call))
    for minutes, state, again in ((1, "waiting", 0), (4, "waiting", 1), (16, "failed", 0)):
        with partner_scope(eastwind):
            VendorCall.objects.update(asked_at=now() - timedelta(minutes=minutes))
        enqueued.clear()
        tasks.run_due_connections()
        assert len(enqueued) == again
        with partner_scope(eastwind):
            assert VendorCall.objects.get().state == state
    with partner_scope(eastwind):
        assert VendorCall.objects.get().secret == ""
    assert "could not get to it" in admin.get(f"/connections/calls/{call.pk}/", follow=True).content.decode()
