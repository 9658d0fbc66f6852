"""HubSpot's own library, generated from HubSpot's documents, reads the simulator strictly and knows what we call."""

import inspect
import re
from importlib import import_module

import pytest

from sources.hubspot import endpoints
from sources.hubspot.lists import send
from sources.hubspot.source import HubSpotSource
from sources.simulator.faults import Fault
from sources.simulator.samples import fill
from sources.simulator.server import served
from sources.simulator.world import World
from sources.source import Access, Settings, Window
from tests.simulated_hubspot import TOKEN, Hub

DEAL, CLIENT, COMPANY = "900000001", "70001", "5000001"


@pytest.fixture(scope="module")
def hub() -> Hub:
    """An account with some of everything."""
    hub = Hub(World())
    hub.world.nulls = False  # the library does not know that empty properties are null; our client must
    hub.world.burst_limit = hub.world.search_limit = 10_000
    fill(hub.world, clients=3, deals=120)
    hub.world.archive("deals", 900_000_120)
    hub.world.make_list("Known", "0-2", "MANUAL")
    return hub


@pytest.fixture(scope="module")
def library(hub):
    from hubspot_sdk import HubSpot  # here: it takes a second that the other workers need not spend

    with served(hub.simulator) as address:
        client = HubSpot(access_token=TOKEN, base_url=address, max_retries=0, _strict_response_validation=True)
        yield client
        client.close()


READS = {
    "account": lambda crm, account: account.get(),
    "usage": lambda crm, account: account.get_daily_private_apps_usage(),
    "properties of partner clients": lambda crm, account: crm.properties.list("partner_clients"),
    "properties of deals": lambda crm, account: crm.properties.list("deals"),
    "pipelines": lambda crm, account: crm.pipelines.list("deals"),
    "partner clients": lambda crm, account: crm.objects.partner_clients.list(limit=100, properties=["hs_client_name"]),
    "partner clients with earlier values": lambda crm, account: crm.objects.partner_clients.list(
        limit=50, properties=["hs_client_name"], properties_with_history=["hs_total_subscription_mrr"]
    ),
    "partner client": lambda crm, account: crm.objects.partner_clients.get(CLIENT),
    "partner services": lambda crm, account: crm.objects.partner_services.search(
        after="", filter_groups=[], limit=10, properties=[], sorts=[], query=""
    ),
    "companies": lambda crm, account: crm.objects.companies.list(),
    "deals": lambda crm, account: crm.objects.deals.list(limit=100, properties=["dealname", "hs_mrr", "nothing"]),
    "deleted deals": lambda crm, account: crm.objects.deals.list(archived=True),
    "some deals": lambda crm, account: crm.objects.deals.batch.get(
        inputs=[{"id": DEAL}], properties=["dealname"], properties_with_history=[]
    ),
    "labels": lambda crm, account: crm.associations_schema.labels.list_labels("companies", from_object_type="deals"),
    "associations": lambda crm, account: crm.associations.batch.get(
        "companies", from_object_type="deals", inputs=[{"id": DEAL}]
    ),
    "found deals": lambda crm, account: crm.objects.deals.search(
        after="", filter_groups=[], limit=100, properties=[], sorts=[], query=""
    ),
    "a list": lambda crm, account: crm.lists.get("1"),
    "a list by name": lambda crm, account: crm.lists.get_by_object_type_and_name("Known", object_type_id="0-2"),
    "members changed": lambda crm, account: crm.lists.add_and_remove_memberships(
        "1", record_ids_to_add=[COMPANY, "1"], record_ids_to_remove=[]
    ),
    "members": lambda crm, account: crm.lists.list_memberships("1"),
    "a new list": lambda crm, account: crm.lists.create(name="New", object_type_id="0-145", processing_type="MANUAL"),
}


@pytest.mark.parametrize("name", READS)
def test_the_library_reads_every_answer(library, name):
    assert READS[name](library.crm, library.account) is not None


def test_the_library_is_strict(library, hub):
    from hubspot_sdk import APIResponseValidationError

    hub.simulator.faults.append(Fault("form", times=1))
    with pytest.raises(APIResponseValidationError):
        library.crm.objects.deals.list()


def test_every_request_of_ours_is_one_of_the_librarys(hub):
    """Method and path, with the version of the library's time."""
    hub.adapter.requests.clear()
    source = HubSpotSource(hub.client)
    access = Access("northwind", token=TOKEN)
    source.test(access)
    source.fields(access, "deals")
    settings = Settings(take={"deals": "all"}, more=dict.fromkeys(source.more, "2026-11-23"))
    with source.reading(access, settings, {}) as run:
        for table in source.tables(settings):
            for window in (None, Window(hub.world.now())):
                run.read(table, window, (), Nowhere(), lambda *_step: None)
    send(hub.client(), "Sent", "companies", [COMPANY])
    send(hub.client(), "Sent", "companies", [])
    ours = {(request.method, request.path_url.partition("?")[0]) for request in hub.adapter.requests}
    known = [call for module in MODULES for call in calls_of(module)]
    missing = [
        (method, path)
        for method, path in sorted(ours)
        if not any(method == verb and form.fullmatch(path) for verb, form in known)
    ]
    assert missing == []
    assert len(ours) >= 14


class Nowhere:
    def row(self, values):
        pass


MODULES = (
    "account.account", "crm.associations.batch", "crm.associations_schema.labels", "crm.lists", "crm.pipelines",
    "crm.properties.properties", "crm.objects.companies.companies", "crm.objects.deals.deals",
    "crm.objects.partner_clients.partner_clients",
)  # fmt: skip


def calls_of(module: str) -> list[tuple[str, re.Pattern[str]]]:
    """Methods and paths in a module of the library, which writes each call the same way."""
    text = inspect.getsource(import_module(f"hubspot_sdk.resources.{module}"))
    calls = re.findall(r'self\._(get|post|put|get_api_list)\(\s*(?:path_template\(\s*)?"(/[^"]+)"', text)
    objects = {"0-3": "(?:0-3|deals)", "0-2": "(?:0-2|companies)"}
    result = []
    for verb, path in calls:
        form = re.sub(r"\{[^}]+\}", "[^/]+", path.replace("2026-03", endpoints.VERSION))
        for number, either in objects.items():
            form = form.replace(f"/{number}", f"/{either}")
        result.append(("GET" if verb.startswith("get") else verb.upper(), re.compile(form)))
    return result
