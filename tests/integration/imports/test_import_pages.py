"""The pages of imports, as people use them: upload, choose, check, decide, look back; and as they are misused."""

import csv
import io
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from tests.integration.imports.conftest import CLIENTS, DEALS, FACTS, as_csv, with_cell

NEW = [{"client_id": "X1", "name": "Newcomer", "country": "NL", "currency": "EUR"}]
WON = [DEALS[0] | {"deal_id": "X-D1", "client_id": "X1"}]
BAD = [
    *NEW,
    NEW[0] | {"client_id": "X2", "country": "??"},
    NEW[0] | {"client_id": "X3", "tool_usage": "-1", "currency": "CHF"},
]


def uploaded(name: str, content: str | bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content.encode() if isinstance(content, str) else content)


@pytest.fixture
def admin(web: Callable[..., Any]) -> Any:
    return web("admin")


@pytest.fixture
def upload(admin: Any) -> Callable[..., Any]:
    """Upload kinds with rows, or named files; gives the response of the page one lands on."""

    def send(contents: dict[str, Any], client: Any = None) -> Any:
        files = [
            uploaded(
                name if "." in name else f"{name}.csv",
                content if isinstance(content, str | bytes) else as_csv(name, content),
            )
            for name, content in contents.items()
        ]
        return (client or admin).post("/imports/", {"files": files}, follow=True)

    return send


@pytest.fixture
def latest(partner: Any, scope: Any) -> Callable[[], Any]:
    from imports.models import ImportBatch

    return lambda: ImportBatch.objects.filter(partner=partner).latest("id")


@pytest.fixture
def clients_of_northwind(partner: Any, scope: Any) -> Callable[[], set[str]]:
    from clients.models import Client

    return lambda: set(
        Client.objects.filter(partner=partner, client_id__startswith="X").values_list("client_id", flat=True)
    )


@pytest.fixture
def worker(settings: Any, django_capture_on_commit_callbacks: Any) -> Iterator[Callable[..., Any]]:
    """A worker that does what was queued when asked to; everything counts as large."""
    from partner_portal.celery import app

    settings.IMPORT_INLINE_BYTES = 0
    app.conf.task_always_eager = app.conf.task_eager_propagates = True
    yield lambda: django_capture_on_commit_callbacks(execute=True)
    app.conf.task_always_eager = app.conf.task_eager_propagates = False


def text_of(response: Any) -> str:
    """What a reader sees, on one line."""
    import re
    from html import unescape

    body = re.sub(r"<(script|svg|head)\b.*?</\1>", " ", response.content.decode(), flags=re.DOTALL)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", body)).split())


def services_scope(batch: Any) -> Any:
    from accounts.scope import system_scope

    return system_scope(batch.partner)


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in response.context["messages"]]


