"""Why did my points fall? From the sign-in page to the rows that answer it, with and without JavaScript, mouse and pointer."""

import re
from contextlib import contextmanager

import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser import paper
from tests.browser.conftest import sign_in
from tests.browser.hands import Hands

PHONE = {"width": 390, "height": 844}
RANGE = "/dashboard/?changes_range=last-90-days"
COUNTER = "#changes a.counter >> nth=1"  # lost sold


def dialog_is_open(page: Page) -> bool:
    return bool(page.evaluate("document.getElementById('dialog').open"))


def focused(page: Page) -> str:
    return str(page.evaluate("document.activeElement.id"))


# Sums what moved on a page without anybody having asked for it, as browsers count it.
MOVED = """new PerformanceObserver((list) => {
  for (const { value, hadRecentInput } of list.getEntries()) if (!hadRecentInput) window.moved = (window.moved || 0) + value;
}).observe({ type: "layout-shift", buffered: true })"""
EVERY_MAIN_PAGE = (
    "/renewals/", "/tiers/", "/dashboard/", "/clients/", "/clients/C034/", "/dashboard/shared/created/", "/commissions/",
    "/commissions/statements/S-2026Q3/", "/renewals/rows/", "/tiers/breakdown/", "/tiers/entries/", "/tiers/over-time/",
    "/reports/", "/exports/", "/lists/", "/accounts/profile/", "/accounts/members/", "/search/?q=hub", "/help/", "/notices/",
    "/notices/settings/", "/calculator/?amount=1000&currency=USD", "/imports/", "/connections/",
)  # fmt: skip


def test_from_sign_in_to_the_rows_behind_a_figure_and_back(browser, live_portal, shot):
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    sign_in(page, live_portal, "manager@northwind.example")
    expect(page.get_by_role("heading", name="Programme progress")).to_be_visible()
    shot(page, "dashboard-1440")

    page.get_by_label("Get to").select_option("platinum")
    expect(page.locator("#progression")).to_contain_text("Platinum is met on every requirement")
    expect(page).to_have_url(re.compile(r"\?target=platinum$"))

    page.locator("#changes_choice").click()
    shot(page, "range-1440")
    page.locator("#changes").get_by_role("link", name="Last 90 days").click()
    expect(page.locator("#changes_choice")).to_contain_text("26 Aug – 23 Nov 2026")
    expect(page).to_have_url(re.compile(r"target=platinum&changes_range=last-90-days$"))
    expect(page.locator("#changes_choice")).to_be_focused()
    expect(page.locator("#live")).to_contain_text("Last 90 days")

    counter = page.locator(COUNTER)
    figure = counter.locator("data").get_attribute("value")
    counter.click()
    dialog = page.get_by_role("dialog", name="Lost sold points")
    expect(dialog.locator("tbody tr").first).to_be_visible()
    expect(page).to_have_url(re.compile(r"/dashboard/changes/lost-sold/\?changes_range=last-90-days$"))
    expect(dialog.locator("tfoot data").first).to_have_attribute("value", f"-{figure}")
    expect(page.locator("#dialog-heading")).to_be_focused()
    shot(page, "dialog-1440")

    page.go_back()
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile(r"target=platinum&changes_range=last-90-days$"))
    expect(counter).to_be_focused()

    page.go_forward()
    expect(dialog.locator("tbody tr").first).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", level=1, name="Lost sold points")).to_be_visible()
    assert not dialog_is_open(page)
    page.go_back()
    expect(page.locator("#changes_choice")).to_contain_text("Last 90 days")
    expect(page.get_by_label("Get to")).to_have_value("platinum")
    page.go_back()
    expect(page.locator("#changes_choice")).to_contain_text("Last 30 days")
    page.close()


