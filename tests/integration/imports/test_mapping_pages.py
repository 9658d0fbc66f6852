"""Files as partners get them out of HubSpot, through the pages: asked about once, previewed, written, remembered."""

import io
import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.template.base import Template
from django.test.utils import CaptureQueriesContext

from tests.integration.imports.conftest import CLIENTS as OWN_CLIENTS
from tests.integration.imports.conftest import as_csv
from tests.integration.imports.test_import_pages import messages_of, text_of, uploaded

# Property names, as the API and exports "with internal names" have them.
CLIENTS = """\ufeff"hs_object_id","hs_client_name","hs_client_domain_name","hs_country","hs_account_link","hs_is_managed"
"X9001","Juniper & Oak","juniper.example","NL","https://app.hubspot.example/1","true"
"X9002","Lantern Works","lantern.example","IN","https://app.hubspot.example/2","false"
"""
# Labels, as the page's export has them; the last columns are the partner's own.
DEAL_HEADER = [
    "Record ID", "Deal Name", "Deal Stage", "Create Date", "Close Date", "hs_deal_registration_mrr",
    "hs_deal_registration_mrr_currency_code", "Partner client", "Product", "Deal Type", "Brought in by",
]  # fmt: skip
DEALS = [
    ["X7001", "Start", "Closed Won", "2026-01-05 09:12", "2026-02-01T23:30:00Z", "880.00", "EUR", "X9001", "Sales Hub",
     "New Business", "Partner"],
    ["X7002", "More", "Closed Won", "2026-01-05 09:12", "2026-03-10 10:00", "450", "USD", "X9002", "Sales Hub",
     "New Business", "HubSpot"],
    ["X7003", "Idea", "Legal review", "2026-01-05 09:12", "", "100", "EUR", "X9001", "CMS Hub",
     "Existing Business", "Partner"],
]  # fmt: skip


def as_text(rows: list[list[str]], header: list[str] | None = None) -> str:
    return "\n".join(",".join(row) for row in [header or DEAL_HEADER, *rows]) + "\n"


def as_workbook(rows: list[list[str]], sheet: str = "deals export") -> bytes:
    from openpyxl import Workbook

    book = Workbook()
    book.active.title = sheet
    book.active.append(DEAL_HEADER)
    for row in rows:
        cells: list[Any] = list(row)
        cells[3] = datetime.fromisoformat(row[3])
        cells[5] = float(row[5])
        book.active.append(cells)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


@pytest.fixture
def admin(web: Callable[..., Any]) -> Any:
    return web("admin")


@pytest.fixture
def latest(partner: Any, scope: Any) -> Callable[[], Any]:
    from imports.models import ImportBatch

    return lambda: ImportBatch.objects.filter(partner=partner).latest("id")


@pytest.fixture
def send(admin: Any) -> Callable[..., Any]:
    """Upload named files; gives the page one lands on."""

    def run(contents: dict[str, str | bytes], client: Any = None) -> Any:
        files = [uploaded(name, content) for name, content in contents.items()]
        return (client or admin).post("/imports/", {"files": files}, follow=True)

    return run


@pytest.fixture
def choose(admin: Any, latest: Any) -> Callable[..., Any]:
    """Say the kinds that are proposed, or these; gives the page one lands on."""

    def run(response: Any, *kinds: str) -> Any:
        form = response.context["kinds_form"]
        said = kinds or tuple(field.value() for field in form)
        data = {field.html_name: key for field, key in zip(form, said, strict=True)}
        return admin.post(f"/imports/{latest().pk}/kinds/", data, follow=True)

    return run


def answers(response: Any) -> dict[str, str]:
    """Every field of the mapping page as a browser would send it."""
    form = response.context["form"]
    return {name: form[name].value() for name in form.fields}


def source(response: Any, column: str, header: str) -> dict[str, str]:
    """The answer that one of our columns comes from that of the file."""
    places = {label: value for value, label in response.context["form"].fields[f"from-{column}"].choices}
    return {f"from-{column}": places[header]}


def word(response: Any, column: str, said: str, meaning: str) -> dict[str, str]:
    """The answer that a word of the file means this."""
    for line in response.context["lines"]:
        if line.column.name == column:
            return {{w: f.html_name for w, f in line.words}[said]: meaning}
    raise KeyError(column)