class TestTheUsualWay:
    def test_upload_shows_what_would_happen_and_writes_nothing(
        self, upload: Any, clients_of_northwind: Any, partner: Any
    ) -> None:
        response = upload({"clients": [*NEW, *CLIENTS], "deals": WON})
        seen = text_of(response)
        assert response.redirect_chain[0][0].startswith("/imports/")
        assert "Every row is good" in seen
        # EUR 880 is 10 units of 5 points
        assert [(line.track, line.change) for line in response.context["points"] if line.track == "total"] == [
            ("total", 50)
        ]
        assert "Import 4 rows" in seen
        assert clients_of_northwind() == set()
        partner.refresh_from_db()
        assert response.context["tables"][0].new == 3

    def test_commit_writes_and_tells_what_changed(
        self, admin: Any, upload: Any, latest: Any, clients_of_northwind: Any
    ) -> None:
        upload({"clients": NEW, "deals": WON})
        response = admin.post(f"/imports/{latest().pk}/commit/", follow=True)
        seen = text_of(response)
        assert "What this import did" in seen
        assert "1 ledger entry" in seen
        assert clients_of_northwind() == {"X1"}
        assert latest().points["entries"] == 1
        assert "What's next" in seen.replace("&#x27;", "'")
        assert "You have data of every kind." in seen
        assert "See Clients" in seen

    def test_a_new_partner_is_told_what_to_import_next(self, eastwind: Any) -> None:
        from accounts.scope import system_scope
        from clients.models import Client
        from imports.next_steps import next_steps

        scope = system_scope(eastwind)
        Client.objects.create(partner=eastwind, client_id="1", name="One", country="NL", currency="EUR")
        steps = next_steps(scope, {"clients"})
        assert steps.missing is not None
        assert steps.missing.key == "deals"
        assert [kind.key for kind in steps.later] == [
            "services", "certifications", "renewals", "mrr_history", "cancellations", "statement_lines",
        ]  # fmt: skip
        assert [name for name, _label in steps.pages] == ["clients"]

    def test_names_that_hit_nothing_are_listed_below_the_table(self, upload: Any) -> None:
        row = {"client_id": "X1", "product_line": "Sales Hub"}
        stray = [row | {"cancelled_on": "2026-05-01"}]
        seen = text_of(upload({"clients": NEW, "cancellations": stray}))
        assert "Please check in cancellations.csv" in seen
        assert "Row 2: client X1 never had “Sales Hub”, nor any other product line." in seen

    def test_the_second_click_writes_nothing(self, admin: Any, upload: Any, latest: Any) -> None:
        upload({"clients": NEW, "deals": WON})
        address = f"/imports/{latest().pk}/commit/"
        admin.post(address)
        response = admin.post(address, follow=True)
        assert messages_of(response) == [f"Import #{latest().pk}: imported"]
        assert latest().points["entries"] == 1

    def test_history_names_batches_newest_first(self, admin: Any, upload: Any, latest: Any) -> None:
        upload({"clients": NEW})
        admin.post(f"/imports/{latest().pk}/commit/")
        upload({"clients": BAD})
        rows = admin.get("/imports/").context["rows"]
        assert [(row["state"].text, row["batch"].rows) for row in rows][:2] == [
            ("Not imported: has errors", 3),
            ("Imported", 1),
        ]
        assert str(rows[0]["batch"].user) == "Pia Lundquell"

    def test_discard(self, admin: Any, upload: Any, latest: Any) -> None:
        upload({"clients": BAD})
        response = admin.post(f"/imports/{latest().pk}/discard/", follow=True)
        assert messages_of(response) == [f"Import no. {latest().pk} is cancelled; nothing was imported."]
        assert "This import was cancelled" in text_of(admin.get(f"/imports/{latest().pk}/"))
        again = admin.post(f"/imports/{latest().pk}/commit/", {"skip_bad_rows": "on"}, follow=True)
        assert messages_of(again) == [f"Import #{latest().pk}: cancelled"]

    def test_a_file_sent_twice_by_a_nervous_click_is_one_batch(self, upload: Any, latest: Any) -> None:
        upload({"clients": NEW})
        first = latest().pk
        upload({"clients": NEW})
        assert latest().pk == first


