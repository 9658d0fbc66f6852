"""Bringing files in, from the first day on: upload, errors, choices, what changed; with and without script, themes, phone."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PASSWORD, ROOT, sign_in
from tests.browser.hands import Hands

DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
CLIENTS = """client_id,name,country,currency,segment
J001,Juniper & Oak,NL,EUR,A
J002,Lantern Works,Netherlands,EUR,B
J003,Marigold Press,GB,CHF,C
"""
DEALS = """deal_id;client_id;name;product_line;kind;origin;stage;mrr;currency;created_on;closed_on;registered
J-D1;J001;Start;Sales Hub;new;sourced;won;880.00;EUR;2026-01-05;2026-02-01;yes
J-D2;J002;Start;Sales Hub;new;sourced;won;880.00;EUR;2026-01-05;23.11.2026;yes
"""


def files(tmp_path: Path, **contents: str) -> list[str]:
    paths = []
    for name, text in contents.items():
        path = tmp_path / f"{name}.csv"
        path.write_text(text, encoding="utf-8")
        paths.append(str(path))
    return paths


@pytest.mark.parametrize(
    "javascript",
    [
        pytest.param(True, id="with script"),
        pytest.param(False, id="without script", marks=pytest.mark.sweep),
    ],
)
def test_from_upload_to_what_changed(open_page, tmp_path, shot, javascript):
    # Other numbers for each run, since the journeys share one portal.
    clients, deals = (text.replace("J", "J" if javascript else "K") for text in (CLIENTS, DEALS))
    page = open_page("/imports/", java_script_enabled=javascript)
    page.get_by_label("CSV or Excel files").set_input_files(files(tmp_path, clients=clients, deals=deals))
    if javascript:
        expect(page.locator("[data-chosen] li")).to_have_text(["clients.csv", "deals.csv"])
    page.get_by_role("button", name="Upload and check").click()
    expect(page).to_have_url(re.compile(r"/imports/\d+/$"))
    expect(page.get_by_text("4 errors in 3 rows of 2 files")).to_be_visible()
    expect(page.get_by_text("Column “segment” ignored")).to_be_visible()
    expect(page.get_by_text("Separator ; found")).to_be_visible()
    expect(page.get_by_role("row", name="clients.csv, 4")).to_contain_text("The programme has no fixed amount for CHF")
    total = page.get_by_role("table", name="Points of the day, before and after").get_by_role("row", name="Total")
    expect(total).to_contain_text("+50")
    if javascript:
        shot(page, "imports-check-1440")
    page.get_by_role("checkbox", name="Leave out the 3 bad rows").check()
    page.get_by_role("button", name="Import 2 rows").click()
    expect(page.get_by_text("These rows were left out; all others were imported.")).to_be_visible()
    expect(page.get_by_role("table", name="What this import did").get_by_role("row", name="deals.csv")).to_contain_text(
        "deals"
    )
    expect(page.get_by_text("1 ledger entry.")).to_be_visible()
    if javascript:
        shot(page, "imports-written-1440")
    page.get_by_role("link", name="Imports").last.click()
    expect(page.get_by_text("Imported, 3 rows left out").first).to_be_visible()


def test_writing_without_the_choice_is_held_back_by_the_browser(open_page, tmp_path):
    page = open_page("/imports/")
    page.get_by_label("CSV or Excel files").set_input_files(files(tmp_path, clients=CLIENTS.replace("J0", "L0")))
    page.get_by_role("button", name="Upload and check").click()
    page.get_by_role("button", name="Import 1 row").click()
    expect(page.get_by_role("checkbox", name="Leave out the 2 bad rows")).to_be_focused()
    page.get_by_role("button", name="Cancel this import").click()
    expect(page.get_by_text(re.compile(r"Import no\. \d+ is cancelled; nothing was imported\."))).to_be_visible()


def test_files_are_dropped_anywhere_in_the_zone(open_page):
    page = open_page("/imports/")
    transfer = page.evaluate_handle(
        """() => {
            const held = new DataTransfer();
            for (const name of ["clients.csv", "deals.csv"]) held.items.add(new File(["client_id\\n"], name));
            return held;
        }"""
    )
    page.dispatch_event("[data-drop]", "drop", {"dataTransfer": transfer})
    expect(page.locator("[data-chosen] li")).to_have_text(["clients.csv", "deals.csv"])
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_text("The column is missing").first).to_be_visible()


def test_errors_are_filtered_and_leafed_through(open_page, tmp_path):
    rows = "".join(f"N{number:03},Name,{'??' if number % 2 else 'NL'},CHF\n" for number in range(60))
    page = open_page("/imports/")
    header = "client_id,name,country,currency\n"
    page.get_by_label("CSV or Excel files").set_input_files(files(tmp_path, clients=header + rows))
    page.get_by_role("button", name="Upload and check").click()
    errors = page.get_by_role("table", name=re.compile("errors?, by file and row"))
    expect(errors).to_contain_text("90 errors, by file and row")
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_url(re.compile(r"page=2"))
    expect(errors.get_by_role("row", name="clients.csv, 61 country")).to_be_visible()
    page.get_by_label("Column", exact=True).select_option("country")
    expect(errors).to_contain_text("30 errors, by file and row")
    expect(page).to_have_url(re.compile(r"column=country"))
    page.reload()
    expect(errors).to_contain_text("30 errors, by file and row")
    with page.expect_download() as download:
        page.get_by_role("link", name="These errors as CSV").click()
    lines = Path(download.value.path()).read_text(encoding="utf-8-sig").splitlines()
    assert (len(lines), lines[1]) == (
        31,
        'clients.csv,,3,country,??,not the code of a country,"two capital letters of ISO 3166-1, such as NL or GB"',
    )


def test_a_file_whose_name_says_nothing(open_page, tmp_path, no_findings, shot):
    page = open_page("/imports/")
    contents = {"export": CLIENTS.replace("J0", "M0"), "other": "a,b\n1,2\n"}
    page.get_by_label("CSV or Excel files").set_input_files(files(tmp_path, **contents))
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_label("export.csv")).to_have_value("clients")
    no_findings(page)
    shot(page, "imports-choose-1440")
    page.get_by_label("other.csv").select_option("Leave it out")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_text("Not read")).to_be_visible()


def test_a_large_batch_waits_for_a_worker_in_sight(open_page, tmp_path, no_findings, shot):
    rows = "".join(f"O{number:05},A client with a rather long name to fill the file,NL,EUR\n" for number in range(9000))
    page = open_page("/imports/")
    header = "client_id,name,country,currency\n"
    page.get_by_label("CSV or Excel files").set_input_files(files(tmp_path, clients=header + rows))
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_text("Waiting to start")).to_be_visible()
    expect(page.get_by_role("progressbar")).to_be_visible()
    no_findings(page)
    shot(page, "imports-waiting-1440")
    page.get_by_role("button", name="Cancel this import").click()
    expect(page.get_by_text("is cancelled; nothing was imported")).to_be_visible()


@pytest.mark.sweep
def test_looks_and_axe(open_page, tmp_path, looks_right):
    """The sample looks at a mapping, which scripts change most; the rest is read by tests/contract/test_accessibility.py."""
    page = open_page("/imports/")
    looks_right(page, "imports-empty")
    page.get_by_label("CSV or Excel files").set_input_files(files(tmp_path, clients=CLIENTS, deals=DEALS))
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_text("errors in 3 rows")).to_be_visible()
    looks_right(page, "imports-check")
    page.get_by_role("button", name="Cancel this import").click()
    expect(page.get_by_role("heading", name="History")).to_be_visible()
    looks_right(page, "imports")
    page.goto("/imports/columns/")
    looks_right(page, "imports-columns")


HUBSPOT_DEALS = (
    "Record ID,Deal Name,Deal Stage,Create Date,Close Date,hs_deal_registration_mrr,"
    """hs_deal_registration_mrr_currency_code,Partner client,Deal Type
