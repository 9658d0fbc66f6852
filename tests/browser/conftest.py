"""A browser and a portal as people meet them: Chromium against gunicorn, on a copy of the demo data.

Nothing here shares a transaction with the server; what a journey writes stays in the copy.
"""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from django.conf import settings
from django.db import connections
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
SHOTS = ROOT / "var" / "shots"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")  # as in the Makefile
PASSWORD = "partner-portal-demo"
START_SECONDS = 60
expect.set_options(timeout=15_000)  # what takes a blink of a quiet machine takes seconds of a busy one


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[Any]) -> None:
    """Everything here is a browser test. A file's journeys run one after the other, on a portal of their own."""
    ours = {path for path in {item.path for item in items} if Path(__file__).parent in path.parents}
    for item in items:
        if item.path in ours:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="module")
def live_database(django_db_setup: None) -> Iterator[dict[str, Any]]:
    """How the superuser connects to the running portal's database, a copy of the tests'."""
    from partner_portal.local.postgres import ensure_running

    server = ensure_running(settings.PORTAL_VAR)
    connections["default"].close()
    source = connections["default"].settings_dict["NAME"]
    name = f"{source}_browser"
    as_superuser: dict[str, Any] = {"host": server.host, "port": server.port, "user": server.superuser}
    with psycopg.connect(dbname="postgres", autocommit=True, **as_superuser) as database:
        database.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}" OWNER "{server.owner}" STRATEGY FILE_COPY')
    yield {"dbname": name, **as_superuser}
    with psycopg.connect(dbname="postgres", autocommit=True, **as_superuser) as database:
        database.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def live_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """PORTAL_VAR of the running portal: its queue and cache, log and stored files."""
    return tmp_path_factory.mktemp("live-portal")


@pytest.fixture(scope="module")
def live_portal(live_database: dict[str, Any], live_folder: Path) -> Iterator[str]:
    """The address of a running portal with the demo partners, the day that of the tests; all log-ins are the demo's."""
    from partner_portal.local.postgres import ensure_running

    server = ensure_running(settings.PORTAL_VAR)
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = live_folder
    environment = {
        **os.environ,
        "DATABASE_URL": f"postgresql://{server.user}@:{server.port}/{live_database['dbname']}?host={server.host}",
        "PORTAL_VAR": str(folder),
        "DJANGO_SETTINGS_MODULE": "tests.browser.live_settings",
        "SITE_URL": f"http://localhost:{port}",
    }
    log = folder / "web.log"
    command = [sys.executable, "-m", "gunicorn", "--workers", "1", "--bind", f"127.0.0.1:{port}", "partner_portal.wsgi"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    address = f"http://localhost:{port}"
    try:
        _wait_until_ready(address, process, log)
        yield address
    finally:
        process.terminate()
        process.wait(20)


def _wait_until_ready(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/health/live", timeout=5) as answer:  # noqa: S310
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"The portal did not start:\n{log.read_text(encoding='utf-8', errors='replace')[-2000:]}")


@pytest.fixture(scope="module")
def browser(live_portal: str) -> Iterator[Browser]:
    """Chromium of this machine."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    assert program, "make test installs a browser"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def signed_in(browser: Browser, live_portal: str) -> Callable[[str], Any]:
    """The cookies of a demo user (the part of the address before the @), signed in once by the form."""
    known: dict[str, Any] = {}

    def cookies(who: str) -> Any:
        if who not in known:
            context = browser.new_context()
            sign_in(context.new_page(), live_portal, f"{who}@northwind.example")
            known[who] = context.storage_state()
            context.close()
        return known[who]

    return cookies


def sign_in(page: Page, address: str, email: str) -> None:
    """Fill in the sign-in form, as a person does. The range chosen last may be in the address that follows."""
    page.goto(f"{address}/dashboard/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(f"{address}/dashboard/**")


@pytest.fixture
def open_page(
    browser: Browser, live_portal: str, live_database: dict[str, Any], signed_in: Callable[[str], Any]
) -> Iterator[Callable[..., Page]]:
    """Opens an address as a demo user and gives the page. A test fails when any page broke the content security policy,
    threw an error, or asked for something that is not there. Ranges that people chose and panels that they folded
    before are forgotten."""
    with psycopg.connect(**live_database) as database:
        database.execute("UPDATE accounts_membership SET ranges = '{}', panels = '{}', columns = '{}'")
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def open_(path: str, who: str | None = "admin", **options: Any) -> Page:
        options.setdefault("viewport", {"width": 1440, "height": 900})
        context = browser.new_context(
            base_url=live_portal, storage_state=signed_in(who) if who else None, reduced_motion="reduce", **options
        )
        contexts.append(context)
        context.on("console", lambda message: _is_complaint(message) and complaints.append(message.text))
        context.on("weberror", lambda error: complaints.append(str(error.error)))
        page = context.new_page()
        page.complaints = complaints  # type: ignore[attr-defined] -- a test that breaks something on purpose takes them
        page.goto(path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def _is_complaint(message: ConsoleMessage) -> bool:
    """An error; but not htmx's word that a request was given up for a newer one or for another page."""
    return message.type == "error" and not message.text.startswith(("htmx:afterRequest", "htmx:sendAbort"))


@pytest.fixture
def shot() -> Callable[[Page, str], None]:
    """Stores a picture of a page under var/shots/ when `SHOTS=1` is set; no test reads them."""
    wanted = bool(os.environ.get("SHOTS"))

    def store(page: Page, name: str) -> None:
        if wanted:
            SHOTS.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=SHOTS / f"{name}.png", animations="disabled")

    return store