class TestErrors:
    def test_every_error_is_shown_with_its_place(self, upload: Any) -> None:
        response = upload({"clients": BAD})
        seen = text_of(response)
        assert "3 errors in 2 rows of 1 file" in seen
        assert "clients.csv, 3 country ?? Not the code of a country" in seen
        assert "clients.csv, 4 currency CHF The programme has no fixed amount for CHF AUD, CAD, COP, EUR" in seen
        assert "Leave out the 2 bad rows" in seen
        assert "Import 1 row" in seen

    def test_writing_needs_the_choice_to_leave_rows_out(
        self, admin: Any, upload: Any, latest: Any, clients_of_northwind: Any
    ) -> None:
        upload({"clients": BAD})
        address = f"/imports/{latest().pk}/commit/"
        response = admin.post(address, follow=True)
        assert messages_of(response) == [
            "There are bad rows. Correct them and upload the files again, or choose to leave them out."
        ]
        assert clients_of_northwind() == set()
        seen = text_of(admin.post(address, {"skip_bad_rows": "on"}, follow=True))
        assert clients_of_northwind() == {"X1"}
        assert "These rows were left out; all others were imported." in seen
        assert "What was left out, and why" in seen

    def test_a_file_that_cannot_be_used_cannot_be_written_around(self, admin: Any, upload: Any, latest: Any) -> None:
        seen = text_of(upload({"clients": NEW, "deals.csv": b'deal_id\n"open'}))
        assert "A quote that opens in this row never closes" in seen
        assert not re.search(r"Import \d+ row", seen)
        response = admin.post(f"/imports/{latest().pk}/commit/", {"skip_bad_rows": "on"}, follow=True)
        assert messages_of(response) == ["A file cannot be used as it is. Correct it and upload the files again."]

    def test_when_facts_change_between_check_and_commit_the_user_decides_again(
        self, admin: Any, upload: Any, latest: Any
    ) -> None:
        upload({"clients": NEW})
        admin.post(f"/imports/{latest().pk}/commit/")
        service = FACTS["services"][0] | {"client_id": "X1", "started_on": "2026-03-01", "ended_on": "2026-04-01"}
        upload({"services": [service]})
        waiting = latest()
        upload({"services": [service | {"started_on": "2026-02-01", "ended_on": ""}]})
        admin.post(f"/imports/{latest().pk}/commit/")
        response = admin.post(f"/imports/{waiting.pk}/commit/", follow=True)
        seen = text_of(response)
        assert "Nothing was imported: your data has changed since the check" in seen
        assert "Overlaps the service of client X1 that started on 1 Feb 2026 and has no end" in seen
        waiting.refresh_from_db()
        assert waiting.status == "checked"

    def test_filter_pages_and_part(self, admin: Any, upload: Any, latest: Any) -> None:
        rows = [NEW[0] | {"client_id": f"X{n}", "country": "??", "tool_usage": "x" if n % 2 else ""} for n in range(60)]
        upload({"clients": rows})
        address = f"/imports/{latest().pk}/"
        response = admin.get(address, {"column": "tool_usage"})
        assert response.context["page"].paginator.count == 30
        second = admin.get(address, {"page": "2"}, headers={"HX-Request": "true", "HX-Target": "errors"})
        assert "<html" not in second.content.decode()
        assert second.context["page"].start_index() == 51
        assert admin.get(address, {"q": "whole number"}).context["page"].paginator.count == 30
        assert "No errors found" in text_of(admin.get(address, {"q": "zebra"}))
        assert (
            admin.get(address, {"table": "x", "column": "nope", "page": "-3", "q": ""}).context["page"].paginator.count
            == 90
        )

    def test_errors_as_csv(self, admin: Any, upload: Any, latest: Any) -> None:
        rows = [NEW[0] | {"country": "=HYPERLINK(1)", "tool_usage": "-1"}]
        upload({"clients": rows})
        response = admin.get(f"/imports/{latest().pk}/errors.csv")
        content = b"".join(response.streaming_content).decode("utf-8-sig")
        assert list(csv.reader(io.StringIO(content))) == [
            ["file", "sheet", "row", "column", "value", "what is wrong", "accepted"],
            ["clients.csv", "", "2", "country", "'=HYPERLINK(1)", "not the code of a country",
             "two capital letters of ISO 3166-1, such as NL or GB"],
            ["clients.csv", "", "2", "tool_usage", "'-1", "below 0", "a whole number of at least 0"],
        ]  # fmt: skip
        assert response["Content-Disposition"] == f'attachment; filename="import-{latest().pk}-errors.csv"'
        assert "no-store" in response["Cache-Control"]
        part = admin.get(f"/imports/{latest().pk}/errors.csv", {"column": "country"})
        assert len(b"".join(part.streaming_content).splitlines()) == 2

    def test_names_and_values_are_shown_as_text(self, upload: Any) -> None:
        response = upload({"clients.csv": as_csv("clients", [NEW[0] | {"country": "<script>alert(1)</script>"}])})
        assert b"<script>alert(1)" not in response.content
        response = upload({"<img src=x>.csv": "a,b\n1,2\n"})
        assert b"<img src=x>" not in response.content