def look(client: Any, response: Any, **changes: str) -> Any:
    """The page after some answers were changed."""
    table = response.context["table"]
    data = answers(response) | {name.replace("__", "-"): value for name, value in changes.items()}
    return client.post(f"/imports/{table.batch_id}/tables/{table.pk}/", data)


def save(client: Any, response: Any, changes: dict[str, str] | None = None) -> Any:
    """Remember what is said and check."""
    table = response.context["table"]
    data = answers(response) | (changes or {}) | {"do": "save"}
    return client.post(f"/imports/{table.batch_id}/tables/{table.pk}/", data, follow=True)


def say_deals(client: Any, page: Any) -> Any:
    """Everything that HubSpot's file of deals does not say by itself; gives the page that shows it."""
    changes = (
        source(page, "client_id", "Partner client")
        | source(page, "product_line", "Product")
        | source(page, "kind", "Deal Type")
        | source(page, "origin", "Brought in by")
        | {"from-registered": "=yes"}
    )
    page = look(client, page, **changes)
    meant = {"New Business": "new", "Existing Business": "cross_sell", "Partner": "sourced", "HubSpot": "assisted"}
    meanings: dict[str, str] = {}
    for line in page.context["lines"]:
        if line.column.name in ("kind", "origin"):
            meanings |= {field.html_name: meant[word] for word, field in line.words}
    return look(client, page, **meanings)


class TestFromHubSpotToPoints:
    @pytest.mark.parametrize("workbook", [False, True], ids=["csv", "xlsx"])
    def test_clients_and_deals_end_to_end(
        self, admin: Any, send: Any, choose: Any, latest: Any, partner: Any, workbook: bool
    ) -> None:
        name = "all-deals.xlsx" if workbook else "hubspot-crm-exports-all-deals.csv"
        content: str | bytes = as_workbook(DEALS) if workbook else as_text(DEALS)
        response = send({"partner-clients.csv": CLIENTS, name: content})
        form = response.context["kinds_form"]
        assert [field.value() for field in form] == ["clients", "deals"]
        page = choose(response)
        assert page.context["table"].kind == "clients"
        assert page.context["open"] == ["currency"]  # HubSpot's file does not say it
        assert "It looks like an export from HubSpot." in text_of(page)
        page = save(admin, page, {"from-currency": "=EUR"})
        assert page.context["table"].kind == "deals"
        assert page.context["open"] == ["client_id", "origin", "registered"]
        page = say_deals(admin, page)
        assert page.context["open"] == []
        seen = text_of(page)
        day = "2026-02-02"  # half past midnight in Amsterdam
        names = [name for name, _source in page.context["preview"].header]
        first = [cell.text for cell in page.context["preview"].rows[0][1]]
        assert dict(zip(names, first, strict=True)) == {
            "deal_id": "X7001", "client_id": "X9001", "name": "Start", "product_line": "Sales Hub", "kind": "new",
            "origin": "sourced", "stage": "won", "mrr": "880" if workbook else "880.00", "currency": "EUR",
            "created_on": "2026-01-05", "closed_on": day, "registered": "yes",
        }  # fmt: skip
        assert "4 Deal Stage Legal review Not one of the accepted words open, won, lost" in seen
        checked = save(admin, page, word(page, "stage", "Legal review", "open"))
        assert "Every row is good" in text_of(checked)
        written = admin.post(f"/imports/{latest().pk}/commit/", follow=True)
        assert "2 ledger entries" in text_of(written)
        from ledger.models import PointEntry

        entries = PointEntry.objects.filter(partner=partner, batch_id=latest().pk).order_by("on")
        # EUR 880 / 88 x 5 (sourced) x 1 (NL), USD 450 / 100 x 3 (assisted) x 2 (IN, a growth market)
        assert [(e.client.client_id, e.track, e.points, e.on.isoformat(), e.cause) for e in entries] == [
            ("X9001", "sourced", Decimal("50.0000"), day, "earned"),
            ("X9002", "assisted", Decimal("27.0000"), "2026-03-10", "earned"),
        ]
        table = latest().tables.get(kind="deals")
        later = text_of(admin.get(f"/imports/{latest().pk}/tables/{table.pk}/"))
        assert "Read as Deals; moments are days in Europe/Amsterdam." in later
        assert "origin Brought in by HubSpot = assisted; Partner = sourced" in later

    def test_a_workbook_named_like_a_kind_is_asked_about_too(self, admin: Any, send: Any) -> None:
        page = send({"deals.xlsx": as_workbook(DEALS)})
        seen = text_of(page)
        assert "Match them once; we remember it for the next file" in seen
        assert "deals.xlsx [deals export] Deals Match the columns of deals.xlsx [deals export]" in seen

    def test_numbers_with_a_comma_and_days_the_day_first(self, admin: Any, send: Any, choose: Any, latest: Any) -> None:
        text = 'Klant;Start;Bedrag;Munt\nX1;05/01/2026;"1.234,50";EUR\n'
        ours = as_csv("clients", [OWN_CLIENTS[0] | {"client_id": "X1"}])
        page = choose(send({"clients.csv": ours, "export.csv": text}), "services")
        changes = (
            source(page, "client_id", "Klant")
            | source(page, "started_on", "Start")
            | source(page, "mrr", "Bedrag")
            | source(page, "currency", "Munt")
            | {"from-managing_partners": "=", "constant-managing_partners": "1"}
        )
        page = look(admin, page, **changes)
        wrong = [(p.row, p.column, p.value) for p in page.context["preview"].problems]
        assert wrong == [(2, "Start", "05/01/2026")]
        assert answers(page)["decimals-mrr"] == "comma"
        assert "“05/01/2026” in row 2 can be read in two ways" in text_of(page)
        page = look(admin, page, **{"dates-started_on": "day_first"})
        assert page.context["preview"].problems == []
        texts = [cell.text for cell in page.context["preview"].rows[0][1]]
        assert texts == ["X1", "2026-01-05", "1234.50", "EUR", "1"]
        assert "Every row is good" in text_of(save(admin, page))

    def test_number_cells_of_a_workbook_have_a_point_whatever_texts_have(self) -> None:
        from openpyxl import Workbook

        from imports.mapping import Rule
        from imports.reading import read_table

        book = Workbook()
        for row in (["fx"], [1.234], ["1.234"], ["1,5"]):
            book.active.append(row)
        file = io.BytesIO()
        book.save(file)
        from imports.mapping import Mapping, mapped

        table = read_table(file, "Sheet")
        result = mapped(table, Mapping("statement_lines", "", {"fx_rate": Rule(("fx",), decimals="comma")}))
        assert list(result.rows[0]) == ["1.234", "1234", "1.5"]