def test_in_the_dialog_search_filter_and_sort_keep_each_other_and_the_figure_follows(open_page):
    page = open_page(RANGE)
    page.locator(COUNTER).click()
    dialog = page.locator("#dialog")
    dialog.get_by_role("link", name="Points").click()
    expect(dialog.locator("th[aria-sort]")).to_contain_text("Points")
    dialog.get_by_label("Track").select_option("assisted")
    expect(page.locator("#dialog-figure")).to_contain_text("Track: Assisted")
    assert {"sort=-points", "track=assisted", "changes_range=last-90-days"} <= set(
        page.url.partition("?")[2].split("&")
    )
    words = page.locator("#dialog-figure b").inner_text()
    rows = dialog.locator("tbody tr").count()
    assert f"from {rows} entries" in words
    exact = [
        where.first.get_attribute("value")
        for where in (dialog.locator("tfoot data"), page.locator("#dialog-figure data"))
    ]
    assert exact[0] == exact[1]

    dialog.get_by_role("searchbox").press_sequentially("langford")
    expect(page.locator("#dialog-figure")).to_contain_text("Search: “langford”")
    expect(dialog.get_by_role("searchbox")).to_be_focused()
    expect(dialog.locator("tbody tr").first).to_contain_text("Langford")
    dialog.get_by_role("searchbox").fill("no such client anywhere")
    expect(dialog).to_contain_text("Nothing found with this search and these filters")
    page.keyboard.press("Escape")  # empties the search
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/dashboard/\?changes_range=last-90-days$"))
    expect(page.locator(COUNTER)).to_be_focused()


def test_from_a_row_to_its_client_and_back_by_the_same_dialog(open_page):
    page = open_page(RANGE)
    page.locator(COUNTER).click()
    dialog = page.locator("#dialog")
    client = dialog.locator("tbody th a").first
    name = client.inner_text()
    client.click()
    expect(page.locator("#dialog-heading")).to_contain_text(name)
    expect(page).to_have_url(re.compile(r"/tiers/clients/"))
    page.go_back()
    expect(page.locator("#dialog-heading")).to_contain_text("Lost sold points")
    expect(page).to_have_url(re.compile(r"/dashboard/changes/lost-sold/"))
    page.go_forward()
    expect(page.locator("#dialog-heading")).to_contain_text(name)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/dashboard/\?changes_range=last-90-days$"))
    expect(page.locator(COUNTER)).to_be_focused()


def test_a_click_for_a_new_tab_opens_the_page(open_page):
    page = open_page(RANGE)
    for modifier in ("Control", "Shift"):
        with page.context.expect_page() as opened:
            page.locator(COUNTER).click(modifiers=[modifier])
        expect(opened.value.get_by_role("heading", level=1, name="Lost sold points")).to_be_visible()
        assert not dialog_is_open(page)
        opened.value.close()


def test_the_whole_journey_by_keyboard(open_page):
    page = open_page("/dashboard/")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    page.locator("#changes_choice").focus()
    page.keyboard.press("Enter")
    for _ in range(3):
        page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Last 90 days"
    page.keyboard.press("Enter")
    expect(page.locator("#changes_choice")).to_contain_text("Last 90 days")
    expect(page.locator("#changes_choice")).to_be_focused()
    while not page.evaluate("document.activeElement.matches('#changes a.counter')"):
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#dialog-heading")).to_be_focused()
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate(
                "document.activeElement.closest('#dialog') !== null || document.activeElement === document.body"
            )
        )
    assert reached == {True}, "the focus left the dialog for the page behind it"
    page.keyboard.press("Escape")
    expect(page.locator("#dialog")).to_be_hidden()
    assert focused(page) == "figure-1"


