"""Money and what is at stake: statements that add up, renewals, clients, deals, the pack; by role, and on paper."""

import re
from decimal import Decimal

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import paper

STATEMENT = "/commissions/statements/S-2026Q3/"
PAGES = {
    "commissions": "/commissions/", "statement": STATEMENT, "statement-print": f"{STATEMENT}print/",
    "line": "/commissions/questions/S-2026Q3/1/", "variance": "/commissions/rows/variance/?quarter=2026-Q3",
    "renewals": "/renewals/", "reminders": "/renewals/reminders/", "clients": "/clients/?health=risk",
    "pack": "/dashboard/pack/", "packs": "/dashboard/packs/", "retention": "/dashboard/retention/",
}  # fmt: skip


def number(text: str) -> Decimal:
    """The number in a figure as it is read: `−1,234.56`."""
    return Decimal(text.split("\n")[0].replace("−", "-").replace(",", "").replace("+", "").split(" ")[-1])


def stat(place: Page | Locator, label: str) -> Decimal:
    """The figure under a label."""
    return number(place.locator(".stat", has=place.get_by_text(label, exact=True)).locator(".num").inner_text())


def column(table: Locator, place: int) -> list[Decimal]:
    """The numbers of a column of a table's body."""
    return [number(text) for text in table.locator(f"tbody tr > :nth-child({place})").all_inner_texts()]


def rows_of(page: Page, link: Locator) -> int:
    """How many rows the dialog behind a link says it lists, and does list or page."""
    link.click()
    dialog = page.locator("#dialog")
    expect(dialog.locator("caption")).to_be_visible()
    count = re.search(r"of (\d+) ", dialog.locator("caption").inner_text())
    assert count
    assert dialog.locator("tbody tr").count() == min(int(count[1]), 25)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    return int(count[1])


def test_from_the_panel_to_a_statement_whose_lines_add_up_and_a_question(open_page):
    page = open_page("/dashboard/", "finance")
    page.get_by_role("link", name="Go to commissions").click()
    row = page.get_by_role("row", name=re.compile("^S-2026Q3"))
    listed = number(row.locator("td").nth(5).inner_text())
    row.get_by_role("link", name="S-2026Q3").click()
    expect(page.get_by_role("heading", level=1, name="Statement S-2026Q3")).to_be_visible()
    total = stat(page, "Statement total")
    assert total == listed
    assert number(page.locator("#page-rows tfoot .n").inner_text()) == total
    for line in page.locator("#page-rows tbody tr:not(.variance)").all()[:10]:
        revenue, rate, fx, commission = (number(line.locator("td").nth(place).inner_text()) for place in (2, 3, 4, 5))
        assert abs(revenue * rate * fx - commission) < Decimal("0.01")
    assert stat(page, "Difference of the quarter") == total - stat(page, "Expected of the quarter")

    differs = page.get_by_role("table", name=re.compile("Expected and on statements by client"))
    assert sum(column(differs, 4)) == number(differs.locator("tfoot td").nth(2).inner_text())

    page.get_by_label("Show", exact=True).select_option(label="Lines that don’t add up")
    expect(page.locator("#page-rows tbody tr")).to_have_count(int(stat(page, "Lines that don’t add up")))
    expect(page.locator("#page-rows tr.variance")).to_contain_text("should be")
    page.locator("#page-rows").get_by_role("link", name="Query this line").click()
    page.get_by_label("What should the vendor explain?").fill("The invoice says another amount.")
    page.get_by_role("button", name="Query this line").click()
    expect(page).to_have_url(re.compile("/commissions/statements/S-2026Q3/"))
    page.goto("/commissions/questions/")
    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.locator("tbody tr")).to_contain_text("The invoice says another amount.")
    page.goto("/commissions/")
    page.get_by_role("link", name="1 query is not settled").click()

    page.goto(f"{STATEMENT}print/")
    lines = page.get_by_role("table", name=re.compile("Net revenue × rate × exchange rate"))
    assert lines.locator("tbody tr").count() > 300
    assert sum(column(lines, 7)) == total == number(lines.locator("tfoot .n").inner_text())
    expect(lines.locator("tr.variance")).to_contain_text("The invoice says another amount.")