class TestRemembering:
    def test_the_next_file_is_proposed_as_it_was_said(
        self, admin: Any, send: Any, choose: Any, latest: Any, other_partner: Any, web: Any
    ) -> None:
        save(admin, choose(send({"first.csv": CLIENTS})), {"from-currency": "=EUR"})
        admin.post(f"/imports/{latest().pk}/discard/")
        reordered = "\n".join(",".join(reversed(line.split(","))) for line in CLIENTS[1:].splitlines())
        checked = send({"second.csv": reordered})
        assert "Every row is good" in text_of(checked)
        assert "Currency is EUR in every row" in text_of(checked)
        (table,) = checked.context["tables"]
        page = admin.get(f"/imports/{latest().pk}/tables/{table.pk}/")
        assert page.context["open"] == []
        assert answers(page)["from-currency"] == "=EUR"
        # A file with a column less has another header, but what was said of the first fits it.
        less = CLIENTS.replace(',"hs_is_managed"', "").replace(',"true"', "").replace(',"false"', "")
        assert choose(send({"third.csv": less})).context["origin"] == "similar"
        # Southwind knows nothing of it.
        outsider = web("outsider")
        response = send({"first.csv": CLIENTS}, outsider)
        form = response.context["kinds_form"]
        address = response.redirect_chain[-1][0]
        (field,) = form
        theirs = outsider.post(f"{address}kinds/", {field.html_name: "clients"}, follow=True)
        assert theirs.context["origin"] == "shipped"
        assert theirs.context["open"] == ["currency"]
        assert "Remembered mappings" not in text_of(outsider.get("/imports/columns/"))

    def test_said_again_it_replaces_what_was_said(
        self, admin: Any, send: Any, choose: Any, partner: Any, latest: Any
    ) -> None:
        from accounts.models import AuditEvent
        from imports.models import RememberedMapping

        for currency in ("EUR", "USD"):
            page = send({f"{currency}.csv": CLIENTS})
            if currency == "EUR":
                page = choose(page)
            else:
                page = admin.get(f"/imports/{latest().pk}/tables/{page.context['tables'][0].pk}/")
            save(admin, page, {"from-currency": f"={currency}"})
        (row,) = RememberedMapping.objects.filter(partner=partner)
        assert row.data["columns"]["currency"] == {"constant": "USD"}
        assert (row.name, str(row.user)) == ("USD.csv", "Pia Lundquell")
        events = AuditEvent.objects.filter(partner=partner, action="import.mapping_remembered")
        assert {event.subject for event in events} == {"clients: EUR.csv", "clients: USD.csv"}
        assert "currency the same for every row: USD as it is" in text_of(admin.get("/imports/columns/"))

    def test_forgetting(self, admin: Any, send: Any, choose: Any, partner: Any, web: Any, latest: Any) -> None:
        from imports.models import RememberedMapping

        save(admin, choose(send({"a.csv": CLIENTS})), {"from-currency": "=EUR"})
        (row,) = RememberedMapping.objects.filter(partner=partner)
        address = f"/imports/mappings/{row.pk}/forget/"
        assert web("outsider").post(address).status_code == 404
        assert web("member").post(address).status_code == 403
        seen = admin.post(address, follow=True)
        assert messages_of(seen) == ["The mapping is forgotten. Imports that used it stay as they are."]
        assert "Remembered mappings" not in text_of(seen)
        batch = latest()
        written = admin.post(f"/imports/{batch.pk}/commit/", follow=True)
        assert "What this import did" in text_of(written)
        assert choose(send({"b.csv": CLIENTS.replace("X900", "X910")})).context["origin"] == "shipped"

    def test_words_that_this_file_does_not_have_stay_remembered(
        self, admin: Any, send: Any, choose: Any, partner: Any
    ) -> None:
        from imports.models import RememberedMapping

        page = say_deals(admin, choose(send({"a.csv": as_text(DEALS)})))
        save(admin, page, word(page, "stage", "Legal review", "open"))
        checked = send({"b.csv": as_text(DEALS[:1])})
        batch = checked.context["batch"]
        page = admin.get(f"/imports/{batch.pk}/tables/{checked.context['tables'][0].pk}/")
        assert page.context["origin"] == "table"
        save(admin, page)
        (row,) = RememberedMapping.objects.filter(partner=partner)
        assert row.data["columns"]["origin"]["words"] == {"HubSpot": "assisted", "Partner": "sourced"}
        assert row.data["columns"]["stage"]["words"]["Legal review"] == "open"


