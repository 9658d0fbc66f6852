"""Pages of complete files and undo: ticks, previews, decisions, what an import changed, where a row comes from."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from tests.integration.imports.conftest import DEALS, FACTS, as_csv, with_cell


@pytest.fixture
def admin(eastwind: Any) -> Any:
    """An admin of Eastwind, who has imported facts of every kind."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import Membership, User
    from accounts.scope import set_tenant

    set_tenant(None)
    user = User.objects.create_user("admin@eastwind.example", "not used here", name="Robin")
    set_tenant(eastwind.pk, user.pk)
    Membership.objects.create(user=user, partner=eastwind, role="admin")
    browser = Client()
    browser.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
    return browser


@pytest.fixture
def upload(admin: Any) -> Callable[..., Any]:
    """Upload kinds with rows; gives the page one lands on."""

    def send(contents: dict[str, Any]) -> Any:
        files = [SimpleUploadedFile(f"{key}.csv", as_csv(key, rows).encode()) for key, rows in contents.items()]
        return admin.post("/imports/", {"files": files}, follow=True)

    return send


@pytest.fixture
def latest(eastwind: Any) -> Callable[[], Any]:
    from accounts.scope import set_tenant
    from imports.models import ImportBatch

    def read() -> Any:
        set_tenant(eastwind.pk)
        return ImportBatch.objects.latest("pk")

    return read


@pytest.fixture
def write(admin: Any, upload: Any, latest: Any) -> Callable[[dict[str, Any]], int]:
    """Upload kinds with rows and write them; gives the number of the import."""

    def send(contents: dict[str, Any]) -> int:
        upload(contents)
        admin.post(f"/imports/{latest().pk}/commit/")
        assert latest().status == "committed"
        return int(latest().pk)

    return send


def text_of(response: Any) -> str:
    from tests.integration.imports.test_import_pages import text_of as text

    return text(response)


def test_a_tick_withdraws_what_a_file_does_not_have(
    admin: Any, upload: Any, write: Any, latest: Any, stored: Any
) -> None:
    write(FACTS)
    assert "The files have all my deals: withdraw what is missing" in text_of(upload({"deals": DEALS[1:]}))
    address = f"/imports/{latest().pk}/"
    seen = text_of(admin.post(f"{address}complete/", {"complete": ["deals"]}, follow=True))
    assert "Deals: 1 of 2 would be withdrawn D1" in seen
    # EUR 880 is 10 units of 5 points
    assert "The withdrawals alone change your points today from 52 to 2" in seen
    assert "Sourced 50 0 −50" in seen
    assert latest().complete == ["deals"]
    assert len(stored()["deals"]) == 2
    seen = text_of(admin.post(f"{address}commit/", follow=True))
    assert "Deals: 1 of 2 withdrawn" in seen
    latest()
    assert [row[0] for row in stored()["deals"]] == ["D2"]


def test_many_withdrawals_are_confirmed_by_their_number(
    admin: Any, upload: Any, write: Any, latest: Any, stored: Any
) -> None:
    write({"clients": FACTS["clients"], "deals": [DEALS[0] | {"deal_id": f"N{number}"} for number in range(12)]})
    upload({"deals": DEALS[:1]})
    address = f"/imports/{latest().pk}/"
    assert "Withdraw 12 rows" in text_of(admin.post(f"{address}complete/", {"complete": ["deals"]}, follow=True))
    seen = text_of(admin.post(f"{address}commit/", {"allowed_withdrawals": "11"}, follow=True))
    assert "Many rows would be withdrawn. Confirm their number first." in seen
    assert latest().status == "checked"
    admin.post(f"{address}commit/", {"allowed_withdrawals": "12"})
    assert latest().status == "committed"
    assert [row[0] for row in stored()["deals"]] == ["D1"]


