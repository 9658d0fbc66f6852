"""Files as spreadsheets leave them, through the pages: what is asked, what is said, and what comes in."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

FRENCH = (
    "Deal ID;Client;Name;Line;Amount;Created;Closed\r\n"
    "51001;C001;Deal 51001;Sales Hub;3 116,00 €;01/03/2026;20/03/2026\r\n"
    "51002;C001;Deal 51002;Sales Hub;1 250,50;01/03/2026;20/03/2026\r\n"
    "51003;C001;Deal 51003;Sales Hub;1\u00a0250,50;01/03/2026;20/03/2026\r\n"
    "51005;C001;Deal 51005;Sales Hub;1'250.50;01/03/2026;20/03/2026\r\n"
    "51006;C001;Deal 51006;Sales Hub;€ 900;01/03/2026;20/03/2026\r\n"
)
COMPANIES = (
    "Record ID,Company name,Company owner,Create Date,Phone Number,City,Country/Region,Company Domain Name\n"
    "31000000001,Juniper & Oak,,2026-01-05 09:12,,Utrecht,Netherlands,juniper.example\n"
    "31000000002,Wörlitz GmbH,,2026-01-05 09:12,,Berlin,Duitsland,woerlitz.example\n"
)
DUTCH_DEALS = (
    "Record-ID,Dealnaam,Dealfase,Sluitingsdatum,Bedrag,Type deal,Aanmaakdatum,Gekoppelde bedrijfs-ID's\n"
    '41000000001,Start,Gesloten en gewonnen,20-2-2026 16:40,"1.250,50",New Business,5-1-2026 09:12,C001\n'
    '41000000002,Meer,Gesloten en verloren,3-3-2026 10:00,"900,00",New Business,5-1-2026 09:12,C001\n'
)


@pytest.fixture
def admin(web: Callable[[str], Any]) -> Any:
    return web("admin")


@pytest.fixture
def send(admin: Any) -> Callable[..., Any]:
    """Upload one file; gives the page one lands on."""

    def run(name: str, content: str | bytes) -> Any:
        data = content.encode() if isinstance(content, str) else content
        return admin.post("/imports/", {"files": [SimpleUploadedFile(name, data)]}, follow=True)

    return run


def confirm_kind(client: Any, page: Any) -> Any:
    """Accept the proposed kind."""
    data = {field.html_name: field.value() for field in page.context["kinds_form"]}
    return client.post(f"/imports/{page.context['batch'].pk}/kinds/", data, follow=True)


def answers(page: Any) -> dict[str, str]:
    """What a browser would send without another answer."""
    forms = page.context["form"], page.context["reading_form"]
    values = {name: form[name].value() for form in forms for name in form.fields}
    return values | {"seen": page.context["seen"]}


def save(client: Any, page: Any, **changes: str) -> Any:
    """Save the mapping with some answers changed: `from__mrr` stands for `from-mrr`."""
    given = answers(page) | {name.replace("__", "-"): value for name, value in changes.items()} | {"do": "save"}
    return client.post(page.request["PATH_INFO"], given, follow=True)


def test_hubspot_companies_need_one_answer(admin: Any, send: Any) -> None:
    page = confirm_kind(admin, send("hubspot-crm-exports-all-companies-2026-11-27.csv", COMPANIES))
    assert page.context["open"] == ["currency"]
    checked = save(admin, page, **{"from-currency": "=EUR"})
    assert checked.context["batch"].errors == 0
    admin.post(f"/imports/{checked.context['batch'].pk}/commit/")
    from clients.models import Client

    stored = (
        Client.objects.filter(client_id__startswith="31000")
        .order_by("client_id")
        .values_list("client_id", "name", "country", "domain", "crm_url")
    )
    assert list(stored) == [
        ("31000000001", "Juniper & Oak", "NL", "juniper.example", ""),
        ("31000000002", "Wörlitz GmbH", "DE", "woerlitz.example", ""),
    ]


def test_dutch_deals_of_hubspot_after_a_spreadsheet_need_four_answers(admin: Any, send: Any) -> None:
    page = confirm_kind(admin, send("alle-deals.csv", DUTCH_DEALS))
    assert page.context["open"] == ["product_line", "origin", "currency", "registered"]
    page = admin.post(page.request["PATH_INFO"], answers(page) | {"from-product_line": "="})
    said = {
        "from-product_line": "=", "constant-product_line": "Sales Hub", "from-origin": "=sourced",
        "from-currency": "=EUR", "from-registered": "=yes",
    }  # fmt: skip
    checked = save(admin, page, **said)
    assert checked.context["batch"].errors == 0
    (table,) = checked.context["tables"]
    assert "closed_on: the day comes first, as in 23/11/2026" in table.notices
    assert "mrr: decimal comma, as in 1.234,56" in table.notices
    assert "origin is sourced in every row" in table.notices
    admin.post(f"/imports/{checked.context['batch'].pk}/commit/")
    from clients.models import Deal

    stored = (
        Deal.objects.filter(deal_id__startswith="41000")
        .order_by("deal_id")
        .values_list("deal_id", "stage", "kind", "mrr", "closed_on")
    )
    assert [(deal, stage, kind, str(mrr), str(day)) for deal, stage, kind, mrr, day in stored] == [
        ("41000000001", "won", "new", "1250.50", "2026-02-20"),
        ("41000000002", "lost", "new", "900.00", "2026-03-03"),
    ]
    again = send("alle-deals.csv", DUTCH_DEALS.replace("Meer", "Meer werk"))
    assert again.context["batch"].status == "checked"
    assert again.context["totals"]["changed"] == 1


def test_french_amounts_are_read_and_another_currency_is_named(admin: Any, send: Any) -> None:
    rows = FRENCH + "51009;C001;Deal 51009;Sales Hub;USD 900;01/03/2026;20/03/2026\r\n"
    page = confirm_kind(admin, send("deals-fr.csv", rows))
    places = {header: str(place) for place, header in enumerate(page.context["form"].sample.header)}
    sources = {
        "from-deal_id": places["Deal ID"], "from-client_id": places["Client"], "from-product_line": places["Line"],
        "from-mrr": places["Amount"], "from-created_on": places["Created"], "from-closed_on": places["Closed"],
        "from-kind": "=new", "from-origin": "=sourced", "from-stage": "=won", "from-currency": "=EUR",
        "from-registered": "=yes", "from-name": places["Name"],
    }  # fmt: skip
    given = {name: value for name, value in answers(page).items() if not name.startswith(("dates", "decimals"))}
    page = admin.post(page.request["PATH_INFO"], given | sources)
    assert answers(page)["dates-closed_on"] == "day_first"
    # 1 March or 3 January: nothing in the column tells, but the other column does
    assert page.context["form"].fields["dates-created_on"].help_text == "As in the column “Closed”."
    checked = save(admin, page)
    problems = [(problem.row, problem.value, problem.message) for problem in checked.context["page"]]
    assert problems == [(7, "USD 900", "the amount is in USD, but the row's currency is EUR")]


def test_our_own_columns_typed_in_dutch_get_the_step_too(admin: Any, send: Any) -> None:
    text = (
        "deal_id;client_id;name;product_line;kind;origin;stage;mrr;currency;created_on;closed_on;registered\r\n"
        "D1;C001;Een;Sales Hub;New;Sourced;Won;1.250,50;EUR;03-01-2026;20-02-2026;ja\r\n"
    )
    checked = send("deals.csv", text)
    assert checked.context["batch"].errors == 7
    assert checked.context["mendable"].label == "deals.csv"
    page = admin.get(f"/imports/{checked.context['batch'].pk}/tables/{checked.context['mendable'].pk}/")
    assert page.context["open"] == []
    mended = save(admin, page)
    assert mended.context["batch"].errors == 0


def test_windows_1252_is_asked_with_a_word_and_a_title_with_its_row(admin: Any, send: Any) -> None:
    text = "Klantenlijst;;;\r\n;;;\r\nclient_id;name;country;currency\r\n901;Café Zürich;NL;EUR\r\n"
    page = send("clients.csv", text.encode("cp1252"))
    page = admin.get(f"/imports/{page.context['batch'].pk}/tables/{page.context['unmapped'][0].pk}/")
    reading = page.context["reading_form"]
    assert reading.fields["read-encoding"].choices == [("windows-1252", "Windows-1252: “Café Zürich”, is this right?")]
    assert reading["read-header_row"].value() == "3"
    checked = save(admin, page)
    assert checked.context["batch"].errors == 0
    (table,) = checked.context["tables"]
    assert table.notices[:2] == ["separator ; found", "read as Windows-1252"]
    assert "the header is row 3" in table.notices
    assert table.rows == 1


def test_hidden_rows_and_sheets_wait_for_a_person(admin: Any, send: Any) -> None:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "clients"
    for row in (
        ["client_id", "name", "country", "currency"],
        ["901", "Seen", "NL", "EUR"],
        ["902", "Not", "NL", "EUR"],
    ):
        sheet.append(row)
    sheet.row_dimensions[3].hidden = True
    deals = book.create_sheet("deals")
    deals.append(["deal_id"])
    deals.sheet_state = "hidden"
    file = io.BytesIO()
    book.save(file)
    page = send("book.xlsx", file.getvalue())
    (field,) = page.context["kinds_form"]
    assert "book.xlsx [deals]" in field.label
    page = admin.post(f"/imports/{page.context['batch'].pk}/kinds/", {field.html_name: "-"}, follow=True)
    missing = save(admin, page)
    assert missing.context["reading_form"].errors == {"read-hidden_rows": ["Choose whether they count."]}
    checked = save(admin, page, **{"read-hidden_rows": "leave_out"})
    (table,) = [table for table in checked.context["tables"] if not table.left_out]
    assert (table.rows, table.errors) == (1, 0)
    assert "1 hidden row is left out" in table.notices


def test_two_ids_and_a_total_row_are_named(send: Any) -> None:
    checked = send(
        "services.csv",
        "client_id,started_on,mrr,currency,managing_partners\nC001;C002,2026-01-01,10,EUR,1\nTotal,,10,,\n",
    )
    problems = [(problem.row, problem.message) for problem in checked.context["page"]]
    assert problems == [(2, "2 ids in one cell: C001, C002"), (3, "this row looks like a total, not like data")]


def test_the_template_workbook_comes_back_without_its_examples(admin: Any, send: Any) -> None:
    from openpyxl import load_workbook

    response = admin.get("/imports/columns/partner-portal-template.xlsx")
    book = load_workbook(io.BytesIO(response.content))
    assert book.sheetnames[:2] == ["clients", "deals"]
    lists = {str(rule.sqref): rule.formula1 for rule in book["deals"].data_validations.dataValidation}
    assert lists["E2:E2000"] == '"new,cross_sell,upgrade,downgrade"'
    sheet = book["clients"]
    assert (sheet["A2"].value, sheet["A2"].number_format) == ("EXAMPLE", "@")
    sheet.append(["901", "Mine", None, "NL", "EUR"])
    file = io.BytesIO()
    book.save(file)
    checked = send("filled.xlsx", file.getvalue())
    assert checked.context["batch"].errors == 0
    assert checked.context["totals"]["rows"] == 1
    notices = {table.sheet: table.notices for table in checked.context["tables"]}
    assert "the example row is not imported" in notices["clients"]


def test_the_sample_data_are_the_files_of_the_demo(admin: Any, send: Any) -> None:
    import zipfile

    archive = zipfile.ZipFile(io.BytesIO(admin.get("/imports/columns/sample-data.zip").content))
    assert sorted(archive.namelist()) == sorted(f"{key}.csv" for key in (
        "clients", "deals", "services", "cancellations", "mrr_history", "certifications", "renewals", "statement_lines"
    ))  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "Report,,,\n,,,\nclient_id,name,country,currency\n1,A,NL,EUR\n",
            "row 3 looks like the header, and not this one",
        ),
        (
            "client_id,name,country,currency\n4.12346E+11,A,NL,EUR\n",
            "an id that a spreadsheet shortened; make the column text before you paste or open the ids",
        ),
        (
            "client_id,name,country,currency\n9\u200b01,A,NL,EUR\n",
            "an invisible character (U+200B) as character number 2",
        ),
    ],
)
def test_the_command_names_the_cause(bring_in: Any, text: str, message: str) -> None:
    result = bring_in({"clients.csv": text})
    assert not result.written
    assert [problem.message for _label, problem in result.problems] == [message]


def test_the_command_reads_other_separators_and_unseen_characters_in_headers(bring_in: Any) -> None:
    result = bring_in({"clients.csv": "\ufeff\ufeffclient\u200b_id|name|country|currency\r\n901|A|NL|EUR\r\n"})
    assert result.written
    assert [notice for _label, notice in result.notices] == ["columns separated by |"]


def test_kinds_are_proposed_by_headers_of_other_capitals_and_by_those_that_people_type(admin: Any) -> None:
    contents = {
        "a.csv": "Client_ID,Name,Country,Currency\n901,Oak,NL,EUR\n",
        "b.csv": "Klantnummer;Begindatum;Maandbedrag;Aantal partners\n901;1-3-2026;10,00;1\n",
        "c.csv": "Naam;Certificaat;Behaald op\nWil;Solutions Partner;1-3-2026\n",
    }
    page = admin.post("/imports/", {"files": [SimpleUploadedFile(*file) for file in _encoded(contents)]}, follow=True)
    proposed = [field.value() for field in page.context["kinds_form"]]
    assert proposed == ["clients", "services", "certifications"]


def _encoded(contents: dict[str, str]) -> list[tuple[str, bytes]]:
    return [(name, text.encode()) for name, text in contents.items()]


def test_the_command_says_where_files_with_other_columns_are_matched(bring_in: Any) -> None:
    result = bring_in({"deals.csv": "Record ID,Deal Name\n1,Start\n"})
    assert not result.written
    assert "the columns have other names than ours: match them once on the imports page" in [
        notice for _label, notice in result.notices
    ]