class TestWhatIsWrong:
    def test_errors_name_the_file_s_own_column_and_value(self, admin: Any, send: Any, choose: Any, latest: Any) -> None:
        page = choose(send({"c.csv": CLIENTS.replace('"IN"', '"Atlantis"')}))
        checked = save(admin, page, {"from-currency": "=EUR"})
        seen = text_of(checked)
        assert "c.csv, 3 hs_country Atlantis Not the code of a country" in seen
        assert checked.context["filter"].fields["column"].choices[1] == ("hs_country", "hs_country")
        # Corrected in the mapping, not in the file.
        (table,) = checked.context["tables"]
        page = admin.get(f"/imports/{latest().pk}/tables/{table.pk}/")
        assert page.context["origin"] == "table"
        wrong = save(admin, page, word(page, "country", "Atlantis", "QQ"))
        assert wrong.status_code == 422
        assert "Every row is good" in text_of(save(admin, page, word(page, "country", "Atlantis", "IN")))
        written = admin.post(f"/imports/{latest().pk}/commit/", follow=True)
        assert "How it was mapped" in text_of(written)
        from clients.models import Client

        assert Client.objects.get(client_id="X9002").country == "IN"

    def test_a_row_error_names_the_file_s_column(self, admin: Any, send: Any, choose: Any) -> None:
        page = say_deals(admin, choose(send({"d.csv": as_text([["X1", *DEALS[0][1:4], "", *DEALS[0][5:]]])})))
        seen = text_of(save(admin, page))
        assert "d.csv, 2 Close Date – Empty, but the deal is won or lost" in seen
        assert "d.csv, 2 Partner client X9001 Not known: no such row of clients is stored or in these files" in seen

    def test_what_must_be_filled_is_asked_for(self, admin: Any, send: Any, choose: Any, latest: Any) -> None:
        page = choose(send({"d.csv": as_text(DEALS)}))
        response = save(admin, page)
        assert response.status_code == 422
        errors = response.context["form"].errors
        asked = ["client_id", "origin", "registered"]
        message = "Choose a column of the file, or the same value for every row."
        assert errors == {f"from-{name}": [message] for name in asked}
        assert text_of(response).count(message) == 3
        assert latest().status == "choosing"
        response = save(admin, page, {"from-client_id": "=", "from-kind": "=gift"})
        assert response.context["form"].errors["constant-client_id"] == ["Enter the value."]
        assert "from-kind" in response.context["form"].errors

    def test_a_constant_that_is_not_accepted(self, admin: Any, send: Any, choose: Any) -> None:
        page = choose(send({"c.csv": CLIENTS}))
        response = save(admin, page, {"from-currency": "=CHF"})
        assert "from-currency" in response.context["form"].errors

    def test_a_column_that_is_there_twice(self, admin: Any, send: Any, choose: Any) -> None:
        text = CLIENTS.replace("hs_is_managed", "hs_client_name")
        page = choose(send({"c.csv": text}), "clients")
        assert "hs_client_name (2 columns)" in text_of(page)
        response = save(admin, page, source(page, "name", "hs_client_name (2 columns)"))
        assert response.status_code == 422
        assert response.context["form"].errors["from-name"] == [
            "The file has the column “hs_client_name” 2 times. Give each a name of its own in the file."
        ]

    def test_many_words_are_bounded(self, admin: Any, send: Any, choose: Any) -> None:
        rows = [[f"X{n}", "Deal", f"Stage {n}", *DEALS[0][3:]] for n in range(50)]
        page = choose(send({"d.csv": as_text(rows)}))
        (line,) = (line for line in page.context["lines"] if line.column.name == "stage")
        assert (len(line.words), line.more) == (30, True)
        assert "30 words are shown; others are taken as they are" in text_of(page)

    def test_a_file_that_breaks_off(self, admin: Any, send: Any, choose: Any, latest: Any) -> None:
        page = choose(send({"c.csv": CLIENTS + '"X9003","open'}))
        assert "A quote that opens in this row never closes" in text_of(page)
        assert "Save and check" not in text_of(page)
        left = admin.post(page.request["PATH_INFO"], {"do": "leave_out"}, follow=True)
        assert "c.csv Not read" in text_of(left)


