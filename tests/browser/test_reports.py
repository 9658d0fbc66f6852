"""What is kept of rows: lists, files, reports and schedules. From the dialog and back, by keyboard, without script."""

import csv
import io
import re
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest
from playwright.sync_api import Download, Locator, Page, expect

DASHBOARD = "/dashboard/?changes_range=last-90-days"
COUNTER = "#changes a.counter >> nth=1"  # lost sold
ROWS = "/dashboard/changes/lost-sold/?changes_range=last-90-days"
ACTIONS = ("Add to list", "Export", "Save as report", "Schedule")


def dialog_of(page: Page, days: str = "last-90-days") -> Locator:
    """The dialog with the rows behind a figure."""
    page.goto(f"/dashboard/?changes_range={days}")
    page.locator(COUNTER).click()
    dialog = page.locator("#dialog")
    expect(dialog.locator("tbody tr").first).to_be_visible()
    return dialog


def pane_of(place: Locator, action: str) -> Locator:
    """The form of an action, which has the focus once it has come."""
    place.get_by_role("link", name=action, exact=True).click()
    pane = place.locator("[data-side]")
    expect(pane.locator("[tabindex='-1']")).to_be_focused()
    return pane


def exact(figure: Locator) -> Decimal:
    return Decimal(figure.get_attribute("value") or "")


def points_of(download: Download) -> Decimal:
    """The sum of the column Points in a file, CSV or Excel."""
    path = download.path()
    if download.suggested_filename.endswith(".csv"):
        rows = list(csv.DictReader(io.StringIO(Path(path).read_text(encoding="utf-8-sig"))))
        return sum((Decimal(row["Points"]) for row in rows), Decimal(0))
    book = openpyxl.load_workbook(io.BytesIO(Path(path).read_bytes()), read_only=True)
    heads, *rows = book.worksheets[0].iter_rows(values_only=True)
    place = heads.index("Points")
    return sum((Decimal(str(row[place])) for row in rows if row[place] is not None), Decimal(0))


@pytest.fixture(scope="module")
def kept(browser, live_portal, signed_in) -> dict[str, str]:
    """The addresses of a list, a report, a file and a schedule, made by the manager on pages of their own."""
    context = browser.new_context(base_url=live_portal, storage_state=signed_in("manager"), java_script_enabled=False)
    page = context.new_page()
    found = {}
    query = "?changes_range=last-30-days"
    for name, path, button in (
        ("list", "/lists/use/changes-lost-sold/", re.compile("Add all")),
        ("report", "/reports/new/changes-lost-sold/", "Save and add for everyone"),
        ("schedule", "/schedules/new/changes-lost-sold/", "Start schedule"),
    ):
        page.goto(path + query)
        page.get_by_label("Name").first.fill(f"Kept {name}")
        page.get_by_role("button", name=button).first.click()
        page.wait_for_url(re.compile(rf"/{name}s/\d+/$"))
        found[name] = page.url.removeprefix(live_portal)
    page.goto("/exports/new/changes-lost-sold/" + query)
    with page.expect_download():
        page.get_by_role("button", name="Export 9 rows").click()
    page.goto("/exports/")
    page.locator("#export-files tbody th a").first.click()
    found["export"] = page.url.removeprefix(live_portal)
    context.close()
    return found


