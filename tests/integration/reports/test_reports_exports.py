"""Files from asking to expiry: what is in them, who gets them, and what each end of their life looks like."""

import csv
import io
import re
import zipfile
from datetime import timedelta
from urllib.parse import quote

import openpyxl
import pytest
from django.core import mail
from django.urls import reverse

from partner_portal.lib.dates import clock
from partner_portal.lib.rows.datasets import select
from reports.models import Export, State

LOST = "changes-lost-sold"
YEAR = {"changes_range": "last-12-months"}


def ask(client, key=LOST, query=None, **form):
    """Post the export form of a dataset."""
    given = {"name": "my file", "format": "xlsx", "dialect": "point", "columns": "shown"} | form
    address = reverse("export_new", args=[key]) + "?" + "&".join(f"{k}={v}" for k, v in (query or YEAR).items())
    return client.post(address, given)


def body(response) -> bytes:
    return b"".join(response.streaming_content)


def test_a_small_file_comes_at_once_and_is_what_was_shown(web, scope):
    client = web("admin")
    response = ask(client, format="csv")
    assert response["Content-Disposition"].startswith('attachment; filename="my file.csv"')
    assert response["Cache-Control"] == "private, no-store"
    assert response["X-Content-Type-Options"] == "nosniff"
    data = body(response)
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))
    selection = select(LOST, scope, YEAR)
    assert len(rows) - 1 == selection.count > 25  # more than one page
    points = [row[rows[0].index("Points")] for row in rows[1:]]
    from decimal import Decimal

    assert sum(map(Decimal, points)) == -selection.figure
    export = Export.objects.get()
    assert (export.state, export.rows, export.downloads) == (State.READY, selection.count, 1)
    assert export.size == len(data)


def test_a_workbook_tells_about_itself(web, scope):
    data = body(ask(web("admin")))
    book = openpyxl.load_workbook(io.BytesIO(data))
    assert book.sheetnames == ["Entries", "About this export"]
    about = {row[0].value: row[1].value for row in book["About this export"].iter_rows(min_row=2)}
    selection = select(LOST, scope, YEAR)
    assert about["Rows"] == selection.count
    assert about["Days"] == "24 Nov 2025 to 23 Nov 2026, both days included"
    assert about["Time zone"] == scope.partner.time_zone
    assert about["To come back"].endswith(
        "/reports/rows/changes-lost-sold/?changes_from=2025-11-24&changes_to=2026-11-23"
    )
    assert about["Total of Points"] == pytest.approx(float(-selection.figure))


def test_asking_twice_within_a_minute_is_one_file(web, scope):
    client = web("admin")
    assert body(ask(client)) == body(ask(client))
    assert Export.objects.count() == 1
    Export.objects.update(created_at=clock.now() - timedelta(minutes=2))
    body(ask(client))
    assert Export.objects.count() == 2


ODD_NAMES = [
    '=HYPERLINK("http://evil.example";"x")', "+31 20", "-dash", "@agency", "a\tb", "two\nlines",
    "a\r\nSet-Cookie: x=1", 'He said "no"; then',
    "שלום עולם", "\u202eright to left", "Zoë 😀 Ålesund", "../../etc/passwd", "CON", "semi;colon, comma", "%00%2f", "x" * 150,
]  # fmt: skip


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("kind", ["csv", "xlsx", "zip"])
def test_a_file_of_any_name_opens(web, scope, name, kind):
    response = ask(web("admin"), name=name, format=kind)
    data = body(response)
    head = response["Content-Disposition"]
    assert "\r" not in head + "".join(response.headers)
    assert "\n" not in head
    export = Export.objects.get()
    assert set(export.file_name).isdisjoint('/\\\r\n\t"<>|:*?')
    assert quote(export.file_name, safe="") in head or f'filename="{export.file_name}"' in head
    if kind == "xlsx":
        assert openpyxl.load_workbook(io.BytesIO(data))["About this export"]["B2"].value
    elif kind == "zip":
        assert zipfile.ZipFile(io.BytesIO(data)).testzip() is None
    else:
        assert len(list(csv.reader(io.StringIO(data.decode("utf-8-sig"), newline="")))) == export.rows + 1


@pytest.mark.parametrize("name", ["x" * 10_000, "", "   ", "/", "..."])
def test_a_name_that_is_none_is_told_in_words(web, scope, name):
    response = ask(web("admin"), name=name)
    assert response.status_code == 200
    assert response.context["form"]["name"].errors
    assert not Export.objects.exists()