class TestOtherWays:
    def test_our_own_headers_never_see_the_step(self, send: Any, choose: Any) -> None:
        assert "Every row is good" in text_of(send({"clients.csv": as_csv("clients", OWN_CLIENTS)}))
        assert "Every row is good" in text_of(choose(send({"some export.csv": as_csv("clients", OWN_CLIENTS)})))

    def test_a_missing_column_of_our_own_file_is_an_error_that_a_mapping_can_mend(
        self, admin: Any, send: Any, latest: Any
    ) -> None:
        text = as_csv("clients", OWN_CLIENTS).replace("currency", "waluta")
        checked = send({"clients.csv": text})
        assert "The column is missing" in text_of(checked)
        assert "Match the columns of clients.csv" in text_of(checked)
        (table,) = checked.context["tables"]
        page = admin.get(f"/imports/{latest().pk}/tables/{table.pk}/")
        assert page.context["open"] == ["currency"]
        assert "Every row is good" in text_of(save(admin, page, source(page, "currency", "waluta")))

    def test_it_holds_something_else(self, admin: Any, send: Any, choose: Any, latest: Any) -> None:
        page = choose(send({"c.csv": CLIENTS}), "deals")
        again = admin.post(page.request["PATH_INFO"], {"do": "other_kind"}, follow=True)
        assert [field.value() for field in again.context["kinds_form"]] == ["clients"]
        assert choose(again).context["table"].kind == "clients"

    def test_a_change_brings_the_fields_and_the_preview(self, admin: Any, send: Any, choose: Any) -> None:
        page = choose(send({"c.csv": CLIENTS}))
        data = answers(page) | {"from-domain": "="}
        htmx = {"HX-Request": "true", "HX-Target": "mapping"}
        part = admin.post(page.request["PATH_INFO"], data, headers=htmx)
        assert part.status_code == 200
        body = part.content.decode()
        assert "<html" not in body
        assert 'name="constant-domain"' in body
        assert "Enter the value." not in body

    def test_a_large_file_is_asked_about_by_the_worker(
        self, admin: Any, send: Any, latest: Any, settings: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        from partner_portal.celery import app

        settings.IMPORT_INLINE_BYTES = 0
        app.conf.task_always_eager = app.conf.task_eager_propagates = True
        try:
            with django_capture_on_commit_callbacks(execute=True):
                assert "Waiting to start" in text_of(send({"clients.csv": CLIENTS}))
            page = admin.get(f"/imports/{latest().pk}/")
            (table,) = page.context["unmapped"]
            page = admin.get(f"/imports/{latest().pk}/tables/{table.pk}/")
            with django_capture_on_commit_callbacks(execute=True):
                save(admin, page, {"from-currency": "=EUR"})
            assert "Every row is good" in text_of(admin.get(f"/imports/{latest().pk}/"))
        finally:
            app.conf.task_always_eager = app.conf.task_eager_propagates = False

    def test_who_may_and_when(self, admin: Any, send: Any, choose: Any, web: Any, latest: Any) -> None:
        page = choose(send({"c.csv": CLIENTS}))
        address = page.request["PATH_INFO"]
        for who, status in (("outsider", 404), ("member", 403)):
            assert web(who).get(address).status_code == status
            assert web(who).post(address, {"do": "leave_out"}).status_code == status
        other = re.sub(r"/imports/\d+/", "/imports/987654/", address)
        assert admin.get(other).status_code == 404
        save(admin, page, {"from-currency": "=EUR"})
        admin.post(f"/imports/{latest().pk}/commit/")
        late = admin.post(address, {"do": "leave_out"}, follow=True)
        assert "How the columns were read" in text_of(late)
        assert latest().tables.get().left_out is False

    def test_the_command_takes_our_headers_only(self, bring_in: Any) -> None:
        result = bring_in({"clients.csv": CLIENTS[1:]})
        assert not result.written
        assert {problem.message for _label, problem in result.problems} == {"the column is missing"}

    def test_queries_do_not_grow_with_rows_or_columns(self, admin: Any, send: Any, choose: Any) -> None:
        few = choose(send({"few.csv": CLIENTS})).request["PATH_INFO"]
        wide = CLIENTS.replace('"hs_is_managed"', '"hs_is_managed",' + ",".join(f"c{n}" for n in range(40)))
        rows = "".join(f'"X8{n:03}","Name","","NL","",""\n' for n in range(200))
        many = choose(send({"many.csv": wide + rows})).request["PATH_INFO"]
        counts = []
        for address in (few, many):
            with CaptureQueriesContext(connection) as queries:
                assert admin.get(address).status_code == 200
            counts.append(len(queries))
        assert counts == [13, 13]


def test_a_file_with_500_columns_is_mapped_without_waiting(
    admin: Any, send: Any, choose: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A list of all columns for each of ours: no template is rendered for a choice, and no query is made for a column."""
    wide = [*DEAL_HEADER, *(f"Own column {number}" for number in range(500 - len(DEAL_HEADER)))]
    rows = [[*row, *(f"v{number}" for number in range(500 - len(row)))] for row in DEALS]
    page = choose(send({"hubspot-crm-exports-all-deals.csv": as_text(rows, wide)}))
    address = page.redirect_chain[-1][0]
    rendered: list[str | None] = []
    render = Template.render

    def note(self: Template, context: Any) -> Any:
        rendered.append(self.name)
        return render(self, context)

    monkeypatch.setattr(Template, "render", note)
    with CaptureQueriesContext(connection) as queries:
        page = admin.get(address)
    assert page.content.decode().count(">Own column 488</option>") == len(page.context["kind"].columns)
    assert 0 < rendered.count("django/forms/widgets/select_option.html") < 100
    assert len(rendered) < 300
    assert len(queries) < 30


@pytest.mark.parametrize("columns", [501, 2000])
def test_a_file_with_more_columns_is_refused_with_words(send: Any, columns: int) -> None:
    header = ["client_id", "name", *(f"c{number}" for number in range(columns - 2))]
    seen = text_of(send({"clients.csv": ",".join(header) + "\n"}))
    assert f"{columns:,} columns; a file may have 500" in seen