def test_without_javascript_everything_is_a_page(open_page, shot):
    page = open_page("/dashboard/", java_script_enabled=False)
    expect(page.locator("#progress .hero data")).to_have_attribute("value", "1235.0467")
    expect(page.locator("#changes .plot")).to_be_visible()
    page.get_by_label("Get to").select_option("gold")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#progression")).to_contain_text("Gold is met on every requirement")
    page.locator("#changes_choice").click()
    page.locator("#changes").get_by_label("From", exact=True).fill("2026-05-01")
    page.locator("#changes").get_by_label("To", exact=True).fill("2026-05-31")
    page.locator("#changes").get_by_role("button", name="Apply dates").click()
    expect(page.locator("#changes_choice")).to_contain_text("1 – 31 May 2026")
    assert "target=gold" in page.url
    shot(page, "dashboard-without-javascript-1440")

    figure = page.locator(COUNTER).locator("data").get_attribute("value")
    page.locator(COUNTER).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Lost sold points")
    expect(page.locator("tfoot data").first).to_have_attribute("value", f"-{figure}")
    page.get_by_role("link", name="Points").click()
    expect(page.locator("th[aria-sort]")).to_contain_text("Points")
    page.get_by_label("Cause").select_option("expired")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("#page-figure")).to_contain_text("Cause: Expired")
    expect(page.locator("th[aria-sort]")).to_contain_text("Points")
    page.locator(".page-head").get_by_role("link", name="Dashboard").click()
    expect(page.locator("#changes_choice")).to_contain_text("1 – 31 May 2026")


def test_many_rows_come_in_pages_that_have_addresses_and_exact_values_are_one_switch_away(open_page):
    page = open_page("/dashboard/changes/new-sold/?changes_range=last-12-months")
    cell = page.locator("tbody data").first
    shown = "getComputedStyle(document.querySelector('tbody data'), '::after').content"
    assert page.evaluate(shown) == "none"
    page.get_by_label("Exact values").check()
    assert page.evaluate(shown) == f'"{cell.get_attribute("value")}"'

    expect(page.locator("caption")).to_contain_text("1 – 25 of 99 entries")
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("caption")).to_contain_text("26 – 50 of 99 entries")
    expect(page).to_have_url(re.compile(r"page=2$"))
    page.reload()
    expect(page.locator("caption")).to_contain_text("26 – 50 of 99 entries")
    page.get_by_label("Track").select_option("assisted")
    expect(page.locator("caption")).to_contain_text("1 – 25 of")
    assert "page=" not in page.url
    page.go_back()
    expect(page.locator("caption")).to_contain_text("26 – 50 of 99 entries")


def test_a_session_that_ended_leads_to_the_sign_in_page(open_page):
    page = open_page(RANGE)
    page.context.clear_cookies()
    page.locator(COUNTER).click()
    page.wait_for_url("**/accounts/login/**")
    assert "next=/dashboard/" in page.url
    expect(page.get_by_role("button", name="Sign in")).to_be_visible()


def test_what_cannot_be_loaded_is_said_in_the_dialog(open_page):
    page = open_page(RANGE)
    answers: list[int | None] = []
    page.route(
        "**/dashboard/changes/**",
        lambda route: route.abort() if answers[-1] is None else route.fulfill(status=answers[-1], body="oops"),
    )
    for answer, words in (
        (500, "This part could not be loaded"),
        (404, "This no longer exists"),
        (None, "did not answer"),
    ):
        answers.append(answer)
        page.locator(COUNTER).click()
        expect(page.locator("#dialog")).to_contain_text(words)
        page.locator("#dialog").get_by_role("button", name="Close").click()
        expect(page.locator("#dialog")).to_be_hidden()
        expect(page).to_have_url(re.compile(r"/dashboard/\?changes_range=last-90-days$"))
        expect(page.locator(COUNTER)).to_be_focused()
    page.complaints.clear()


def test_a_panel_that_cannot_be_loaded_leaves_the_page_alone(open_page):
    page = open_page(RANGE)
    page.route("**/dashboard/?**", lambda route: route.fulfill(status=500, body="oops"))
    page.get_by_label("Get to").select_option("gold")
    expect(page.locator("#progression [role=alert]")).to_contain_text("This part could not be loaded")
    expect(page.locator("#progress .hero data")).to_be_visible()
    page.complaints.clear()


@contextmanager
def four_requests_running(live_database, email):
    """Holds all four places of a person, as four requests of another web process would."""
    with psycopg.connect(**live_database) as other:
        person = other.execute("SELECT id FROM accounts_user WHERE email = %s", [email]).fetchone()[0]
        for place in range(1, 5):
            assert other.execute("SELECT pg_try_advisory_xact_lock(7003, %s)", [person * 65 + place]).fetchone() == (
                True,
            )
        yield