def test_only_its_owner_gets_a_file(web, scope):
    body(ask(web("manager")))
    export = Export.objects.get()
    for name in ("admin", "member", "outsider"):
        for route in ("export", "export_file"):
            assert web(name).get(reverse(route, args=[export.pk])).status_code == 404
    assert web("manager").get(reverse("export_file", args=[export.pk])).status_code == 200


def test_a_file_with_columns_that_its_owner_lost_is_not_handed_out(web, person, scope):
    from accounts.models import Membership

    body(ask(web("manager"), columns="all"))
    export = Export.objects.get()
    Membership.objects.filter(user=person("manager")).update(role="member")
    response = web("manager").get(reverse("export_file", args=[export.pk]))
    assert response.status_code == 403
    assert b"may no longer see" in response.content


@pytest.mark.parametrize("kind", ["csv", "xlsx", "zip"])
def test_a_member_without_the_money_right_never_gets_an_amount(web, kind):
    client = web("member")
    data = body(ask(client, columns="all", format=kind))
    assert b"Amount" not in data
    if kind == "xlsx":
        heads = [cell.value for cell in next(openpyxl.load_workbook(io.BytesIO(data))["Entries"].iter_rows())]
        assert "Amount" not in heads
        assert "Currency" not in heads


def test_limits_say_how_long_to_wait(web, scope, settings):
    client = web("admin")
    settings.EXPORT_AN_HOUR = 2
    body(ask(client, name="one"))
    body(ask(client, name="two"))
    response = ask(client, name="three")
    assert response.status_code == 200
    assert "You asked for 2 files within an hour. The next one can be made in 60 minutes." in response.content.decode()
    Export.objects.update(state=State.QUEUED, created_at=clock.now() - timedelta(hours=2))
    settings.EXPORT_AT_ONCE = 2
    assert "2 files of yours are still being made" in ask(client, name="four").content.decode()


def test_other_admins_are_told_of_a_large_export_once(
    web, scope, person, settings, monkeypatch, django_capture_on_commit_callbacks
):
    from accounts.models import AuditEvent, Membership
    from reports import tasks
    from reports.services.exports import notify_large

    settings.EXPORT_NOTABLE_ROWS = 94
    Membership.objects.filter(user=person("finance")).update(role="admin")
    handed = []
    monkeypatch.setattr(tasks.notify_large_export, "delay", lambda *ids: handed.append(ids))
    with django_capture_on_commit_callbacks(execute=True):
        body(ask(web("admin"), format="csv"))
    export = Export.objects.get()
    assert handed == [(scope.partner.pk, export.pk)]
    assert notify_large(partner_id=scope.partner.pk, export_id=export.pk) == 1
    [told] = mail.outbox
    assert (told.to, told.subject) == (["finance@northwind.example"], "Large export: 95 rows")
    assert "Pia Lundquell asked for my file.csv: 95 rows." in told.body
    assert "/audit/?action=export.large" in told.body
    assert AuditEvent.objects.filter(action="export.large").count() == 1
    settings.EXPORT_NOTABLE_ROWS = 95
    with django_capture_on_commit_callbacks(execute=True):
        body(ask(web("admin"), name="not large", format="csv"))
    assert len(handed) == 1


def test_a_clock_that_was_put_back_neither_serves_old_files_nor_keeps_waiting(web, scope, settings):
    from reports.services.exports import requeue_lost

    client = web("admin")
    settings.EXPORT_AN_HOUR = 2
    body(ask(client))
    body(ask(client, name="two"))
    Export.objects.update(created_at=clock.now() + timedelta(days=3))  # made while the clock was three days ahead
    body(ask(client))
    assert Export.objects.filter(name="my file", state=State.READY).count() == 2
    lost = Export.objects.latest("pk")
    Export.objects.filter(pk=lost.pk).update(
        state=State.QUEUED, file="", size=None, queued_at=clock.now() + timedelta(days=3)
    )
    assert requeue_lost(partner=scope.partner) == [lost.pk]


def test_too_many_rows_for_excel_are_refused_with_csv_offered(web, scope, monkeypatch):
    for module in ("reports.services.exports", "reports.failures"):
        monkeypatch.setattr(f"{module}.XLSX_ROWS", 10)
    response = ask(web("admin"))
    assert response.status_code == 200
    assert "95 rows do not fit in Excel, which holds 10. Choose CSV" in response.content.decode()
    assert not Export.objects.exists()


