"""Charts: their values by keyboard, mouse and finger; drawn without a script and on paper; no text on another."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser import paper

PAGES = ("/dashboard/", "/tiers/", "/commissions/", "/renewals/")
OPEN_ALL = "document.querySelectorAll('details.sheet, details.more').forEach(part => part.open = true)"
# Pairs of texts of one chart that lie on one another.
OVERLAPS = """() => [...document.querySelectorAll('.drawing')].flatMap(drawing => {
  const texts = [...drawing.querySelectorAll('text')].filter(text => text.getClientRects().length);
  const boxes = texts.map(text => [text.textContent, text.getBoundingClientRect()]);
  return boxes.flatMap(([one, a], index) => boxes.slice(index + 1)
    .filter(([, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 1)
    .filter(([, b]) => Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 3)
    .map(([other]) => `${drawing.parentElement.id}: ${one} | ${other}`));
})"""


def test_values_by_keyboard_mouse_and_finger(open_page):
    page = open_page("/commissions/", "finance", has_touch=True)
    chart = page.get_by_role("group", name=re.compile("Commission by quarter, in USD. Arrow keys"))
    tip = page.locator(".chart-tip")
    chart.focus()
    page.keyboard.press("Home")
    expect(tip).to_have_text(re.compile(r"^Q4 25[\d,]+ paid$"))
    page.keyboard.press("ArrowRight")
    expect(tip).to_contain_text("Q1 26")
    expect(chart.locator("+ [role=status]")).to_have_text(re.compile(r"^Q1 26, [\d,]+ paid$"))
    page.keyboard.press("End")
    expect(tip).to_have_text(re.compile(r"^Q3 27[\d,]+ expected$"))
    page.keyboard.press("Escape")
    expect(tip).to_have_count(0)
    page.keyboard.press("ArrowLeft")
    expect(tip).to_contain_text("Q3 27")
    page.keyboard.press("Tab")
    expect(tip).to_have_count(0)
    chart.locator(".stop").nth(2).hover()
    expect(tip).to_contain_text("Q2 26")
    page.get_by_role("heading", level=1).hover()
    expect(tip).to_have_count(0)
    chart.locator(".stop").nth(3).tap()
    expect(tip).to_contain_text("Q3 26")


@pytest.mark.parametrize("path", PAGES)
def test_no_text_of_a_chart_lies_on_another(open_page, path):
    page = open_page(path, "finance")
    page.evaluate(OPEN_ALL)
    assert page.locator(".drawing").count() >= 1
    for width in (1440, 1024, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(OVERLAPS) == [], width
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width


def test_charts_need_no_script_and_are_printed(open_page):
    page = open_page("/commissions/", "finance", java_script_enabled=False)
    drawing = page.get_by_role("img", name="Commission by quarter, in USD")
    expect(drawing).to_be_visible()
    expect(drawing.locator("title").first).to_have_text(re.compile(r"^Q4 25\n[\d,]+ paid$"))
    pages = paper.print_to_pages(page)
    assert any("Q4 25 Q1 26 Q2 26 Q3 26 Q4 26" in line for printed in pages for line in printed.lines)
    assert paper.overlaps(pages) == []


def test_a_part_of_points_over_time_is_looked_at_by_keyboard(open_page):
    page = open_page("/tiers/?time_range=last-12-months")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    assert not [url for url in asked if "plotly" in url]
    page.get_by_role("link", name="Look closer at a part of it").click()
    expect(page.locator("#closer .main-svg").first).to_be_visible(timeout=20_000)
    heading = page.locator("#s-closer")
    expect(heading).to_have_text("24 Nov 2025 – 23 Nov 2027")
    page.get_by_role("button", name="Zoom in").press("Enter")
    expect(heading).to_have_text("25 May 2026 – 24 May 2027")
    page.get_by_role("button", name="All of it").press("Enter")
    expect(heading).to_have_text("24 Nov 2025 – 23 Nov 2027")
    assert sum("plotly" in url for url in asked) == 1
    page.get_by_role("link", name="Tier").last.click()
    expect(page.get_by_role("heading", level=2, name="Progress over time")).to_be_visible()