P-D1,Start,Closed Won,2026-01-05 09:12,2026-02-01 10:00,880.00,EUR,P001,New Business
P-D2,Idea,Legal review,2026-01-05 09:12,,100.00,EUR,P001,New Business
"""
)


def hubspot_files(tmp_path: Path, letter: str) -> list[str]:
    """Our own file of clients, and HubSpot's of deals, in which clients and deals start with this letter."""
    clients = f"client_id,name,country,currency\n{letter}001,Juniper & Oak,NL,EUR\n"
    deals = HUBSPOT_DEALS.replace("P-", f"{letter}-").replace("P001", f"{letter}001")
    return files(tmp_path, clients=clients, **{f"all-deals-{letter}": deals})


def forget_mappings(page) -> None:
    """What other journeys said is proposed no more."""
    forget = page.get_by_role("button", name=re.compile("Forget"))
    for _mapping in range(forget.count()):
        forget.first.click()
        expect(page.get_by_text("The mapping is forgotten.")).to_be_visible()


def test_from_a_hubspot_export_to_points(open_page, tmp_path):
    letter = "Q"
    page = open_page("/imports/columns/", viewport=DESK)
    forget_mappings(page)
    page.goto("/imports/")
    page.get_by_label("CSV or Excel files").set_input_files(hubspot_files(tmp_path, letter))
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_label(f"all-deals-{letter}.csv")).to_have_value("deals")
    page.get_by_role("button", name="Check").click()
    expect(page.get_by_role("heading", name="Match the columns")).to_be_visible()
    expect(page.get_by_text("Still needed: client_id, product_line, origin, registered")).to_be_visible()

    def chosen(column: str, option: str, then: str) -> None:
        """Choose where a column comes from; what is asked next appears by itself."""
        page.get_by_label(re.compile(rf"^\s*{column}\s")).select_option(option)
        expect(page.get_by_label(then).first).to_be_visible()

    page.get_by_label(re.compile(r"^\s*client_id\s")).select_option("Partner client")
    chosen("kind", "Deal Type", "New Business means")
    page.get_by_label("New Business means").select_option("new")
    page.get_by_label("Legal review means").select_option("open")
    for column, value in (("product_line", "Sales Hub"), ("origin", "sourced"), ("registered", "yes")):
        line = page.get_by_role("listitem").filter(has=page.get_by_label(re.compile(rf"^\s*{column}\s")))
        source = line.get_by_label(re.compile(rf"^\s*{column}\s"))
        if column != "product_line":
            source.select_option(f"Every row: {value}")
            continue
        source.select_option("The same for every row")
        field = line.get_by_label("Value for every row")
        expect(field).to_be_visible()
        field.fill(value)
        field.press("Tab")
    preview = page.get_by_role("table", name="The first 2 rows through this mapping")
    expect(preview.get_by_role("row").nth(1)).to_contain_text("sourced")
    expect(page.get_by_text("Every cell of these rows can be read")).to_be_visible()
    expect(page.get_by_text("Still to say")).to_have_count(0)
    for size in (PHONE, DESK):
        page.set_viewport_size(size)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="Save and check").click()
    expect(page.get_by_text("Every row is good")).to_be_visible()
    page.get_by_role("button", name="Import 3 rows").click()
    expect(page.get_by_text("1 ledger entry.")).to_be_visible()
    page.get_by_role("link", name=re.compile("How it was mapped")).click()
    expect(page.get_by_role("row", name=re.compile("^origin the same for every row: sourced"))).to_be_visible()
    page.goto("/imports/columns/")
    page.get_by_text("Where its columns go").click()
    expect(page.get_by_role("row", name=re.compile("^kind Deal Type New Business = new"))).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.sweep
