"""A list of clients becomes a list of companies in HubSpot, by a person who may export, and is brought in step."""

from typing import Any

import pytest

from tests.simulated_hubspot import TOKEN


@pytest.fixture
def client_list(eastwind: Any, hub: Any, connect: Any, sync: Any, admin: Any) -> Any:
    """A list of all four clients and one that HubSpot does not have."""
    from accounts.models import User
    from clients.models import Client
    from reports.models import ListMember, SavedList

    connect()
    sync("--commit")
    Client.objects.create(partner=eastwind, client_id="F1", name="Of a file", country="NL", currency="EUR")
    user = User.objects.get(email="admin@eastwind.example")
    made = SavedList.objects.create(partner=eastwind, name="To call", owner=user)
    for client in Client.objects.all():
        ListMember.objects.create(partner=eastwind, saved_list=made, client=client, added_by=user)
    return made


def test_a_list_is_sent_and_brought_in_step(client_list: Any, hub: Any, admin: Any, ask: Any) -> None:
    from accounts.models import AuditEvent
    from reports.models import ListMember

    hub.world.archive("companies", 5_000_004)
    page, send = f"/lists/{client_list.pk}/", f"/connections/lists/{client_list.pk}/send/"
    assert "Send to HubSpot" in admin.get(page).content.decode()
    told = ask(send).content.decode()
    assert "“To call” is in HubSpot: 3 added, 0 taken out." in told
    assert "2 clients have no company in HubSpot: Client 3, Of a file." in told
    [there] = hub.world.lists.values()
    assert (there.name, set(there.members)) == ("To call", {5_000_001, 5_000_002, 5_000_003})
    assert "0 added, 0 taken out" in ask(send).content.decode()
    ListMember.objects.filter(client__client_id="70001").delete()
    assert "0 added, 1 taken out" in ask(send).content.decode()
    assert len(hub.world.lists) == 1
    sent = AuditEvent.objects.filter(action="list.sent").order_by("pk").first()
    assert (sent.subject, sent.details) == ("To call", {"added": 3, "removed": 0, "missing": 2})


def test_what_hubspot_says_against_it(client_list: Any, hub: Any, ask: Any) -> None:
    send = f"/connections/lists/{client_list.pk}/send/"
    hub.world.tokens[TOKEN].discard("crm.lists.write")
    assert "crm.lists.write" in ask(send).content.decode()
    hub.world.add_token(TOKEN)
    hub.world.make_list("To call", "0-2", "DYNAMIC")
    assert "fills its list “To call” by rules" in ask(send).content.decode()
    hub.world.tokens.clear()
    assert "does not accept the token" in ask(send).content.decode()


def test_without_a_connection_nothing_is_offered(client_list: Any, admin: Any) -> None:
    from sources.models import Connection

    Connection.objects.update(state="paused")
    assert "Send to HubSpot" not in admin.get(f"/lists/{client_list.pk}/").content.decode()
    assert admin.post(f"/connections/lists/{client_list.pk}/send/").status_code == 404
    Connection.objects.update(state="active")
    assert admin.post("/connections/lists/999999/send/").status_code == 404
