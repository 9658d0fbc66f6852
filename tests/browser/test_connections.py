"""Connecting HubSpot on a phone, in Dutch: from the key to the first import, against a served simulator."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.conf import settings
from playwright.sync_api import expect

from sources.simulator.api import Simulator
from sources.simulator.samples import fill
from sources.simulator.server import served
from sources.simulator.world import World
from tests.browser.conftest import PASSWORD
from tests.simulated_hubspot import TOKEN


@pytest.fixture(scope="module")
def live_database(live_database: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The portal that starts next reads from a simulator, and its admin reads Dutch."""
    with psycopg.connect(**live_database) as database:
        database.execute("UPDATE accounts_user SET language = 'nl' WHERE email = 'admin@northwind.example'")
    world = World()
    fill(world, clients=3, deals=30)
    world.add_token(TOKEN)
    with served(Simulator(world)) as address:
        os.environ |= {"HUBSPOT_API_BASE": address, "CREDENTIALS_KEYS": "k" * 40}
        yield live_database
        del os.environ["HUBSPOT_API_BASE"], os.environ["CREDENTIALS_KEYS"]


WORK = """
from accounts.models import Partner
from accounts.scope import partner_scope
from sources import tasks
from sources.models import Connection, VendorCall
partner = Partner.objects.get(slug="northwind")
with partner_scope(partner):
    calls, ready = list(VendorCall.objects.filter(state="waiting")), list(Connection.objects.filter(state="active"))
for call in calls:
    tasks.call_vendor(partner.pk, call.pk)
for connection in ready:
    tasks.sync(partner.pk, connection.pk)
"""


@pytest.fixture
def work(live_database: dict[str, Any]) -> Callable[[], None]:
    """Do what a worker would do now."""
    from partner_portal.local.postgres import ensure_running

    server = ensure_running(settings.PORTAL_VAR)
    address = f"postgresql://{server.user}@:{server.port}/{live_database['dbname']}?host={server.host}"
    command = [sys.executable, "manage.py", "shell", "--no-imports", "-c", WORK]

    def do() -> None:
        subprocess.run(command, env=os.environ | {"DATABASE_URL": address}, check=True)

    return do


def test_from_the_key_to_the_first_import_on_a_phone_in_dutch(open_page, signed_in, live_database, no_findings, work):
    with psycopg.connect(**live_database) as database:  # signing in is written for English
        database.execute("UPDATE accounts_user SET language = 'en' WHERE email = 'admin@northwind.example'")
    signed_in("admin")
    with psycopg.connect(**live_database) as database:
        database.execute("UPDATE accounts_user SET language = 'nl' WHERE email = 'admin@northwind.example'")
    page = open_page("/accounts/reauthenticate/?next=/connections/new/hubspot/", viewport={"width": 390, "height": 844})
    page.locator("[type=password]").fill(PASSWORD)
    page.locator("main button").click()
    page.wait_for_url("**/connections/new/hubspot/")
    assert page.locator("html").get_attribute("lang") == "nl"
    no_findings(page)
    page.locator("[name=token]").fill(TOKEN)
    page.locator("main form .btn.primary").click()
    expect(page.locator("#call-progress")).to_be_visible()
    no_findings(page)
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
    assert page.evaluate("document.scrollingElement.scrollWidth") <= 390
    no_findings(page)
    page.locator("[name=do][value=save]").click()
    page.wait_for_url(re.compile(r"/connections/\d+/$"))
    work()
    page.reload()
    expect(page.locator(".notice.warn a.btn.primary")).to_be_visible()
    no_findings(page)
    page.locator(".notice.warn a.btn.primary").click()
    page.wait_for_url(re.compile(r"/imports/\d+/"))
    expect(page.locator("main")).to_contain_text("HubSpot")