class TestWhatIsUploaded:
    @pytest.mark.parametrize(
        ("files", "told"),
        [
            ({}, "Choose at least one file."),
            ({"report.pdf": b"%PDF"}, "report.pdf: only CSV (.csv) and Excel (.xlsx) files can be imported."),
            ({"clients": b"x"}, "Choose"),
            ({"deals.xlsx": b"hello"}, "deals.xlsx: the file is not a workbook, or a damaged one."),
            ({f"deals{n}.csv": "a\n" for n in range(300)}, "These are 300 files; one import may have 50."),
        ],
    )
    def test_a_clear_message(self, admin: Any, files: dict[str, Any], told: str) -> None:
        sent = [uploaded(name, content) for name, content in files.items()]
        if told == "Choose":
            sent, told = (
                [uploaded("clients", b"x")],
                "clients: only CSV (.csv) and Excel (.xlsx) files can be imported.",
            )
        response = admin.post("/imports/", {"files": sent} if sent else {})
        assert response.status_code == 422
        assert told in text_of(response)

    def test_too_large(self, admin: Any, settings: Any) -> None:
        settings.IMPORT_MAX_BYTES = 10
        response = admin.post("/imports/", {"files": [uploaded("clients.csv", as_csv("clients", NEW))]})
        assert response.status_code == 422
        assert "Together the files have" in text_of(response)

    def test_an_empty_file_is_checked_like_any_other(self, upload: Any) -> None:
        assert "clients.csv, 1 – – No header" in text_of(upload({"clients.csv": b""}))

    def test_a_header_alone(self, upload: Any) -> None:
        assert "The files have no rows" in text_of(upload({"clients": []}))

    def test_a_batch_of_a_rolled_back_upload_leaves_no_file(self, admin: Any, tmp_path: Any) -> None:
        files = [uploaded("clients.csv", as_csv("clients", NEW)), uploaded("deals.xlsx", b"hello")]
        admin.post("/imports/", {"files": files})
        assert [path for path in (tmp_path / "stored").rglob("*") if path.is_file()] == []


class TestUnknownNames:
    def test_the_kind_is_asked_for_and_guessed_from_the_header(self, admin: Any, upload: Any, latest: Any) -> None:
        response = upload({"export 2026.csv": as_csv("clients", NEW), "other.csv": "a,b\n1,2\n", "deals": WON})
        form = response.context["kinds_form"]
        assert [(field.label, field.value()) for field in form] == [("export 2026.csv", "clients"), ("other.csv", "")]
        first, second = (field.html_name for field in form)
        address = f"/imports/{latest().pk}/kinds/"
        missing = admin.post(address, {first: "clients"})
        assert missing.status_code == 422
        assert "Choose what is in it, or leave it out." in text_of(missing)
        seen = text_of(admin.post(address, {first: "clients", second: "-"}, follow=True))
        assert "Every row is good" in seen
        assert "other.csv Not read" in seen
        assert "Import 2 rows" in seen

    def test_a_choice_that_does_not_exist(self, admin: Any, upload: Any, latest: Any) -> None:
        response = upload({"x.csv": as_csv("clients", NEW)})
        (field,) = response.context["kinds_form"]
        assert admin.post(f"/imports/{latest().pk}/kinds/", {field.html_name: "passwords"}).status_code == 422

    def test_sheets_without_known_names(self, admin: Any, upload: Any, latest: Any) -> None:
        from openpyxl import Workbook

        book = Workbook()
        book.active.title = "People"
        for row in csv.reader(as_csv("clients", NEW).splitlines()):
            book.active.append(row)
        book.create_sheet("Empty")
        file = io.BytesIO()
        book.save(file)
        form = upload({"november.xlsx": file.getvalue()}).context["kinds_form"]
        assert [(field.label, field.value()) for field in form] == [
            ("november.xlsx [People]", "clients"),
            ("november.xlsx [Empty]", ""),
        ]

    def test_everything_left_out(self, admin: Any, upload: Any, latest: Any) -> None:
        response = upload({"x.csv": "a,b\n1,2\n"})
        (field,) = response.context["kinds_form"]
        seen = text_of(admin.post(f"/imports/{latest().pk}/kinds/", {field.html_name: "-"}, follow=True))
        assert "There is no row to import." in seen