def test_a_list_is_filled_narrows_rows_and_comes_back_when_deleted(open_page):
    page = open_page("/dashboard/")
    dialog = dialog_of(page)
    pane = pane_of(dialog, "Add to list")
    ticks = dialog.locator("tbody input[name=row]")
    for number in (0, 1):
        ticks.nth(number).check()
    clients = dialog.locator("tbody th a").all_inner_texts()[:3]
    assert len(set(clients)) == 3
    pane.get_by_label("Name").fill("Win-back calls")
    pane.get_by_role("button", name="Add the clients of the ticked rows (2)").click()
    expect(dialog.locator("[data-side]")).to_contain_text("2 clients added")

    pane = pane_of(dialog, "Add to list")
    expect(pane.get_by_label("Existing list", exact=True)).to_be_hidden()
    pane.get_by_label("An existing list").check()
    expect(pane.get_by_label("Name")).to_be_hidden()
    pane.get_by_label("Existing list", exact=True).select_option(label="Win-back calls")
    ticks.nth(2).check()
    pane.get_by_role("button", name="Add the clients of the ticked rows (3)").click()
    expect(dialog.locator("[data-side]")).to_contain_text("1 client added, 2 already there")
    dialog.get_by_role("link", name="Open the list").click()

    expect(page.get_by_role("heading", level=1, name="Win-back calls")).to_be_visible()
    assert sorted(page.locator("tbody th a").all_inner_texts()) == sorted(clients)
    page.locator("tbody input[name=row]").first.check()
    page.get_by_role("button", name="Take the ticked clients out").click()
    expect(page.get_by_text("1 client taken out.")).to_be_visible()
    page.get_by_label("Name").fill("Calls of this week")
    page.get_by_role("button", name="Rename").click()
    expect(page.get_by_role("heading", level=1, name="Calls of this week")).to_be_visible()
    members = sorted(page.locator("tbody th a").all_inner_texts())
    assert len(members) == 2

    page.goto("/tiers/breakdown/")
    page.get_by_label("List of clients").select_option(label="Calls of this week")
    expect(page.locator("#page-figure")).to_contain_text("Calls of this week")
    assert sorted(page.locator("tbody th a").all_inner_texts()) == members
    expect(page).to_have_url(re.compile(r"[?&]list=\d+"))

    page.goto("/lists/")
    page.get_by_role("button", name="Delete Calls of this week").click()
    expect(page.get_by_text("“Calls of this week” is deleted.")).to_be_visible()
    expect(page.get_by_role("link", name="Calls of this week")).to_have_count(0)
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("“Calls of this week” is back.")).to_be_visible()
    assert sorted(page.locator("tbody th a").all_inner_texts()) == members


def test_a_report_is_saved_by_keyboard_changed_and_shown_on_the_dashboard(open_page):
    page = open_page("/dashboard/")
    dialog = dialog_of(page)
    pane = pane_of(dialog, "Save as report")
    expect(pane.get_by_label("Moves with today: Last 90 days")).to_be_checked()
    pane.get_by_label("Name", exact=True).fill("What we lose")
    pane.locator("summary").focus()
    page.keyboard.press("Enter")
    for place, column in (("1", "Points"), ("2", "Client"), ("3", "Cause")):
        field = pane.get_by_label(f"Place of {column}", exact=True)
        field.focus()
        page.keyboard.press("Control+a")
        page.keyboard.type(place)
    pane.get_by_role("checkbox", name="Why", exact=True).focus()
    page.keyboard.press("Space")
    pane.get_by_role("button", name="Save and add to my dashboard").focus()
    page.keyboard.press("Enter")
    expect(dialog.locator("[data-side]")).to_contain_text("It is on the dashboard as a card.")
    dialog.get_by_role("link", name="Open the report").click()

    expect(page.get_by_role("heading", level=1, name="What we lose")).to_be_visible()
    heads = [text for text in page.locator("thead th").all_inner_texts() if text.strip()]
    assert heads[:3] == ["Select", "Points", "Client"]
    assert "Why" not in heads
    address = page.url
    saved = exact(page.locator("tfoot data").first)
    page.get_by_label("Track").select_option("assisted")
    expect(page.locator("#report-change")).to_contain_text("Changed, not saved")
    looked = exact(page.locator("tfoot data").first)
    assert looked != saved
    page.get_by_role("link", name="Save the change").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page).to_have_url(address)
    expect(page.locator("#report-change")).not_to_contain_text("Changed")
    assert exact(page.locator("tfoot data").first) == looked

    page.goto("/dashboard/")
    card = page.locator(".report-card", has_text="What we lose")
    expect(card.locator(".num")).to_have_text(f"−{abs(looked):.0f}")
    expect(card).to_contain_text("points")
    card.get_by_role("button", name="Take What we lose off the dashboard").click()
    expect(card).to_have_count(0)
    page.goto(address)
    page.get_by_role("link", name="Delete", exact=True).click()
    page.get_by_role("button", name=re.compile("Delete")).click()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("“What we lose” is back.")).to_be_visible()


