"""From the tier to the client and the deal that brings its points; the calculator as one types; with and without script."""

import re

import pytest
from playwright.sync_api import expect

PHONE = {"width": 390, "height": 844}
PAGES = {
    "tier-past": "/tiers/?on=2026-01-15",
    "breakdown": "/tiers/breakdown/",
    "client": "/clients/C079/",
    "client-gone": "/clients/C098/",
    "calculator": "/calculator/?amount=-1",
    "plan": "/tiers/plans/new/?client=C079&gone.C079=2026-12-23",
}


def test_from_a_track_to_a_client_and_back(open_page, shot):
    page = open_page("/tiers/")
    link = page.locator("#performance .track-name a").nth(1)
    figure = link.locator("data").get_attribute("value")
    link.click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("heading", name="Points breakdown")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/tiers/breakdown/\?track=sourced$"))
    expect(dialog.locator("tfoot data").first).to_have_attribute("value", figure)
    dialog.get_by_role("link", name="Birch & Barrow Software").click()
    expect(dialog.get_by_role("heading", name="Birch & Barrow Software")).to_be_visible()
    expect(dialog).to_contain_text("USD 2,165.00 / 100 per US$100 x 3 (sourced) x 1 = 64.95")
    expect(page).to_have_url(re.compile(r"/tiers/clients/C079/$"))
    shot(page, "client-panel-1440")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile(r"/tiers/$"))


def test_the_range_changes_its_section_alone(open_page):
    page = open_page("/tiers/")
    stops = page.locator("#timeline-chart .stop").count()
    page.locator("#time_choice").click()
    page.locator("#over-time").get_by_role("link", name="Whole history").click()
    expect(page.locator("#time_choice")).to_contain_text("Whole history")
    expect(page).to_have_url(re.compile(r"time_range=whole-history$"))
    expect(page.locator("#time_choice")).to_be_focused()
    assert page.locator("#timeline-chart .stop").count() > stops


def test_the_calculator_answers_as_one_types_and_its_address_follows(open_page):
    page = open_page("/calculator/")
    page.get_by_label("Sold amount, MRR").fill("2,000")
    result = page.locator("#calculator-points-result")
    expect(result).to_contain_text("USD 2,000.00 / 100 per US$100 x 5 (sourced) x 1 = 100")
    expect(page).to_have_url(re.compile(r"amount=2%2C000"))
    page.locator("#calculator-points-result")
    page.get_by_label("Sold amount, MRR").fill("1.234,56")
    expect(result).to_contain_text("write it like 1,234.56")
    page.get_by_label("Sold amount, MRR").fill("1000")
    expect(result.locator("data").first).to_have_attribute("value", "60.0000")
    page.reload()
    expect(result.locator("data").first).to_have_attribute("value", "60.0000")


def test_the_drawer_beside_the_page_and_over_it(open_page, shot):
    page = open_page("/tiers/")
    page.locator("[data-drawer]").click()
    drawer = page.locator("#calculator")
    drawer.get_by_label("Sold amount, MRR").fill("3000")
    expect(drawer.locator("#calculator-points-result data").first).to_have_attribute("value", "180.0000")
    expect(page).to_have_url(re.compile(r"/tiers/$"))
    drawer.get_by_role("link", name="Currency").click()
    expect(drawer.locator("#calculator-currency-result")).to_be_visible()
    shot(page, "tier-calculator-1440")
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    phone = open_page("/tiers/", viewport=PHONE)
    phone.locator("[data-drawer]").click()
    expect(phone.locator("#calculator")).to_be_visible()
    assert phone.evaluate("document.getElementById('calculator').matches(':modal')")


def test_a_plan_by_ticking(open_page):
    page = open_page("/tiers/plans/new/")
    first = page.locator("input[name=client]").first
    day = page.locator("input[name^='gone.']").first
    expect(day).to_be_disabled()
    first.check()
    expect(day).to_be_enabled()
    expect(page.locator("#plan-result")).to_contain_text("cancels altogether")
    expect(page).to_have_url(re.compile(r"client=C079"))
    page.get_by_label("Name").fill("Without our biggest")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("heading", level=1, name="Without our biggest")).to_be_visible()
    expect(page.locator("#plan-result")).to_contain_text("Client C079 cancels altogether")


def test_without_script(open_page):
    page = open_page("/tiers/", java_script_enabled=False)
    page.locator("#performance .track-name a").first.click()
    expect(page.get_by_role("heading", level=2, name="Points breakdown")).to_be_visible()
    page.get_by_role("link", name="Birch & Barrow Software").click()
    expect(page.get_by_role("heading", level=1, name="Birch & Barrow Software")).to_be_visible()
    page.goto("/tiers/")
    page.locator("[data-drawer]").click()
    page.get_by_label("Sold amount, MRR").fill("500")
    page.get_by_role("button", name="Calculate").click()
    expect(page.locator("#calculator-points-result data").first).to_have_attribute("value", "30.0000")


@pytest.mark.sweep
def test_axe_finds_nothing_and_nothing_scrolls_sideways(open_page, looks_right):
    """With scripts: tests/contract/test_accessibility.py reads each page without, and samples them in make test."""
    looks_right(open_page("/tiers/"), "tier")
    page = open_page("about:blank")
    for name, path in PAGES.items():
        page.goto(path)
        looks_right(page, name)