class TestTheWorker:
    def test_a_large_batch_is_checked_and_written_in_the_background(
        self, admin: Any, upload: Any, latest: Any, worker: Any, clients_of_northwind: Any
    ) -> None:
        with worker():
            waiting = upload({"clients": NEW, "deals": WON})
            assert "Waiting to start" in text_of(waiting)
        part = admin.get(f"/imports/{latest().pk}/", headers={"HX-Request": "true", "HX-Target": "batch-progress"})
        assert part["HX-Refresh"] == "true"
        assert "Every row is good" in text_of(admin.get(f"/imports/{latest().pk}/"))
        with worker():
            admin.post(f"/imports/{latest().pk}/commit/")
            assert clients_of_northwind() == set()
        assert clients_of_northwind() == {"X1"}
        assert latest().status == "committed"

    def test_progress_is_shown_and_can_be_reloaded(
        self, admin: Any, upload: Any, latest: Any, worker: Any, monkeypatch: Any
    ) -> None:
        from django.utils import timezone

        from imports import queries
        from imports.models import ImportBatch
        from partner_portal.lib.progress import JobProgress

        upload({"clients": NEW})
        batch = latest()
        ImportBatch.objects.filter(pk=batch.pk).update(started_at=timezone.now())
        JobProgress("import", batch.pk)("writing", 12_000, 48_000)
        monkeypatch.setattr(queries, "batches_in_progress", lambda: {batch.pk})
        page = admin.get(f"/imports/{batch.pk}/")
        assert "Comparing and importing the rows 12,000 of 48,000" in text_of(page)
        assert 'max="48000" value="12000"' in page.content.decode()
        part = admin.get(f"/imports/{batch.pk}/", headers={"HX-Request": "true", "HX-Target": "batch-progress"})
        assert "<html" not in part.content.decode()
        assert 'hx-trigger="every 1s"' in part.content.decode()

    def test_a_dead_worker_is_seen_and_the_batch_can_be_taken_up_again(
        self, admin: Any, upload: Any, latest: Any, worker: Any
    ) -> None:
        from datetime import timedelta

        from django.utils import timezone

        from imports.models import ImportBatch

        upload({"clients": NEW})
        ImportBatch.objects.filter(pk=latest().pk).update(started_at=timezone.now() - timedelta(minutes=1), attempts=1)
        page = admin.get(f"/imports/{latest().pk}/")
        assert "This import was interrupted" in text_of(page)
        assert "every 1s" not in page.content.decode()
        assert admin.get("/imports/").context["rows"][0]["state"].text == "Interrupted"
        with worker():
            admin.post(f"/imports/{latest().pk}/retry/")
        assert latest().status == "checked"

    def test_when_no_worker_takes_it_the_page_says_so(self, admin: Any, upload: Any, latest: Any, worker: Any) -> None:
        from datetime import timedelta

        from django.utils import timezone

        from imports.models import ImportBatch

        upload({"clients": NEW})
        ImportBatch.objects.filter(pk=latest().pk).update(queued_at=timezone.now() - timedelta(minutes=1))
        assert "It has not started yet" in text_of(admin.get(f"/imports/{latest().pk}/"))

    def test_a_small_batch_waits_for_its_turn_in_the_worker_while_another_import_is_at_work(
        self, upload: Any, latest: Any, partner: Any, settings: Any
    ) -> None:
        import psycopg
        from django.db import connection

        from partner_portal.lib.db.locks import PARTNER_FACTS
        from partner_portal.local.postgres import ensure_running

        server = ensure_running(settings.PORTAL_VAR)
        where = {"host": server.host, "port": server.port, "user": server.superuser}
        with psycopg.connect(dbname=connection.settings_dict["NAME"], **where) as another:
            another.execute("SELECT pg_advisory_xact_lock(%s, %s)", [PARTNER_FACTS, partner.pk])
            assert "Waiting to start" in text_of(upload({"clients": NEW}))
        assert latest().status == "checking"

    def test_a_batch_discarded_while_it_is_worked_on_writes_nothing(
        self, admin: Any, upload: Any, latest: Any, worker: Any, monkeypatch: Any, clients_of_northwind: Any
    ) -> None:
        from imports import pipeline, services
        from imports.models import ImportBatch

        with worker():
            upload({"clients": NEW})
        real = pipeline.write_checked

        def discarded_meanwhile(*arguments: Any, **named: Any) -> Any:
            outcome = real(*arguments, **named)
            ImportBatch.objects.filter(pk=latest().pk).update(status="cancelled")
            return outcome

        monkeypatch.setattr(pipeline, "write_checked", discarded_meanwhile)
        services.request_commit(scope=services_scope(latest()), batch_id=latest().pk, skip_bad_rows=False)
        from imports.tasks import process_batch

        process_batch(latest().partner_id, latest().pk)
        assert clients_of_northwind() == set()

    def test_cancelling_stops_the_worker_in_the_middle(
        self,
        admin: Any,
        upload: Any,
        latest: Any,
        worker: Any,
        clients_of_northwind: Any,
        django_capture_on_commit_callbacks: Any,
    ) -> None:
        from imports.tasks import process_batch
        from partner_portal.lib.progress import CancelledError, JobProgress

        with worker():
            upload({"clients": NEW})
        with django_capture_on_commit_callbacks(execute=True):
            admin.post(f"/imports/{latest().pk}/discard/")
        with pytest.raises(CancelledError):
            JobProgress("import", latest().pk)("writing", 1, 2)
        process_batch(latest().partner_id, latest().pk)
        assert latest().status == "cancelled"
        assert clients_of_northwind() == set()

    def test_work_that_fails_unexpectedly_is_failed_in_words(
        self, admin: Any, upload: Any, latest: Any, worker: Any, monkeypatch: Any
    ) -> None:
        from imports import services

        def broken(**_: Any) -> None:
            raise RuntimeError("the disk said no")

        monkeypatch.setattr(services, "check_batch", broken)
        with worker():
            upload({"clients": NEW})
        seen = text_of(admin.get(f"/imports/{latest().pk}/"))
        assert latest().status == "failed"
        assert "Nothing was imported: something unexpected went wrong." in seen
        assert "disk" not in seen

    def test_a_right_lost_meanwhile_stops_the_work(
        self, admin: Any, upload: Any, latest: Any, worker: Any, person: Any
    ) -> None:
        from accounts.models import Membership
        from imports.tasks import process_batch

        upload({"clients": NEW})
        Membership.objects.filter(user=person("admin"), partner=latest().partner).update(role="member")
        process_batch(latest().partner_id, latest().pk)
        assert latest().status == "failed"
        assert latest().note == "Nothing was imported: the person who started it may not import any more."

    def test_a_batch_is_given_up_after_three_interruptions(self, upload: Any, latest: Any, worker: Any) -> None:
        from imports.models import ImportBatch
        from imports.tasks import process_batch

        upload({"clients": NEW})
        ImportBatch.objects.filter(pk=latest().pk).update(attempts=3)
        process_batch(latest().partner_id, latest().pk)
        assert (latest().status, latest().note) == (
            "failed",
            "Nothing was imported: it was interrupted 3 times.",
        )

    def test_a_task_that_is_delivered_twice_works_once(self, upload: Any, latest: Any, worker: Any, admin: Any) -> None:
        from imports.tasks import process_batch

        with worker():
            upload({"clients": NEW, "deals": WON})
        with worker():
            admin.post(f"/imports/{latest().pk}/commit/")
        entries = latest().points["entries"]
        process_batch(latest().partner_id, latest().pk)
        assert (latest().status, latest().points["entries"], latest().attempts) == ("committed", entries, 1)

    def test_files_are_forgotten_after_a_while_and_undecided_batches_discarded(
        self, admin: Any, upload: Any, latest: Any, tmp_path: Any, partner: Any, settings: Any
    ) -> None:
        from datetime import timedelta

        from django.utils import timezone

        from imports.models import ImportBatch
        from imports.tasks import forget_import_files
        from sources.tasks import delete_stray_files

        def kept() -> int:
            return sum(path.is_file() for path in (tmp_path / "stored").rglob("*"))

        upload({"clients": NEW})
        admin.post(f"/imports/{latest().pk}/commit/")
        written = latest().pk
        upload({"clients": BAD})
        undecided = latest().pk
        strays = [tmp_path / "stored/imports" / str(partner.pk) / name for name in ("new", "old")]
        for stray in strays:  # of processes that were killed
            stray.write_bytes(b"client_id")
        os.utime(strays[1], (0, 0))
        assert delete_stray_files() == 1
        assert [stray.exists() for stray in strays] == [True, False]
        strays[0].unlink()
        assert kept() == 2
        ImportBatch.objects.filter(pk__in=[written, undecided]).update(created_at=timezone.now() - timedelta(days=31))
        forget_import_files()
        assert kept() == 0
        assert ImportBatch.objects.get(pk=undecided).status == "cancelled"
        assert ImportBatch.objects.get(pk=written).files.get().name == "clients.csv"