def test_one_request_too_many_repeats_itself_in_the_dialog_in_a_panel_and_as_a_page(open_page, live_database):
    page = open_page(RANGE)
    page.wait_for_load_state("networkidle")  # the page's own requests hold places as well
    refused = []
    page.on("response", lambda answer: answer.status == 503 and refused.append(answer.url))
    with four_requests_running(live_database, "admin@northwind.example"):
        with page.expect_response("**/dashboard/changes/lost-sold/**") as first:
            page.locator(COUNTER).click()
        assert (first.value.status, first.value.header_value("Retry-After")) == (503, "2")
        expect(page.get_by_role("dialog")).to_be_visible()
        expect(page.locator("#dialog [role=alert]")).to_have_count(0)
    dialog = page.get_by_role("dialog", name="Lost sold points")
    expect(dialog.locator("tbody tr").first).to_be_visible()
    expect(page).to_have_url(re.compile(r"/dashboard/changes/lost-sold/\?changes_range=last-90-days$"))
    page.go_back()
    expect(dialog).to_be_hidden()
    expect(page.locator(COUNTER)).to_be_focused()

    with four_requests_running(live_database, "admin@northwind.example"):
        with page.expect_response("**/dashboard/changes/new-sold/**"):
            page.locator("#changes a.counter").first.click()
        page.keyboard.press("Escape")  # and so these rows are not wanted any more
        with page.expect_response("**/dashboard/?**") as second:
            page.get_by_label("Get to").select_option("platinum")
        assert second.value.status == 503
    expect(page.locator("#progression")).to_contain_text("Platinum is met on every requirement")
    expect(page).to_have_url(re.compile(r"target=platinum"))
    expect(page.get_by_role("dialog")).to_be_hidden()

    with four_requests_running(live_database, "admin@northwind.example"):
        page.goto("/tiers/")
        expect(page.get_by_role("heading", name="One moment, please")).to_be_visible()
    expect(page.get_by_role("heading", level=1, name="Tier")).to_be_visible()
    assert len(refused) >= 3
    page.complaints.clear()


EVERY_WIDTH = (320, 390, 600, 768, 1024, 1216, 1440)


@pytest.mark.parametrize("everything", [False, pytest.param(True, marks=pytest.mark.sweep)])
def test_nothing_is_out_of_reach(open_page, looks_right, everything):
    """What scripts open; for the sweep also a menu, and pages at every width."""
    page = open_page(RANGE)
    page.locator("#changes").get_by_text("Causes as a table").click()
    looks_right(page, "changes")

    page = open_page(RANGE)
    for width in sorted(EVERY_WIDTH, reverse=True):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width, width
    page.locator("#changes_choice").click()
    if everything:
        looks_right(page, "range", "#changes")
    page.keyboard.press("Escape")
    page.locator(COUNTER).click()
    expect(page.locator("#dialog tbody tr").first).to_be_visible()
    looks_right(page, "dialog", "#dialog")
    pages = {
        "lost-sold": "/dashboard/changes/lost-sold/?changes_range=last-90-days",
        "nothing-lost": "/dashboard/changes/lost-managed/?changes_range=last-30-days",
        "expiring": "/dashboard/expiring/?month=2027-03",
        "unknown-range": "/dashboard/?target=elite&changes_range=nonsense",
    }
    for name, path in pages.items() if everything else ():
        page.goto(path)
        looks_right(page, name, widths=EVERY_WIDTH)


LONG_WORD = "Arbeidsongeschiktheidsverzekeringsmaatschappij"


def test_the_review_pack_prints_on_six_pages(open_page):
    page = open_page("/dashboard/pack/", "finance")
    pages = paper.print_to_pages(page)
    assert paper.faults(pages, page) == []
    assert 5 <= len(pages) <= 6
    for printed in pages:
        assert (int(printed.width), int(printed.height)) == (595, 842)
    for figure in page.locator("figure.chart").all():
        caption = figure.locator("figcaption").inner_text()
        last = figure.locator(
            ".drawing text[text-anchor=middle]:not(.strong)"
        ).first.text_content()  # named from the end
        assert any(caption in printed.lines and any(last in line for line in printed.lines) for printed in pages), (
            caption
        )
    assert page.locator("figure.chart").count() == 4