def test_looks_of_a_mapping(open_page, tmp_path, looks_right):
    page = open_page("/imports/columns/")
    forget_mappings(page)
    page.goto("/imports/")
    bad = HUBSPOT_DEALS.replace("P-", "L-").replace("880.00", "lots")
    page.get_by_label("CSV or Excel files").set_input_files(files(tmp_path, deals=bad))
    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_text("Match them once; we remember it for the next file")).to_be_visible()
    page.get_by_role("link", name="Match the columns of deals.csv").click()
    page.get_by_label(re.compile(r"^\s*kind\s")).focus()
    page.get_by_label(re.compile(r"^\s*kind\s")).select_option("Deal Type")
    expect(page.get_by_label("New Business means")).to_be_visible()
    expect(page.get_by_label(re.compile(r"^\s*kind\s"))).to_be_focused()
    page.get_by_label(re.compile(r"^\s*product_line\s")).select_option("The same for every row")
    expect(page.get_by_label("Value for every row")).to_be_visible()
    expect(page.get_by_role("table", name="What is not accepted in these rows")).to_contain_text("Legal review")
    looks_right(page, "imports-mapping")
    page.get_by_role("button", name="Save and check").click()
    expect(page.get_by_text("It cannot be used like this yet")).to_be_visible()
    page.complaints.clear()  # the browser's note of the answer 422
    page.get_by_role("button", name="Leave this file out").click()
    expect(page.get_by_text("Not read")).to_be_visible()


