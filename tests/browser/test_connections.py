"""Connecting HubSpot, from the key to confirmed proposals: on a phone in Dutch and at a desk in English. The account is a served
simulator."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from playwright.sync_api import Page, expect

from sources.simulator.api import Simulator
from sources.simulator.samples import fill
from sources.simulator.server import served
from sources.simulator.world import World
from tests.browser.conftest import PASSWORD
from tests.simulated_hubspot import TOKEN

CLIENT, DEAL = 70_001, 900_000_001  # the first ones of the account


@pytest.fixture(scope="module")
def world() -> World:
    """The account that is connected."""
    world = World()
    fill(world, clients=3, deals=30)
    world.add_token(TOKEN)
    versions = [(datetime(2026, month, 1, 10, tzinfo=UTC), f"{month}00") for month in (2, 5)]
    world.write_history("partner_clients", CLIENT, "hs_split_managed_mrr", versions)
    return world


@pytest.fixture(scope="module")
def live_database(live_database: dict[str, Any], world: World) -> Iterator[dict[str, Any]]:
    """The portal that starts next reads from the simulator, and its operator has an app there."""
    with served(Simulator(world)) as address:
        ours = {"HUBSPOT_API_BASE": address, "CREDENTIALS_KEYS": "k" * 40, "HUBSPOT_CLIENT_ID": "app"}
        os.environ |= ours | {"HUBSPOT_CLIENT_SECRET": "secret-of-the-app"}
        yield live_database
        for name in (*ours, "HUBSPOT_CLIENT_SECRET"):
            del os.environ[name]


WORK = """
import sys
from accounts.models import Partner
from accounts.scope import partner_scope
from imports.models import ImportBatch
from imports.tasks import process_batch
from sources import tasks
from sources.models import Connection, KindPreview, VendorCall
partner = Partner.objects.get(slug="northwind")
def waiting():
    with partner_scope(partner):
        yield [(process_batch, row.pk) for row in ImportBatch.objects.filter(status="committing")]
        yield [(tasks.call_vendor, row.pk) for row in VendorCall.objects.filter(state="waiting")]
        yield [(tasks.preview_kind, row.pk) for row in KindPreview.objects.filter(made_at=None)]
        yield [(tasks.sync, row.pk) for row in Connection.objects.filter(state="active")]
for _line in sys.stdin:
    for rows in list(waiting()):
        for task, pk in rows:
            task(partner.pk, pk)
    print("done", flush=True)