def test_the_pack_prints_light_and_whole_in_dutch_with_the_longest_words(open_page, live_database):
    with psycopg.connect(**live_database) as database:
        database.execute("UPDATE accounts_user SET language = 'nl', theme = 'dark' WHERE email LIKE 'finance@%'")
    try:
        page = open_page("/dashboard/pack/", "finance")
    finally:
        with psycopg.connect(**live_database) as database:
            database.execute("UPDATE accounts_user SET language = '', theme = '' WHERE email LIKE 'finance@%'")
    page.emulate_media(media="print", color_scheme="dark")
    assert page.evaluate("getComputedStyle(document.body).color") == "rgb(23, 33, 31)"
    pages = paper.print_to_pages(page)
    assert "Waar we staan" in {line for printed in pages for line in printed.lines}
    assert paper.faults(pages, page) == []
    assert len(pages) <= 6
    page.evaluate(
        "word => { for (const cell of document.querySelectorAll('h1, dd.num, tbody th')) cell.textContent = word }",
        LONG_WORD,
    )
    assert paper.overlaps(paper.print_to_pages(page)) == []


@pytest.mark.parametrize("everything", [False, pytest.param(True, marks=pytest.mark.sweep)])
def test_other_pages_print_without_overlaps(open_page, everything):
    """A page of long tables and the dashboard; for the sweep others too. test_money.py prints a statement."""
    page = open_page("/tiers/")
    words: dict[str, set[str]] = {}
    others = ("/tiers/", "/clients/C034/", "/commissions/statements/S-2026Q3/") if everything else ()
    for path in (*others, "/renewals/", RANGE):
        page.goto(path)
        page.wait_for_load_state("networkidle")
        pages = paper.print_to_pages(page)
        assert paper.faults(pages, page) == [], path
        words[path] = {word.text for printed in pages for word in printed.words}
    assert "Softwarehaus" in words["/renewals/"]  # in one piece
    if everything:
        assert "Query" not in words["/commissions/statements/S-2026Q3/"]  # nobody presses paper
    assert 5 <= len(pages) < 9  # those of the dashboard
    page.emulate_media(media="print")
    expect(page.locator("#changes .plot")).to_be_visible()
    expect(page.get_by_role("table", name="Points by track and cause")).to_be_visible()
    page.emulate_media(media="null")
    page.locator(COUNTER).click()
    expect(page.locator("#dialog tbody tr").first).to_be_visible()
    rows = paper.print_to_pages(page)
    assert paper.faults(rows, page) == []
    assert "Lost sold points" in rows[0].lines
    page.emulate_media(media="print")
    shown = "row => [...row.cells].filter(cell => cell.checkVisibility()).length"
    cells = {page.locator(f"#dialog table {row}").first.evaluate(shown) for row in ("thead tr", "tbody tr")}
    assert len(cells) == 1, "each column below its head"
    assert not any("Programme progress" in line for printed in rows for line in printed.lines)


def test_after_the_skip_link_focus_still_returns_to_what_opened_the_rows(open_page):
    page = open_page(RANGE)
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"#main$"))
    page.locator(COUNTER).focus()
    page.keyboard.press("Enter")
    expect(page.locator("#dialog tbody tr").first).to_be_visible()
    page.locator("#dialog tbody th a").first.click()
    expect(page).to_have_url(re.compile(r"/tiers/clients/"))
    expect(page.locator("#dialog-heading")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile(r"/dashboard/\?changes_range=last-90-days$"))
    expect(page.locator(COUNTER)).to_be_focused()
    page.locator("#changes_choice").press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#changes_choice")).to_be_focused()

    page.goto("/tiers/#main")
    page.locator("[data-drawer]").first.click()
    expect(page.locator("#calculator")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("[data-drawer]").first).to_be_focused()


def inside(page: Page, part: Locator) -> bool:
    """Whether all of a part lies in the window."""
    box, window = part.bounding_box(), page.viewport_size
    assert box
    assert window
    return (
        box["x"] >= 0
        and box["y"] >= 0
        and box["x"] + box["width"] <= window["width"]
        and box["y"] + box["height"] <= window["height"]
    )