COMPANIES = """Record ID,Company name,Company owner,Create Date,Phone Number,City,Country/Region,Company Domain Name
31000000001,Juniper & Oak,,2026-01-05 09:12,,Utrecht,Netherlands,juniper.example
31000000002,Wörlitz GmbH,,2026-01-05 09:12,,Berlin,Germany,woerlitz.example
"""
ALL_DEALS = """Record ID,Deal Name,Deal Stage,Close Date,Deal owner,Amount,Create Date,Pipeline,Deal Type,Associated Company IDs
41000000001,Start,Closed Won,2026-02-20 16:40,Robin,1250.50,2026-01-05 09:12,Sales,New Business,31000000001
41000000002,More,Closed Won,2026-03-03 10:00,Robin,900,2026-01-05 09:12,Sales,Existing Business,31000000001
41000000003,Idea,Contract Sent,,Robin,400,2026-06-05 09:12,Sales,New Business,31000000002
"""
TYPED_IN_DUTCH = {
    "Diensten 2026": [
        ["Klantnummer", "Klant", "Begindatum", "Einddatum", "Maandbedrag", "Valuta", "Aantal partners"],
        [31000000001, "Juniper & Oak", "1-3-2026", "20-9-2026", "1.250,50", "EUR", 1],
        [31000000002, "Wörlitz", "1-4-2026", "", "€ 900,00", "EUR", 2],
    ],
    "Verlengingen": [
        ["Klantnummer", "Product", "Verlengdatum", "Huidige MRR", "Nieuwe MRR", "Valuta", "Status", "Verlengingsmanager"],
        [31000000001, "Sales Hub", "15-1-2027", "1.250,50", "1.300,00", "EUR", "In afwachting", "Robin"],
        [31000000002, "Sales Hub", "28-2-2027", "900,00", "900,00", "EUR", "Bevestigd", "Robin"],
    ],
    "MRR per maand": [
        ["Klantnummer", "Maand", "MRR", "Valuta"],
        [31000000001, "okt 2026", "1.250,50", "EUR"],
        [31000000002, "okt 2026", "900,00", "EUR"],
    ],
}  # fmt: skip


def dutch_workbooks(tmp_path: Path) -> list[str]:
    """Workbooks with one sheet each, as somebody typed them in a Dutch Excel."""
    from openpyxl import Workbook

    paths = []
    for name, rows in TYPED_IN_DUTCH.items():
        book = Workbook()
        for row in rows:
            book.active.append(row)
        book.active.title = "Blad1"
        book.save(tmp_path / f"{name}.xlsx")
        paths.append(str(tmp_path / f"{name}.xlsx"))
    return paths