class TestRights:
    @pytest.mark.parametrize("role", ["finance", "member"])
    def test_whoever_may_not_import_sees_none_of_it(self, web: Any, upload: Any, latest: Any, role: str) -> None:
        upload({"clients": BAD})
        other, number = web(role), latest().pk
        for address in ("/imports/", "/imports/columns/", "/imports/columns/deals.csv", f"/imports/{number}/",
                        f"/imports/{number}/errors.csv"):  # fmt: skip
            assert other.get(address).status_code == 403
        for address in (
            "/imports/",
            *(f"/imports/{number}/{step}/" for step in ("kinds", "commit", "discard", "retry")),
        ):
            assert other.post(address, {"skip_bad_rows": "on"}).status_code == 403

    def test_a_batch_of_another_partner_does_not_exist(
        self, web: Any, upload: Any, latest: Any, scope_of: Callable[[str], Any]
    ) -> None:
        upload({"clients": BAD})
        outsider, number = web("outsider"), latest().pk
        for address in (f"/imports/{number}/", f"/imports/{number}/errors.csv"):
            assert outsider.get(address).status_code == 404
        for step in ("kinds", "commit", "discard", "retry"):
            assert outsider.post(f"/imports/{number}/{step}/", {"skip_bad_rows": "on"}).status_code == 404
        assert outsider.get("/imports/").context["page"].paginator.count == 1  # their own, from the demo
        scope_of("admin")
        assert latest().status == "checked"