@pytest.mark.parametrize("window", [{"width": 1440, "height": 900}, PHONE])
def test_menus_and_panes_end_inside_the_window(open_page, window):
    page = open_page(f"{RANGE}#shared", viewport=window)
    for section in ("changes", "shared", "renewals"):
        page.locator(f"#{section}_choice").click()
        expect(page.locator(f"#{section} .menu-panel")).to_have_attribute("style", re.compile("--room"))
        assert inside(page, page.locator(f"#{section}").get_by_role("button", name="Apply dates")), section
        page.keyboard.press("Escape")
    for menu in page.locator("header details.menu, .page-head details.menu").all():
        menu.locator("summary").click()
        expect(menu.locator(".menu-panel")).to_have_attribute("style", re.compile("--room"))
        assert inside(page, menu.locator(".menu-panel"))
        page.keyboard.press("Escape")

    page.locator(COUNTER).click()
    dialog = page.locator("#dialog")
    expect(dialog.locator("tbody tr").first).to_be_visible()
    if window["width"] == 1440:
        assert inside(page, dialog.get_by_role("columnheader", name="Why"))
        assert inside(page, dialog.locator("tbody td.state").first)
    for action, button in {
        "Save as report": "Save",
        "Schedule": "Start schedule",
        "Export": re.compile("Export [0-9]+ rows"),
    }.items():
        dialog.get_by_role("link", name=action).click()
        save = dialog.get_by_role("button", name=button, exact=True)
        expect(save).to_be_visible()
        assert inside(page, save), action
        if window["width"] >= 768:
            assert inside(page, dialog.locator("tbody .sentence").first)


def test_readings_keep_apart_on_the_narrowest_screen(open_page):
    page = open_page("/dashboard/", viewport={"width": 320, "height": 700})
    touching = """() => {
      const boxes = [...document.querySelectorAll(".readings b, .readings span")].map((text) => {
        const range = document.createRange();
        range.selectNodeContents(text);
        return range.getBoundingClientRect();
      });
      return boxes.filter((one) => boxes.some((other) => one !== other && one.width && other.width && one.left < other.right + 2
        && other.left < one.right + 2 && one.top < other.bottom - 2 && other.top < one.bottom - 2)).length;
    }"""
    for path in ("/dashboard/", "/tiers/"):
        page.goto(path)
        assert page.locator(".readings b").count() == 6
        assert page.evaluate(touching) == 0, path
        assert page.evaluate("document.documentElement.scrollWidth") <= 320


def test_ranges_are_compared_shared_and_remembered_and_back_undoes_each_choice(open_page):
    page = open_page("/dashboard/", who="finance")
    changes, shared = page.locator("#changes"), page.locator("#shared")
    page.locator("#changes_choice").click()
    changes.get_by_role("link", name="Previous month").click()
    expect(page).to_have_url(re.compile(r"/dashboard/\?changes_range=previous-month$"))
    page.locator("#changes_choice").click()
    changes.get_by_role("link", name="The same dates a year earlier").click()
    expect(changes).to_contain_text("Compared with 1 – 31 Oct 2025")
    expect(changes.locator(".counter .moved")).to_have_count(4)
    expect(page.locator("#changes_choice")).to_be_focused()

    page.goto("/dashboard/")
    expect(page).to_have_url(re.compile(r"/dashboard/\?changes_cmp=year&changes_range=previous-month$"))
    page.locator("#changes_choice").click()
    changes.get_by_role("link", name="Same for all sections").click()
    page.locator("#shared > summary").click()
    for section in (changes, shared):
        expect(section.locator("summary.btn")).to_contain_text("1 – 31 Oct 2026")
        expect(section).to_contain_text("Compared with 1 – 31 Oct 2025")
    page.locator("#shared_choice").click()
    shared.get_by_role("link", name="Last 7 days").click()
    expect(page.locator("#changes_choice")).to_contain_text("Last 7 days")

    another = page.context.new_page()
    another.goto("/dashboard/")
    expect(another.locator("#shared_choice")).to_contain_text("Last 7 days")
    another.locator("#shared_choice").click()
    switch = another.locator("#shared").get_by_role("link", name="Same for all sections")
    expect(switch).to_have_attribute("aria-current", "true")

    page.go_back()
    expect(page.locator("#changes_choice")).to_contain_text("Previous month")
    page.go_back()
    expect(page.locator("#shared_choice")).to_contain_text("This quarter so far")
    expect(changes).to_contain_text("Compared with 1 – 31 Oct 2025")