def test_a_new_user_brings_in_two_exports_and_three_typed_workbooks(
    browser, live_portal, live_database, tmp_path, shot
):
    with psycopg.connect(**live_database) as database:
        database.execute("UPDATE accounts_partner SET language = 'en' WHERE slug = 'southwind'")
    page = browser.new_context(base_url=live_portal, viewport=DESK).new_page()
    sign_in(page, live_portal, "admin@southwind.example")
    done = []

    def click(name: str) -> None:
        page.get_by_role("button", name=name).click()
        done.append(name)

    def upload(companies: str) -> None:
        exports = {"hubspot-crm-exports-all-companies": companies, "hubspot-crm-exports-all-deals": ALL_DEALS}
        page.goto("/imports/")
        page.get_by_label("CSV or Excel files").set_input_files(files(tmp_path, **exports) + dutch_workbooks(tmp_path))
        done.append("files")
        click("Upload and check")

    def say(column: str, option: str) -> None:
        page.get_by_label(re.compile(rf"^\s*{column}\s")).select_option(option)
        done.append(column)

    upload(COMPANIES)
    expect(page.get_by_label("MRR per maand.xlsx [Blad1]")).to_have_value("mrr_history")
    click("Check")
    expect(page.get_by_role("heading", name="all-companies")).to_be_visible()
    say("currency", "Every row: EUR")
    click("Save and check")
    expect(page.get_by_role("heading", name="all-deals")).to_be_visible()
    for column, option in (
        ("origin", "Every row: sourced"),
        ("registered", "Every row: yes"),
        ("currency", "Every row: EUR"),
    ):
        say(column, option)
    say("product_line", "The same for every row")
    page.get_by_label("Value for every row").fill("Sales Hub")
    page.get_by_label("Existing Business means").select_option("cross_sell")
    done += ["Sales Hub", "Existing Business"]
    click("Save and check")
    for name in TYPED_IN_DUTCH:
        expect(page.get_by_role("heading", name=name)).to_be_visible()
        click("Save and check")
    expect(page.get_by_text("Every row is good")).to_be_visible()
    shot(page, "imports-five-files-1440")
    click("Import 11 rows")
    expect(page.get_by_role("heading", name="What's next")).to_be_visible()
    assert len(done) <= 25, done
    done.clear()
    upload(COMPANIES.replace("Juniper & Oak", "Juniper & Oak BV"))
    click("Import 11 rows")
    expect(page.get_by_role("table", name="What this import did")).to_contain_text("1")
    assert len(done) <= 4, done
    page.context.close()


OF_THE_DEMO = json.loads((ROOT / "tests" / "expected" / "2026-11-23.json").read_text(encoding="utf-8"))
COPY = """
    WITH partner AS (INSERT INTO accounts_partner SELECT (jsonb_populate_record(one, %(partner)s || jsonb_build_object(
      'id', nextval(pg_get_serial_sequence('accounts_partner', 'id'))))).* FROM accounts_partner one
      WHERE slug = 'northwind' RETURNING id),
    person AS (INSERT INTO accounts_user SELECT (jsonb_populate_record(one, %(person)s || jsonb_build_object(
      'id', nextval(pg_get_serial_sequence('accounts_user', 'id'))))).* FROM accounts_user one
      WHERE email = 'admin@northwind.example' RETURNING id)
    INSERT INTO accounts_membership SELECT (jsonb_populate_record(one, jsonb_build_object('user_id', person.id,
      'partner_id', partner.id, 'id', nextval(pg_get_serial_sequence('accounts_membership', 'id'))))).*
      FROM accounts_membership one, person, partner
      WHERE one.user_id = (SELECT id FROM accounts_user WHERE email = 'admin@northwind.example')"""


@pytest.fixture
def empty_partner(browser: Browser, live_portal: str, live_database: dict[str, Any]) -> Callable[..., Page]:
    """Creates a partner without anything, and gives the page on which its only admin has signed in."""

    def sign_in_to(slug: str, language: str, **options: Any) -> Page:
        email = f"admin@{slug}.example"
        names = {
            "partner": {"slug": slug, "name": slug, "time_zone": "UTC", "language": language},
            "person": {"email": email, "name": slug},
        }
        with psycopg.connect(**live_database) as database:
            database.execute(COPY, {name: json.dumps(values) for name, values in names.items()})
        page = browser.new_context(base_url=live_portal, **options).new_page()
        page.goto("/dashboard/")
        page.locator("[name=login]").fill(email)
        page.locator("[name=password]").fill(PASSWORD)
        page.locator("[name=password]").press("Enter")
        page.wait_for_url("**/dashboard/**")
        return page

    return sign_in_to