def test_the_range_of_payments_and_the_variance_of_a_quarter(open_page):
    page = open_page("/commissions/", "finance")
    year = stat(page, "Paid in the range")
    page.locator("#pay_choice").click()
    page.locator("#payments").get_by_role("link", name="Last 90 days").click()
    expect(page.locator("#pay_choice")).to_contain_text("Last 90 days")
    expect(page).to_have_url(re.compile(r"pay_range=last-90-days$"))
    quarter = stat(page, "Paid in the range")
    assert 0 < quarter < year
    page.locator(".stat", has_text="Paid in the range").get_by_role("link").click()
    expect(page.locator("#dialog tfoot")).to_contain_text(f"{quarter:,}")
    page.keyboard.press("Escape")
    past = page.get_by_role("table", name=re.compile("Quarters that are over")).locator("tbody tr").first
    expected, paid, difference = (number(past.locator("td").nth(place).inner_text()) for place in range(3))
    assert difference == paid - expected
    past.get_by_role("link").last.click()
    expect(page.locator("#dialog tbody tr").first).to_be_visible()
    expect(page.locator("#dialog tfoot")).to_contain_text(f"USD {abs(difference):,}")


def test_renewals_by_range_order_and_week(open_page):
    page = open_page("/renewals/", "finance")
    weeks = page.locator("details", has_text="Show as a table")
    weeks.locator("summary").click()
    listed = page.locator("#page-rows tbody tr").count()
    overdue = page.locator("#page-rows tbody tr", has_text="overdue").count()
    assert overdue > 0
    assert sum(column(weeks.locator("table"), 2)) == listed - overdue
    stakes = [Decimal(each.get_attribute("value") or "") for each in page.locator("#page-rows tbody data").all()]
    total = page.locator("#page-rows tfoot data").last
    assert sum(stakes) == Decimal(total.get_attribute("value") or "")

    page.get_by_role("link", name="Points at stake", exact=True).click()
    expect(page.locator("th[aria-sort]")).to_contain_text("Points at stake")
    ordered = [Decimal(each.get_attribute("value") or "") for each in page.locator("#page-rows tbody data").all()]
    assert ordered == sorted(stakes, reverse=True)
    page.get_by_label("Show", exact=True).select_option("overdue")
    expect(page.locator("#page-rows tbody tr")).to_have_count(overdue)
    page.get_by_role("main").get_by_role("searchbox").fill("no such client anywhere")
    expect(page.locator("#page-rows")).to_contain_text("No renewals found")

    page.goto("/renewals/")
    page.locator("#renewals_choice").click()
    page.get_by_role("link", name="Next 180 days").click()
    expect(page.locator("#renewals_choice")).to_contain_text("Next 180 days")
    expect(page).to_have_url(re.compile(r"renewals_range=next-180-days"))
    assert int(re.findall(r"of (\d+) renewals", page.locator("#page-rows caption").inner_text())[0]) > listed


def test_clients_by_health_search_and_record(open_page):
    page = open_page("/clients/", "finance")
    words = re.search(r"(\d+) clients are at risk", page.locator(".lede").inner_text())
    assert words
    page.get_by_label("Health").select_option(label="At risk")
    expect(page.locator("#page-rows tbody tr")).to_have_count(int(words[1]))
    page.get_by_label("Health").select_option(label="Any health")
    page.get_by_role("main").get_by_role("searchbox").fill("birch & barrow soft")
    expect(page.locator("#page-rows tbody tr")).to_have_count(1)
    points = page.locator("#page-rows tbody data").get_attribute("value")
    page.get_by_role("link", name="Birch & Barrow Software").click()
    expect(page.get_by_role("heading", level=1, name="Birch & Barrow Software")).to_be_visible()
    expect(page.locator(".stat", has_text="Points in force").locator("data").first).to_have_attribute("value", points)
    expect(page.get_by_role("heading", name="Commission")).to_be_visible()
    expect(page.get_by_role("heading", name="At stake")).to_be_visible()