def test_the_dashboard_and_the_tier_page_are_half_as_long_as_they_were_and_nothing_moves_while_they_load(open_page):
    page = open_page("about:blank")
    page.add_init_script(MOVED)
    wrong = {}
    for path, bars in {"/dashboard/": {1440: 2600, 390: 5000}, "/tiers/": {1440: 2106, 390: 3100}}.items():
        for width, bar in bars.items():
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(path)
            page.wait_for_load_state("networkidle")
            measured = page.evaluate("[document.documentElement.scrollHeight, window.moved || 0]")
            if measured[0] > bar or round(measured[1], 3) > 0:
                wrong[path, width] = measured
    assert wrong == {}, "height, layout shift"


@pytest.mark.sweep
def test_nothing_moves_while_a_page_arrives_slowly_at_a_slow_processor(open_page):
    """Scripts and style sheets are in the browser's cache, so that pages are painted as they arrive, piece by piece."""
    page = open_page("about:blank")
    page.add_init_script(MOVED)
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    wrong = {}
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for path in EVERY_MAIN_PAGE:
            for address, speed, rate in ((f"{path}{'&' if '?' in path else '?'}first=1", -1, 1), (path, 6_000, 4)):
                limits = {"offline": False, "latency": 0, "downloadThroughput": speed, "uploadThroughput": -1}
                devtools.send("Network.emulateNetworkConditions", limits)
                devtools.send("Emulation.setCPUThrottlingRate", {"rate": rate})
                page.goto(address)
                page.wait_for_load_state("networkidle")
            if round(moved := page.evaluate("window.moved || 0"), 3) > 0:
                wrong[path, width] = moved
    assert wrong == {}


def test_what_is_folded_stays_folded_and_the_menu_opens_it(open_page):
    page = open_page("/dashboard/")
    summary = page.locator("#expiry > summary")
    expect(page.locator("#expiry .months")).to_be_visible()
    with page.expect_response("**/dashboard/panels/"):
        summary.press("Enter")
    expect(summary).to_contain_text("By the review")
    page.goto("/dashboard/")
    expect(page.locator("#expiry .months")).to_be_hidden()
    menu = page.get_by_role("navigation", name="Sections of this page")
    menu.get_by_role("link", name="Retention").click()
    expect(page.locator("#retention dl")).to_be_visible()
    menu.get_by_role("link", name="Arrange").click()
    move = page.get_by_role("button", name="Move Retention up")
    move.press("Enter")
    expect(move).to_be_focused()
    page.keyboard.press("Enter")
    expect(move).to_be_focused()
    page.locator(".page-head").get_by_role("link", name="Dashboard").click()
    expect(menu.get_by_role("listitem").nth(2)).to_have_text("Retention")


def test_rows_are_copied_as_a_table_for_documents_and_spreadsheets(open_page):
    page = open_page(
        "/dashboard/changes/lost-sold/?changes_range=last-90-days", permissions=["clipboard-read", "clipboard-write"]
    )
    first = page.locator("#page-rows tbody th").first.inner_text().splitlines()[0]
    page.get_by_role("button", name="Copy table").click()
    expect(page.get_by_role("button", name="rows copied")).to_be_visible()
    text, table = page.evaluate(
        """async () => {
          const [item] = await navigator.clipboard.read();
          return Promise.all(["text/plain", "text/html"].map(async (type) => (await item.getType(type)).text()));
        }"""
    )
    lines = [line.split("\t") for line in text.splitlines()]
    assert {len(line) for line in lines} == {len(lines[0])}
    assert first in lines[1][0]
    assert len(lines) == page.locator("#page-rows tr").count() == table.count("<tr>")
    assert not any(cell.startswith(("=", "@", "\u2212")) for line in lines for cell in line)


