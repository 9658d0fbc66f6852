"""axe finds nothing on any page or dialog: every route is rendered, none is listed.

The pages are rendered here and laid out in Chromium without a server: styles come from the static folder, scripts do not
run. Pages that a script changes are read by the journeys of tests/browser. What scrolls sideways at 320 pixels fails as well.

The sweep reads every page and dialog whole, in both themes and both languages. The sample asks every second route and reads
each template that answers once, in a theme and a language that take turns; the frame, which all pages share, with the first
page of each turn.
"""

import shutil
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Page, Route, sync_playwright

from tests.browser.conftest import BROWSERS, SAMPLE_OF_EACH_LOOK
from tests.contract.test_fuzz import addresses

ROOT = Path(__file__).resolve().parents[2]
HOST = "http://portal.example"
PARTS = 2
SECOND = 2  # of which `make test` asks one
COMBINATIONS = tuple(product(("light", "dark"), ("en", "nl")))
DIALOG = {"HX-Request": "true", "HX-Target": "dialog"}
FEWER_ROWS = "for (const row of document.querySelectorAll('tbody tr:nth-child(n+5)')) row.remove()"


def pages(browser: Any, paths: list[str], language: str, once: set[str] | None = None) -> Iterator[tuple[str, str]]:
    """The HTML of the pages among the paths, and of the dialogs that they are opened in, each under its address.

    once: the templates that are known; what they make is left out, and those that come are put into it.
    """
    browser.cookies["django_language"] = language
    frame = browser.get("/search/").content.decode()
    for path in paths:
        answer = browser.get(path)
        if answer.streaming:
            answer.getvalue()  # a file counts as a request of its reader's until it is sent
        assert answer.status_code < 500, path
        if answer.status_code != 200 or not answer.headers["Content-Type"].startswith("text/html"):
            continue
        html = answer.content.decode()
        if "<html" in html and _is_new(answer, once):
            yield path, html
        answer = browser.get(path, headers=DIALOG)
        part = answer.content.decode()
        if "<html" not in part and "dialog-heading" in part and _is_new(answer, once):
            yield (
                f"{path} (dialog)",
                frame.replace(
                    'id="dialog" aria-labelledby="dialog-heading">',
                    f'id="dialog" aria-labelledby="dialog-heading" open>{part}',
                ),
            )


def _is_new(answer: Any, once: set[str] | None) -> bool:
    if once is None:
        return True
    template = answer.templates[0].name
    known = template in once
    once.add(template)
    return not known


def from_the_static_folder(route: Route) -> None:
    path = urlsplit(route.request.url).path
    file = ROOT / path.lstrip("/")
    if path.startswith("/static/") and path.endswith(".css") and file.is_file():
        route.fulfill(body=file.read_bytes(), content_type="text/css")
    else:
        route.abort()


def findings(page: Page, html: str, theme: str, known: set[str], frame: bool = True) -> list[str]:
    """What axe finds, a line each. `known`: the looks whose contrast was read before. frame: with what stands around `main`."""
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page.set_viewport_size({"width": 1440, "height": 900})
    page.route(f"{HOST}/", lambda route: route.fulfill(body=html, content_type="text/html"))
    page.goto(f"{HOST}/")
    page.unroute(f"{HOST}/")
    page.evaluate(FEWER_ROWS)
    page.evaluate(AXE_SCRIPT)
    options = {"resultTypes": ["violations"], "preload": False}
    part = "#dialog[open]" if page.locator("#dialog[open]").count() else "html" if frame else "#main"
    marked = page.evaluate(SAMPLE_OF_EACH_LOOK, [part, sorted(known)])
    found = AxeResults(page.evaluate("([part, options]) => axe.run(part, options)", [part, options]))
    lines = [
        f"{finding['id']}: {node['html'][:160]} {node.get('failureSummary', '')[:200]}"
        for finding in found.response["violations"]
        for node in finding["nodes"][:3]
    ]
    if not lines:
        known.update(marked)
    page.set_viewport_size({"width": 320, "height": 700})
    width = page.evaluate("document.scrollingElement.scrollWidth")
    return lines if width <= 320 else [*lines, f"{width} pixels wide at 320"]


def read(rendered: list[tuple[str, str, str, str]], whole: bool) -> dict[str, list[str]]:
    """What axe finds, by page. rendered: address, HTML, theme and language of each; whole: the frame around each as well."""
    wrong: dict[str, list[str]] = {}
    known: set[str] = set()
    seen: set[str] = set()
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        page = chromium.new_page()
        page.route("**/*", from_the_static_folder)
        for path, html, theme, language in rendered:
            if lines := findings(page, html, theme, known, whole or theme + language not in seen):
                wrong[f"{path} {theme} {language}"] = lines
            seen.add(theme + language)
        chromium.close()
    return wrong


def told(wrong: dict[str, list[str]]) -> str:
    return "\n".join(f"{path}\n  " + "\n  ".join(lines) for path, lines in wrong.items())


@pytest.mark.sweep
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize(("theme", "language"), COMBINATIONS)
def test_axe_finds_nothing_on_any_page(
    northwind_rows: dict[str, Any], caller: Callable[[str], Any], theme: str, language: str, part: int
) -> None:
    routes = addresses(northwind_rows)[part::PARTS]
    rendered = [(path, html, theme, language) for path, html in pages(caller("northwind-admin"), routes, language)]
    assert len(rendered) > 60
    wrong = read(rendered, whole=True)
    assert not wrong, told(wrong)


def test_axe_finds_nothing_on_pages_of_every_second_route(
    northwind_rows: dict[str, Any], caller: Callable[[str], Any]
) -> None:
    browser, routes, templates = caller("northwind-admin"), addresses(northwind_rows)[::SECOND], set()
    rendered = []
    for number, (theme, language) in enumerate(COMBINATIONS):
        turn = routes[number :: len(COMBINATIONS)]
        rendered += [(path, html, theme, language) for path, html in pages(browser, turn, language, templates)]
    assert len(rendered) > 35
    wrong = read(rendered, whole=False)
    assert not wrong, told(wrong)