def test_undo_shows_what_it_does_before_it_does_it(admin: Any, write: Any, latest: Any, stored: Any) -> None:
    write(FACTS)
    facts = stored()
    number = write({"deals": [*with_cell(DEALS, 0, "name", "Renamed"), DEALS[0] | {"deal_id": "D3"}]})
    seen = text_of(admin.post(f"/imports/{number}/undo/", follow=True))
    assert f"Undo of import #{number}" in seen
    assert "Deals 1 1 0" in seen
    assert latest().undoes_id == number
    assert len(stored()["deals"]) == 3, "nothing is undone yet"
    undo = latest().pk
    assert text_of(admin.post(f"/imports/{number}/undo/", follow=True)) == seen, "it waits for a decision"
    assert latest().pk == undo
    admin.post(f"/imports/{undo}/commit/")
    latest()
    assert stored() == facts
    assert f"Undone by #{undo}" in text_of(admin.get("/imports/"))
    seen = text_of(admin.get(f"/imports/{number}/"))
    assert "Undo this import" not in seen
    assert f"It is undone, by import #{undo}" in seen


def test_rows_changed_since_are_named_and_the_rest_is_undone_when_asked(
    admin: Any, write: Any, latest: Any, stored: Any
) -> None:
    write(FACTS)
    number = write({"deals": with_cell(with_cell(DEALS, 0, "name", "Second"), 1, "name", "Second")})
    later = write({"deals": with_cell(DEALS, 0, "name", "Third")[:1]})
    seen = text_of(admin.post(f"/imports/{number}/undo/", follow=True))
    assert "1 row stays as it is" in seen
    assert f"D1 Deals changed again by import #{later}" in seen
    undo = latest().pk
    assert "Some rows were changed since." in text_of(admin.post(f"/imports/{undo}/commit/", follow=True))
    admin.post(f"/imports/{undo}/commit/", {"rest": "on"})
    latest()
    assert [row[2] for row in stored()["deals"]] == ["Third", "Idea"]
    assert f"Partly undone by #{undo}" in text_of(admin.get("/imports/"))


def test_the_undo_is_not_written_when_rows_changed_since_its_preview(admin: Any, write: Any, latest: Any) -> None:
    from imports.models import ImportBatch

    write(FACTS)
    number = write({"deals": with_cell(DEALS, 0, "name", "Second")})
    admin.post(f"/imports/{number}/undo/")
    undo = latest().pk
    write({"deals": with_cell(DEALS, 0, "name", "Third")})
    seen = text_of(admin.post(f"/imports/{undo}/commit/", follow=True))
    assert "Nothing was undone: since the check the stored rows have changed." in seen
    latest()
    assert ImportBatch.objects.get(pk=undo).status == "checked"


def test_what_an_import_changed_row_by_row(admin: Any, write: Any, latest: Any) -> None:
    from clients.models import Deal

    write(FACTS)
    changed = with_cell(with_cell(DEALS, 0, "mrr", "990.50"), 0, "client_id", "C2")
    number = write({"deals": [*changed, DEALS[1] | {"deal_id": "D3"}]})
    write({"deals": with_cell(changed, 0, "mrr", "77")})
    seen = text_of(admin.get(f"/imports/{number}/changes/"))
    assert "2 rows" in seen
    assert "D1 Deals Changed client_id: C1 → C2 mrr: 880.00 → 990.50" in seen
    assert "D3 Deals Added –" in seen
    response = admin.get(f"/imports/{number}/changes.csv")
    rows = list(csv.reader(io.StringIO(b"".join(response.streaming_content).decode("utf-8-sig"))))
    assert rows[1:] == [
        ["deals", "D1", "Changed", "client_id", "C1", "C2"],
        ["deals", "D1", "Changed", "mrr", "880.00", "990.50"],
        ["deals", "D3", "Added", "", "", ""],
    ]
    latest()
    seen = text_of(admin.get(f"/imports/rows/deals/{Deal.objects.get(deal_id='D1').pk}/"))
    assert "Where D1 comes from" in seen
    assert "mrr: 990.50 → 77.00" in seen
    assert admin.get("/imports/rows/deals/999999/").status_code == 404
    assert admin.get("/imports/rows/nothing/1/").status_code == 404