def own_files(tmp_path: Path) -> list[str]:
    """The files of the demo partner as somebody's own: one byte differs, so that they are not taken for sample data."""
    paths = []
    for path in sorted((ROOT / "demo" / "northwind").glob("*.csv")):
        (tmp_path / path.name).write_bytes(path.read_bytes() + b"\n")
        paths.append(str(tmp_path / path.name))
    return paths


def first_day(page: Page, files: list[str], *, keyboard: bool = False) -> None:
    """From an empty partner to the figures of `tests/expected`: each step leads to the next of the checklist."""
    hands = Hands(page, keyboard=keyboard)
    save = page.locator("main form button.primary").first
    next_step = page.locator("#messages a")
    open_steps = page.locator(".first-day li a[href]:not(.small a)")

    expect(open_steps).to_have_count(11)
    hands.click(page.locator("main a.primary[href='/imports/']"))
    hands.attach(page.locator("#id_files"), files)
    hands.click(save)
    hands.click(page.locator("button.primary[form=commit]"))
    expect(page.locator("#h-commit")).to_have_count(0)

    hands.click(page.locator("main a.primary"))
    hands.fill(page.locator("[name=source]"), "Partner portal of the vendor, 23 November")
    hands.click(save)
    hands.click(next_step)
    for field, text in (("name", "Uma Costa"), ("role", "PDM"), ("email", "uma.costa@vendor.example")):
        hands.fill(page.locator(f"main [name={field}]"), text)
    hands.click(save)
    hands.click(next_step)
    hands.fill(page.locator("main [name=email]"), "colleague@northwind.example")
    hands.click(page.locator("main form:has([name=email]) button.primary"))
    hands.fill(page.locator("[name=password]"), PASSWORD)  # rights are given to somebody who proves who they are
    hands.click(page.locator("form:has([name=password]) button.primary"))
    hands.click(next_step)
    hands.fill(page.locator("main [name=time_zone]"), "Europe/Amsterdam")
    hands.click(save)
    expect(page.locator("#messages")).to_be_visible()
    expect(next_step).to_have_count(0)
    hands.click(page.locator("header a.brand"))
    assert hands.counted() == (14, 0, 8), "clicks, keys, and what was typed, chosen or attached"

    expect(page.locator(".first-day, .sample-notice, .sample-data")).to_have_count(0)
    values = {
        "#progress .hero data": [OF_THE_DEMO["points"]["total"]],
        "#changes a.counter data": [
            OF_THE_DEMO["changes"][name] for name in ("new_sold", "lost_sold", "new_managed", "lost_managed")
        ],
    }
    for place, expected in values.items():
        shown = [data.get_attribute("value") for data in page.locator(place).all()]
        assert shown == expected, place
    tiers = page.locator("#progress .held")
    for tier in (OF_THE_DEMO["tiers"]["credited"], OF_THE_DEMO["tiers"]["performance"]):
        expect(tiers).to_contain_text(tier)
    csr = f"{float(OF_THE_DEMO['retention']['csr']):.1%}"
    language = page.locator("html").get_attribute("lang")
    expect(page.locator("#retention dl")).to_contain_text(csr.replace(".", ",") if language == "nl" else csr)
    page.context.close()


def test_the_first_day_in_counted_clicks(empty_partner, tmp_path):
    first_day(empty_partner("first-day", "en", viewport=DESK), own_files(tmp_path))


@pytest.mark.sweep
@pytest.mark.parametrize("how", ["keyboard", "phone", "dutch", "no script", "dutch phone without script"])
def test_the_first_day_by_every_way(empty_partner, tmp_path, how):
    options: dict[str, Any] = {"viewport": PHONE if "phone" in how else DESK}
    if "script" in how:
        options["java_script_enabled"] = False
    slug = "first-" + how.replace(" ", "-")
    page = empty_partner(slug, "nl" if "dutch" in how else "en", **options)
    first_day(page, own_files(tmp_path), keyboard=how == "keyboard")