def test_a_full_disk_is_told_in_words_and_nothing_is_offered(web, scope, monkeypatch):
    from reports.services import exports

    real = exports._write
    monkeypatch.setattr(
        exports, "_write", lambda selection, export, path, claim: real(selection, export, _full(), claim)
    )
    for kind in ("csv", "xlsx"):
        client = web("admin")
        response = ask(client, format=kind)
        assert response.status_code == 302
        export = Export.objects.latest("pk")
        assert export.state == State.FAILED
        assert "disk of the portal is full" in export.reason
        assert not export.file
        assert export.reason in client.get(reverse("exports")).content.decode()


def _full():
    from pathlib import Path

    return Path("/dev/full")


def test_the_page_names_every_state_and_what_can_be_done(web, scope, person):
    now = clock.now()
    for state in State.values:
        Export.objects.create(
            partner=scope.partner, owner=person("admin"), name=f"a-{state}", title="T", dataset=LOST, format="csv",
            request_key=state, state=state, rows=10, reason="because" if state == "failed" else "",
            file="exports/x" if state == "ready" else "", size=3 if state == "ready" else None, finished_at=now,
        )  # fmt: skip
    page = web("admin").get(reverse("exports")).content.decode()
    for words in ("Queued, place 1", "0 of 10 rows", "not downloaded yet", "because", "Cancelled", "Expired"):
        assert words in page
    assert page.count(">Cancel<") == 2
    assert 'hx-trigger="every 2s"' in page


def test_one_cancels_ones_own_and_runs_again_what_failed(web, scope, person):
    client = web("admin")
    body(ask(client))
    export = Export.objects.get()
    assert client.post(reverse("export_cancel", args=[export.pk]), follow=True).status_code == 200
    export.refresh_from_db()
    assert export.state == State.READY  # it had ended already
    Export.objects.update(state=State.QUEUED, file="", size=None)
    assert web("manager").post(reverse("export_cancel", args=[export.pk])).status_code == 404
    client.post(reverse("export_cancel", args=[export.pk]))
    export.refresh_from_db()
    assert export.state == State.CANCELLED
    Export.objects.update(state=State.FAILED, reason="because", created_at=clock.now() - timedelta(minutes=5))
    assert re.search(r">\s*Try again\s*<span", client.get(reverse("exports")).content.decode())
    client.post(reverse("export_again", args=[export.pk]))
    again = Export.objects.exclude(pk=export.pk).get()
    assert (again.state, again.dataset, again.params, again.columns) == (
        State.READY, export.dataset, export.params, export.columns,
    )  # fmt: skip


def test_polling_ends_with_the_last_file(web, scope):
    client = web("admin")
    body(ask(client))
    response = client.get(reverse("exports"), headers={"HX-Request": "true", "HX-Target": "export-files"})
    assert response.status_code == 286
    assert "my file.xlsx: Ready" in response.content.decode()
    assert "every 2s" not in response.content.decode()


def test_expired_files_go_and_their_rows_stay(web, scope, settings):
    from django.core.files.storage import default_storage

    from reports.services.exports import remove_expired

    client = web("admin")
    body(ask(client))
    export = Export.objects.get()
    stored = export.file.name
    assert default_storage.exists(stored)
    assert remove_expired(partner=scope.partner) == 0
    Export.objects.update(expires_at=clock.now() - timedelta(seconds=1))
    assert remove_expired(partner=scope.partner) == 1
    assert not default_storage.exists(stored)
    export.refresh_from_db()
    assert (export.state, export.file.name) == (State.EXPIRED, "")
    assert client.get(reverse("export_file", args=[export.pk])).status_code == 410
    Export.objects.update(created_at=clock.now() - timedelta(minutes=5))
    client.post(reverse("export_again", args=[export.pk]))
    assert Export.objects.filter(state=State.READY).count() == 1


def test_the_number_of_queries_does_not_grow_with_the_files(web, scope, django_assert_num_queries, person):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    counts = []
    client = web("admin")
    for number in (1, 3):
        while Export.objects.count() < number:
            body(ask(client, name=f"file {Export.objects.count()}"))
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(reverse("exports"))
        counts.append(len(queries))
    assert counts[0] == counts[1]