"""


@pytest.fixture(scope="module")
def work(live_database: dict[str, Any], live_folder: Path) -> Iterator[Callable[[], None]]:
    """Do what a worker would do now."""
    from partner_portal.local.postgres import ensure_running

    server = ensure_running(settings.PORTAL_VAR)
    address = f"postgresql://{server.user}@:{server.port}/{live_database['dbname']}?host={server.host}"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", WORK]
    own = os.environ | {"DATABASE_URL": address, "PORTAL_VAR": str(live_folder)}
    with subprocess.Popen(command, env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def do() -> None:
            assert process.stdin
            assert process.stdout
            process.stdin.write("\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"

        yield do
        process.kill()


@pytest.fixture
def connect(
    open_page: Any, signed_in: Any, live_database: dict[str, Any], work: Any, world: World
) -> Callable[..., Page]:
    """Connect with a key, answer the questions, and import what was read, in a language and at a width; every page is
    looked at."""

    def speak(language: str) -> None:
        with psycopg.connect(**live_database) as database:
            database.execute(
                "UPDATE accounts_user SET language = %s WHERE email = 'admin@northwind.example'", [language]
            )

    def run(language: str, width: int, look: Callable[[Page], object] = lambda _page: None) -> Page:
        with psycopg.connect(**live_database) as database:
            database.execute("TRUNCATE sources_connection CASCADE")
        world.change("deals", DEAL, dealname=f"Changed for {language}")
        speak("en")  # signing in is written for it
        signed_in("admin")
        speak(language)
        size = {"width": width, "height": 900}
        page: Page = open_page("/accounts/reauthenticate/?next=/connections/new/hubspot/", viewport=size)
        page.locator("[type=password]").fill(PASSWORD)
        page.locator("main button").click()
        page.wait_for_url("**/connections/new/hubspot/")
        assert page.locator("html").get_attribute("lang") == language
        expect(page.locator("main a.btn.primary")).to_have_attribute("href", "/connections/new/hubspot/consent/")
        look(page)
        page.locator("[name=token]").fill(TOKEN)
        page.locator("main form .btn.primary").click()
        expect(page.locator("#call-progress")).to_be_visible()
        look(page)
        work()
        page.wait_for_url(re.compile(r"/connections/\d+/questions/"))
        answers = {
            "clients.currency": "client_currency", "deals.product_line": "product", "deals.kind": "sale_kind",
            "deals.origin": "lead",
        }  # fmt: skip
        for name, value in answers.items():
            page.locator(f"[name='{name}']").select_option(value)
        page.locator("[name=do][value=show]").click()
        for number, meaning in enumerate(("sourced", "assisted", "none")):
            page.locator(f"[name='deals.origin-word-{number}']").select_option(meaning)
        assert page.evaluate("document.scrollingElement.scrollWidth") <= width
        look(page)
        page.locator("[name=do][value=save]").click()
        page.wait_for_url(re.compile(r"/connections/\d+/$"))
        work()
        page.reload()
        expect(page.locator(".notice.warn a.btn.primary")).to_be_visible()
        look(page)
        page.locator(".notice.warn a.btn.primary").click()
        page.wait_for_url(re.compile(r"/imports/\d+/"))
        expect(page.locator("main")).to_contain_text("HubSpot")
        look(page)
        with page.expect_response(re.compile(r"/imports/\d+/commit/$")):
            page.locator("[form=commit]").click()
        work()
        page.goto("/connections/")
        expect(page.locator(".stamp")).to_contain_text("HubSpot")
        return page

    return run


@pytest.mark.sweep
def test_from_the_key_to_confirmed_proposals_on_a_phone_in_dutch_with_axe(
    connect: Any, no_findings: Any, looks_right: Any, work: Any
) -> None:
    page = connect("nl", 390, no_findings)
    confirm_proposals(page, work, ("Wat bevestigen doet", "Bevestigen", "Bevestigd (2)"), looks_right)


def test_from_the_key_to_confirmed_proposals_at_a_desk_in_english(
    connect: Any, work: Any, live_database: Any, live_folder: Path
) -> None:
    page = connect("en", 1440)
    confirm_proposals(page, work, ("What confirming does", "Confirm", "Confirmed (2)"))
    # The key is in no dump of the database, and in no file of the portal: queue, cache, log, imports.
    dump = _dump(live_database)
    assert b"sources_connection" in dump
    files = [path for path in live_folder.rglob("*") if path.is_file()]
    assert any("valkey" in path.parts for path in files)
    found = [path for path in files if TOKEN.encode() in path.read_bytes()]
    assert (TOKEN.encode() in dump, found) == (False, [])


def confirm_proposals(
    page: Page, work: Any, words: Sequence[str], look: Callable[[Page, str], object] = lambda _page, _name: None
) -> None:
    """From the list of connections to what the history proposes, confirmed. words: a heading, a button and a link."""
    heading, button, confirmed = words
    page.locator("main table a").first.click()
    look(page, "connection")
    page.goto(f"{page.url}kinds/services/")
    page.locator("[name='services.currency']").select_option("client_currency")
    page.locator("[name=do][value=preview]").click()
    expect(page.locator("#preview progress")).to_be_visible()
    work()
    expect(page.locator("[name=do][value=on]")).to_be_visible()
    look(page, "kind")
    page.locator("[name=do][value=on]").click()
    page.wait_for_url(re.compile(r"/connections/\d+/$"))
    work()
    page.goto(f"{page.url}proposals/services/")
    expect(page.locator("tbody tr")).to_have_count(2)
    look(page, "proposals")
    page.locator("#all").check()
    page.locator("[name=do][value=effect]").click()
    expect(page.locator("#preview progress")).to_be_visible()
    work()
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    look(page, "effect")
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("link", name=confirmed)).to_be_visible()


def _dump(address: dict[str, Any]) -> bytes:
    from partner_portal.local.postgres import program_folder

    to = [f"--host={address['host']}", f"--port={address['port']}", f"--username={address['user']}", address["dbname"]]
    return subprocess.run([program_folder() / "pg_dump", *to], check=True, capture_output=True).stdout