def test_a_file_adds_up_to_the_figure_and_stays_under_exports(open_page):
    page = open_page("/dashboard/")
    dialog = dialog_of(page)
    figure = exact(dialog.locator("tfoot data").first)
    pane = pane_of(dialog, "Export")
    expect(pane.get_by_label("CSV dialect")).to_be_hidden()
    names = []
    for choice in ("CSV (.csv)", "Excel (.xlsx)"):
        pane.get_by_label(choice).check()
        with page.expect_download() as waiting:
            pane.get_by_role("button", name="Export 22 rows").click()
        assert points_of(waiting.value) == figure
        names.append(waiting.value.suggested_filename)
    pane.get_by_role("button", name="Close this form").click()
    expect(dialog.get_by_role("link", name="Export", exact=True)).to_be_focused()

    page.goto("/exports/")
    files = page.locator("#export-files tbody tr")
    for name in names:
        expect(files.filter(has_text=name)).to_contain_text("Ready")
    page.get_by_role("link", name=names[0], exact=True).click()
    expect(page.get_by_role("heading", level=1, name="Lost sold points")).to_be_visible()
    expect(page.get_by_role("main").locator("dl.facts")).to_contain_text(
        re.compile(r"Total of Points\s*" + re.escape(str(figure).replace("-", "−")))
    )
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download").click()
    assert points_of(waiting.value) == figure


def test_a_schedule_tells_its_next_runs_sends_a_test_and_pauses(open_page):
    page = open_page("/dashboard/")
    dialog = dialog_of(page)
    pane = pane_of(dialog, "Schedule")
    pane.get_by_label("Name of the report").fill("Lost, month by month")
    expect(pane.locator(".hint time")).to_have_count(3)
    weekly = pane.locator(".hint time").all_inner_texts()
    expect(pane.get_by_label("Day of the month")).to_be_hidden()
    pane.get_by_label("How often").select_option("monthly")
    expect(pane.get_by_label("On", exact=True)).to_be_hidden()
    pane.get_by_label("Day of the month").select_option("15")
    pane.get_by_role("button", name="Update").click()
    expect(pane.locator(".hint time").first).to_contain_text("15 ")
    monthly = pane.locator(".hint time").all_inner_texts()
    assert len(monthly) == 3
    assert monthly != weekly
    pane.get_by_role("button", name="Send a test to me").click()
    expect(dialog.locator("[data-side]")).to_contain_text("A test is on its way to admin@northwind.example.")
    dialog.get_by_role("button", name="Start schedule").click()
    expect(dialog.locator("[data-side]")).to_contain_text("The schedule is started")
    assert dialog.locator("[data-side] time").all_inner_texts() == monthly
    dialog.get_by_role("link", name="Open the schedule").click()

    expect(page.locator(".lede time")).to_have_text(monthly)
    expect(page.get_by_role("main").locator("dl.facts").first).to_contain_text("Every month, on day 15, 07:30")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator(".page-head .notice")).to_contain_text("Paused")
    page.goto("/schedules/")
    row = page.locator("tbody tr", has_text="Lost, month by month")
    expect(row).to_contain_text("Paused")
    row.get_by_role("button", name="Resume").click()
    expect(page.locator(".lede time")).to_have_text(monthly)


def test_from_the_dashboard_to_a_list_and_a_file_by_keyboard_alone(open_page):
    page = open_page(DASHBOARD)
    focus = "element => element === document.activeElement"

    def reach(target: Locator, key: str = "Tab") -> None:
        for _ in range(80):
            if target.evaluate(focus):
                return
            page.keyboard.press(key)
        raise AssertionError("the focus never came there")

    reach(page.locator(COUNTER))
    page.keyboard.press("Enter")
    dialog = page.locator("#dialog")
    expect(dialog.locator("tbody tr").first).to_be_visible()
    reach(dialog.get_by_role("link", name="Add to list"))
    page.keyboard.press("Enter")
    pane = dialog.locator("[data-side]")
    expect(pane.get_by_role("heading")).to_be_focused()
    reach(dialog.locator("tbody input[name=row]").first, "Shift+Tab")
    page.keyboard.press("Space")
    reach(pane.get_by_label("Name"))
    page.keyboard.press("Control+a")
    page.keyboard.type("By keyboard")
    page.keyboard.press("Enter")
    expect(pane).to_contain_text("1 client added")
    expect(page.locator("#live")).to_have_text("1 client added")
    reach(dialog.get_by_role("link", name="Export", exact=True), "Shift+Tab")
    page.keyboard.press("Enter")
    expect(pane.get_by_role("heading")).to_be_focused()
    reach(pane.get_by_role("button", name="Export 22 rows"))
    with page.expect_download() as waiting:
        page.keyboard.press("Enter")
    assert points_of(waiting.value) == exact(dialog.locator("tfoot data").first)