def back(page: Page, address: str, script: bool) -> None:
    if script:
        page.keyboard.press("Escape")
        expect(page.locator("#dialog")).to_be_hidden()
    else:
        page.goto(address)


def monday(page: Page, *, expired: str, script: bool = True, keyboard: bool = False, phone: bool = False) -> None:
    """Why did my points fall, what expires by the review, find a deal, question a line: in clicks, keys and texts.

    expired: the word for it in the reader's language.
    """
    hands = Hands(page, keyboard=keyboard)
    rows = page.locator("#dialog tbody tr" if script else "main tbody tr")
    page.goto(RANGE)
    hands.click(page.locator(COUNTER))
    expect(rows.first.get_by_text(re.compile(expired, re.IGNORECASE)).first).to_be_attached()
    assert hands.counted() == (1, 0, 0), "why did my points fall?"
    back(page, RANGE, script)

    link = page.locator("#expiry .sheet-body b a").first
    told = re.findall(r"[\d.,]+", link.inner_text())
    hands.click(link)
    expect(rows.first).to_be_visible()
    figure = page.locator("#dialog-figure" if script else "#page-figure").inner_text()
    assert told[0] in figure
    assert f" {told[1]} " in figure, "the same points of the same clients"
    assert hands.counted() == (1, 0, 0), "which points expire by the review?"
    back(page, RANGE, script)

    if phone:
        hands.click(page.locator("a.search-link"))
        page.locator("#search-page").focus()
    elif script:
        hands.press("/")
    else:
        page.locator("#search-everything").focus()
    hands.type("D0449")
    if not script:
        hands.press("Enter")
    hits = page.locator("#search-hits a" if script and not phone else "main li a")
    hit = hits.filter(has_text="D0449").first
    expect(hit).to_be_visible()
    assert hands.counted()[2] == 1, "a deal is found by one search"
    hands.click(hit)
    expect(page.locator("main, #dialog").get_by_text("D0449").first).to_be_attached()
    assert hands.counted() == (1, 0, 0)

    page.goto("/commissions/statements/S-2026Q3/")
    hands.click(page.locator("#page-rows a[href*='/question']").first)
    page.locator("textarea").first.focus()
    hands.type("The invoice says another amount.")
    hands.click(page.locator("form:has(textarea) button.primary"))
    expect(page).to_have_url(re.compile("/commissions/statements/S-2026Q3/"))
    assert hands.counted() == (2, 0, 1), "a line is questioned in two clicks"


def withdraw_questions(database: dict[str, object]) -> None:
    with psycopg.connect(**database) as rows:  # type: ignore[arg-type]
        rows.execute("DELETE FROM commissions_linequestion")


@pytest.fixture
def no_questions(live_database):
    """Journeys leave no question behind: each asks the same."""
    yield
    withdraw_questions(live_database)


def test_monday_morning_in_counted_clicks(open_page, no_questions):
    monday(open_page("/dashboard/"), expired="expired")


@pytest.mark.sweep
@pytest.mark.parametrize("how", ["keyboard", "phone", "dutch", "no script", "dutch phone without script"])
def test_monday_morning_by_every_way(open_page, no_questions, live_database, how):
    dutch, phone, script = "dutch" in how, "phone" in how, "script" not in how
    with psycopg.connect(**live_database) as rows:
        rows.execute("UPDATE accounts_user SET language = %s WHERE email LIKE 'admin@%%'", ["nl" if dutch else ""])
    options = {"viewport": PHONE} if phone else {}
    if not script:
        options["java_script_enabled"] = False
    try:
        page = open_page("/dashboard/", **options)
        monday(page, expired="verlopen" if dutch else "expired", script=script, keyboard=how == "keyboard", phone=phone)
    finally:
        with psycopg.connect(**live_database) as rows:
            rows.execute("UPDATE accounts_user SET language = ''")