# What of axe depends on colours and on the width of the window; all other rules read names, roles and structure.
LAYOUT_RULES = ("color-contrast", "link-in-text-block", "target-size", "scrollable-region-focusable")


# Contrast is two thirds of what axe does. Of elements whose text has the same colour and size on the same backgrounds it reads
# one, which is marked here, and none whose look it has read on an earlier page (`known`). Returns the looks that are
# marked, but for elements that may lie over others.
SAMPLE_OF_EACH_LOOK = """([part, known] = [null, []]) => {
  axe.configure({rules: [{id: "color-contrast", selector: "[data-contrast-sample]"}]});
  const backgrounds = new Map();
  const behind = (element) => {
    if (!element) return "";
    if (!backgrounds.has(element)) {
      const style = getComputedStyle(element);
      const own = [style.backgroundColor, style.backgroundImage, style.opacity, style.filter].join();
      backgrounds.set(element, own === "rgba(0, 0, 0, 0),none,1,none" ? behind(element.parentElement)
        : `${behind(element.parentElement)}/${own}`);
    }
    return backgrounds.get(element);
  };
  for (const element of document.querySelectorAll("[data-contrast-sample]")) delete element.dataset.contrastSample;
  const seen = new Set(known), marked = [];
  for (const element of document.querySelectorAll(`${part || "body"} *`)) {
    const texts = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
    if ((!texts && !element.matches("input, select, textarea")) || !element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const positioned = style.position === "static" ? "" : element.tagName + element.className;
    const look = [style.color, style.fontSize, style.fontWeight, style.textShadow, positioned, behind(element)].join();
    if (!seen.has(look)) {
      element.dataset.contrastSample = "";
      if (!positioned) marked.push(look);
    }
    seen.add(look);
  }
  return marked;
}"""


@pytest.fixture(scope="session")
def no_findings() -> Callable[..., None]:
    """Asserts that axe finds nothing on the page as it stands, or of the part that `part` selects. `rules`: only these."""
    known: set[str] = set()

    def check(page: Page, part: str | None = None, rules: Sequence[str] = ()) -> None:
        if not page.evaluate("'axe' in window"):
            page.evaluate(AXE_SCRIPT)
        marked = page.evaluate(SAMPLE_OF_EACH_LOOK, [part, sorted(known)])
        # What is in order is longer than the page; no rule that is on reads what would be loaded before.
        options: dict[str, Any] = {"resultTypes": ["violations"], "preload": False}
        if rules:
            options["runOnly"] = list(rules)
        found = AxeResults(page.evaluate("([part, options]) => axe.run(part || document, options)", [part, options]))
        assert found.violations_count == 0, found.generate_report()
        if not rules or "color-contrast" in rules:
            known.update(marked)

    return check


@pytest.fixture
def looks_right(no_findings: Callable[..., None], shot: Callable[[Page, str], None]) -> Callable[..., None]:
    """Asserts of a page as it stands that axe finds nothing, on a desk in light and on a phone in dark, and that nothing
    scrolls sideways at 390 and at 320 pixels, which is what a zoom of 400 % leaves of a desk. Of a dialog axe reads that
    part alone. `SHOTS=1` stores two pictures.

    The other theme has other colours and nothing else, so two of the four pairs see all that can differ. Parts, and the first
    page of a test, for the menu that the desk does not show, are read with every rule; the other pages, in the same frame,
    with those of colour and layout, since tests/contract/test_accessibility.py reads every page with every rule. Rows of a
    table are alike: the others are taken away before.
    """
    seen: set[str] = set()

    def look(page: Page, name: str, part: str | None = None, widths: Sequence[int] = (320, 390, 1440)) -> None:
        for width in sorted(widths, key=lambda width: (width == 390, -width)):
            page.set_viewport_size({"width": width, "height": 900})
            assert page.evaluate("document.scrollingElement.scrollWidth") <= width, f"{name} at {width}"
            if width in {390, 1440}:
                shot(page, f"{name}-{width}")
        page.evaluate("for (const row of document.querySelectorAll('tbody tr:nth-child(n+5)')) row.remove()")
        page.emulate_media(color_scheme="dark")
        no_findings(page, part, LAYOUT_RULES if seen else ())
        page.emulate_media(color_scheme="light")
        page.set_viewport_size({"width": 1440, "height": 900})
        no_findings(page, part, LAYOUT_RULES if seen and part is None else ())
        seen.add(name)

    return look