def test_deals_and_retention_open_their_rows(open_page):
    page = open_page("/dashboard/", "finance")
    page.locator("#shared > summary").click()
    for counter in page.locator("#shared a.counter").all():
        assert rows_of(page, counter) == number(counter.locator(".num").inner_text())
    stalled = page.locator("#shared").get_by_role("link", name=re.compile("open deals are stalled"))
    assert rows_of(page, stalled) == int(stalled.inner_text().split()[0])
    page.locator("#shared_choice").click()
    page.locator("#shared").get_by_role("link", name="Last 12 months").click()
    expect(page.locator("#shared_choice")).to_contain_text("Last 12 months")
    counter = page.locator("#shared a.counter").last
    assert rows_of(page, counter) == number(counter.locator(".num").inner_text()) > 25
    page.locator("#retention > summary").click()
    page.locator("#retention .chart summary").click()
    page.get_by_role("link", name=re.compile("Who left or pays less.*October 2026")).click()
    expect(page.locator("#dialog-heading")).to_have_text("Clients that left or pay less")
    expect(page.locator("#dialog-figure")).to_contain_text("October 2026")
    expect(page.locator("#dialog tbody tr")).to_have_count(2)


def test_a_pack_is_kept_and_opens_with_the_same_figures(open_page):
    page = open_page("/dashboard/pack/", "finance")
    figures = page.locator("article").inner_text()
    assert "1,235" in figures
    page.get_by_label("Title").fill("Review of November")
    page.get_by_role("button", name="Save this pack").click()
    expect(page.get_by_role("note")).to_contain_text("Review of November")
    page.wait_for_load_state()  # the note comes before the tables
    assert page.locator("article").inner_text() == figures
    page.goto("/dashboard/packs/")
    expect(page.get_by_role("row", name=re.compile("Review of November"))).to_contain_text("With amounts")
    other = open_page("/dashboard/packs/", "member")
    expect(other.get_by_role("heading", level=1, name="Review packs")).to_be_visible()
    expect(other.get_by_role("link", name="Review of November")).to_have_count(0)


def test_paper_has_every_row_and_every_head(open_page):
    page = open_page("/dashboard/pack/", "finance")
    for path in ("/dashboard/pack/", "/dashboard/", f"{STATEMENT}print/"):
        page.goto(path)
        page.emulate_media(media="print")
        for head in page.locator("table.data thead").all():
            expect(head).to_have_css("display", "table-header-group")
        for drawn in page.locator("[data-chart]").all():
            expect(drawn).to_be_visible()
        for place in (".topbar", ".topnav", ".toolbar", ".dialog-actions"):
            for each in page.locator(place).all():
                expect(each).to_be_hidden()
        cut = """[...document.querySelectorAll('table')]
          .filter(table => table.scrollWidth > table.parentElement.clientWidth + 1).length"""
        page.set_viewport_size({"width": 688, "height": 900})  # A4 without its margins
        assert page.evaluate(cut) == 0, path
        page.set_viewport_size({"width": 1440, "height": 900})
        page.emulate_media(media="null")
    pages = paper.print_to_pages(page)  # the statement's 310 lines
    assert paper.faults(pages, page) == []
    assert 5 < len(pages) < 9
    assert all(printed.height > printed.width for printed in pages)
    heads = [printed for printed in pages if any("× Rate" in line for line in printed.lines)]
    lines = sum(bool(re.match(r"\d+ .* [A-Z][a-z]{2} \d\d ", line)) for printed in pages for line in printed.lines)
    assert lines == 310
    assert len(heads) >= 4


@pytest.mark.sweep
def test_axe_finds_nothing_and_nothing_scrolls_sideways(open_page, looks_right):
    """With scripts: tests/contract/test_accessibility.py reads each page without, and samples them in make test."""
    page = open_page("/commissions/", "finance")
    for name, path in PAGES.items():
        page.goto(path)
        looks_right(page, name)
    page.goto("/dashboard/#shared")  # which opens it
    page.locator("#shared a.counter").first.click()
    expect(page.locator("#dialog tbody tr").first).to_be_visible()
    looks_right(page, "shared-dialog", "#dialog")