class TestPages:
    def test_columns_and_templates(self, admin: Any, upload: Any) -> None:
        from partner_portal.lib.rows.facts import kinds

        page = text_of(admin.get("/imports/columns/"))
        assert "managing_partners yes a whole number of at least 1; ourselves included" in page
        for kind in kinds():
            template = admin.get(reverse("imports_template", args=[kind.key]))
            assert template.content.decode("utf-8-sig").strip().split(",") == [column.name for column in kind.columns]
        assert admin.get("/imports/columns/passwords.csv").status_code == 404

    @pytest.mark.parametrize("count", [1, 3])
    def test_queries_of_the_list(self, admin: Any, upload: Any, count: int) -> None:
        from imports.models import ImportBatch

        ImportBatch.objects.all().delete()
        for number in range(count):
            upload({"clients": [NEW[0] | {"client_id": f"X{number}"}]})
        assert own_queries(admin, "/imports/") == 3  # how many, which, and what is undone

    @pytest.mark.parametrize("count", [1, 3])
    def test_queries_of_a_batch(self, admin: Any, upload: Any, latest: Any, count: int) -> None:
        wrong = [NEW[0] | {"client_id": f"X{n}", "country": "??"} for n in range(count)]
        others = {name: with_cell(FACTS[name], 0, "currency", "CHF") for name in ("deals", "services")[: count - 1]}
        upload({"clients": wrong} | others)
        # The batch, its tables, the columns with errors, how many errors, and which.
        assert own_queries(admin, f"/imports/{latest().pk}/") == 5


def own_queries(client: Any, address: str) -> int:
    """How many queries the page makes on tables of imports; those of the frame around it are counted elsewhere."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as made:
        assert client.get(address).status_code == 200
    return sum('FROM "imports_' in query["sql"] for query in made)