def test_without_javascript_each_action_is_a_page(open_page):
    page = open_page(ROWS, java_script_enabled=False)
    figure = exact(page.locator("tfoot data").first)
    page.get_by_role("link", name="Export", exact=True).click()
    page.get_by_label("CSV (.csv)").check()
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export 22 rows").click()
    assert points_of(waiting.value) == figure

    page.goto(ROWS)
    page.get_by_role("link", name="Add to list").click()
    page.get_by_label("Name").fill("Without script")
    page.get_by_role("button", name="Add all 18 clients").click()
    expect(page.get_by_text("18 clients added")).to_be_visible()
    expect(page.get_by_role("heading", level=1, name="Without script")).to_be_visible()

    page.goto(ROWS)
    page.get_by_role("link", name="Save as report").click()
    page.get_by_label("Name", exact=True).fill("Lost without script")
    page.locator("summary", has_text="columns").click()
    page.get_by_role("checkbox", name="Why", exact=True).uncheck()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1, name="Lost without script")).to_be_visible()
    assert exact(page.locator("tfoot data").first) == figure
    page.get_by_label("Track").select_option("assisted")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#report-change")).to_contain_text("Changed, not saved")

    page.goto(ROWS)
    page.get_by_role("link", name="Schedule", exact=True).click()
    page.get_by_role("button", name="Start schedule").click()
    expect(page.get_by_text("The schedule is started.")).to_be_visible()
    expect(page.locator(".lede time")).to_have_count(3)
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("The schedule is deleted. Its report stays.")).to_be_visible()


def test_every_page_with_actions_has_a_place_for_their_form(open_page, kept):
    page = open_page("/lists/")
    for path in ("/clients/", "/renewals/", "/commissions/statements/S-2026Q3/", "/tiers/breakdown/", kept["list"]):
        html = page.request.get(path).text()
        assert 'hx-target="#page-side"' in html, path
        assert html.count('id="page-side"') == 1, path
    for path in (ROWS, kept["report"]):
        page.goto(path)
        pane_of(page.locator("main"), "Export").get_by_role("button", name="Close this form").click()
        expect(page.get_by_role("link", name="Export", exact=True).and_(page.locator("main a"))).to_be_focused()


@pytest.mark.sweep
def test_axe_finds_nothing_and_nothing_scrolls_sideways(open_page, looks_right, kept):
    """With scripts: tests/contract/test_accessibility.py reads each page without, and samples them in make test."""
    page = open_page("/lists/", "manager")
    pages = kept | {
        "lists": "/lists/", "reports": "/reports/", "exports": "/exports/", "schedules": "/schedules/",
        "report-changed": f"{kept['report']}?look=1&changes_range=last-90-days", "report-change": f"{kept['report']}edit/",
    }  # fmt: skip
    for name, path in pages.items():
        page.goto(path)
        looks_right(page, name)
    dialog = dialog_of(page, "last-30-days")
    for action in ACTIONS:
        pane_of(dialog, action)
        looks_right(page, f"pane-{action.lower().replace(' ', '-')}", "#dialog")


def test_columns_are_chosen_and_moved_by_keyboard_and_exported_as_shown(open_page):
    page = open_page("/dashboard/")
    dialog = dialog_of(page)
    heads = dialog.locator("thead a")
    expect(heads).to_contain_text(["Client", "Lost on", "Cause", "Points"])
    dialog.get_by_role("link", name="Columns", exact=True).press("Enter")
    pane = dialog.locator("[data-side]")
    expect(pane.locator("[tabindex='-1']")).to_be_focused()
    expect(pane.get_by_role("checkbox", name="Client Names the row")).to_be_disabled()
    pane.get_by_role("checkbox", name="Cause").press("Space")
    pane.get_by_role("button", name="Move Points up").press("Enter")
    expect(pane.get_by_role("button", name="Move Points down")).to_be_focused()  # it cannot go up any more
    expect(heads).to_contain_text(["Client", "Points", "Lost on"])
    expect(dialog.locator("thead")).not_to_contain_text("Cause")
    expect(page.locator("#live")).to_have_text(re.compile("columns are saved|entries"))
    pane.get_by_role("button", name="Close this form").press("Enter")
    expect(dialog.get_by_role("link", name="Columns", exact=True)).to_be_focused()
    page.goto(ROWS)
    expect(page.locator("thead a")).to_contain_text(["Client", "Points", "Lost on"])
    page.get_by_role("link", name="Columns", exact=True).press("Enter")
    page.get_by_role("button", name="Back to the default columns").press("Enter")
    expect(page.locator("thead a")).to_contain_text(["Client", "Lost on", "Cause", "Points"])
