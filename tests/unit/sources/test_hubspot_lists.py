"""Lists sent to HubSpot."""

import pytest

from sources.hubspot.lists import send
from sources.hubspot.source import HubSpotSource
from sources.simulator.faults import Fault
from sources.simulator.samples import fill
from sources.source import Access, ListNotOurs, Refused, ScopeMissing, WrongAccount
from tests.simulated_hubspot import TOKEN, Hub

FIRST = 5_000_001  # company


@pytest.fixture
def hub() -> Hub:
    hub = Hub()
    fill(hub.world, clients=600, deals=0)
    return hub


def ids(first: int, count: int) -> list[str]:
    return [str(FIRST + place) for place in range(first, first + count)]


def test_250_clients_of_which_hubspot_does_not_know_three(hub):
    client = hub.client()
    unknown = ["1", "2", "77777777777"]
    sent = send(client, "Lost in November / 2026?", "companies", [*ids(0, 247), *unknown, *ids(0, 5)])
    assert (sent.made, sent.added, sent.removed, sent.missing) == (True, 247, 0, tuple(unknown))
    again = send(client, "Lost in November / 2026?", "companies", [*ids(0, 247), *unknown])
    assert (again.list_id, again.made, again.added, again.removed, again.missing) == (
        sent.list_id, False, 0, 0, tuple(unknown),
    )  # fmt: skip
    assert len(hub.world.lists[int(sent.list_id)].members) == 247


def test_clients_are_sent_as_their_companies(hub):
    """Of 250 clients one has no company, and of one the company was deleted."""
    hub.world.dissociate("partner_clients", 70_003, "companies", FIRST + 2)
    hub.world.archive("companies", FIRST + 4)
    access = Access("northwind", token=TOKEN, account_id="14500123")
    clients = [str(70_001 + place) for place in range(250)]
    source = HubSpotSource(hub.client)
    result = source.send_list(access, "Renewals", clients)
    assert (result.added, result.missing) == (248, ("70003", "70005"))
    again = source.send_list(access, "Renewals", clients)
    assert (again.id, again.added, again.missing) == (result.id, 0, ("70003", "70005"))
    with pytest.raises(WrongAccount):
        source.send_list(Access("n", token=TOKEN, account_id="1"), "Renewals", clients)


def test_a_list_is_brought_in_step(hub):
    client = hub.client()
    first = send(client, "Shared", "companies", ids(0, 550))
    sent = send(client, "Shared", "companies", ids(10, 560))
    assert (sent.list_id, sent.added, sent.removed) == (first.list_id, 20, 10)
    assert hub.world.lists[1].members.keys() == set(range(FIRST + 10, FIRST + 570))
    other = send(client, "Shared", "partner_clients", ["70001"])  # names are unique by object
    assert (other.made, other.list_id, other.added) == (True, "2", 1)


def test_an_answer_that_was_lost_makes_no_second_list(hub):
    hub.simulator.faults.append(Fault("cut", times=1, path="/crm/lists/2026-09", after=1))
    sent = send(hub.client(), "Once", "companies", ids(0, 2))
    assert len(hub.world.lists) == 1
    assert sent.added == 2


def test_what_cannot_be_sent(hub):
    client = hub.client()
    hub.world.make_list("Rules", "0-2", "DYNAMIC")
    with pytest.raises(ListNotOurs):
        send(client, "Rules", "companies", ids(0, 1))
    with pytest.raises(Refused, match="needs a name"):
        send(client, "", "companies", ids(0, 1))
    hub.world.tokens[TOKEN].remove("crm.lists.write")
    with pytest.raises(ScopeMissing):
        send(client, "Other", "companies", ids(0, 1))
