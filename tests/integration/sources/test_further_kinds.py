"""Further kinds through runs: off until a person switches them on, and what each brings, changes and takes back."""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.sources.conftest import ANSWERS

CLIENT = 70_001
EUR = {"value": "EUR"}


def at(day: str, hour: int = 10) -> datetime:
    return datetime.fromisoformat(f"{day}T{hour:02}:00").replace(tzinfo=UTC)


@pytest.fixture
def start(hub: Any, connect: Any, sync: Any) -> Any:
    """Connect with further kinds on since the day of the test, and write the first import."""

    def run(*kinds: str, **answers: dict[str, Any]) -> Any:
        more = {
            "guards": {"points_percent": 100},
            "more": dict.fromkeys(kinds, "2026-11-23"),
            "answers": ANSWERS["answers"]
            | {f"{kind}.currency": EUR for kind in kinds if kind != "cancellations"}
            | answers,
        }
        assert connect(ANSWERS | more)[0] == 0
        report = sync("--commit")
        assert report["state"] in ("committed", "nothing new"), report  # the latter when it was connected before
        return hub

    return run


def mrr() -> dict[tuple[str, str], str]:
    from clients.models import MrrMonth

    rows = MrrMonth.objects.values_list("client__client_id", "month", "mrr", "currency")
    return {(client, f"{month:%Y-%m}"): f"{value} {currency}" for client, month, value, currency in rows}


def test_mrr_by_month_is_never_carried_over(hub: Any, start: Any, sync: Any) -> None:
    name = "hs_total_subscription_mrr"
    hub.world.write_history("partner_clients", CLIENT, name, [(at("2026-08-20"), "100"), (at("2026-10-05"), "140.00")])
    hub.world.change("partner_clients", CLIENT + 1, touched=False, versioned=False, **{name: "55"})
    start("mrr_history")
    first = {("70001", "2026-08"): "100.00 EUR", ("70001", "2026-09"): "100.00 EUR", ("70001", "2026-10"): "140.00 EUR",
             ("70001", "2026-11"): "140.00 EUR", ("70002", "2026-11"): "55.00 EUR"}  # fmt: skip
    assert mrr() == first
    hub.world.change("partner_clients", CLIENT, touched=False, **{name: "150"})
    assert sync()["changed"] == 0  # not by what changed
    assert sync("--full")["changed"] == 1
    assert mrr() == first | {("70001", "2026-11"): "150.00 EUR"}
    hub.time.sleep(45 * 86400)  # no run in December
    assert sync("--full")["state"] == "committed"
    january = {("70001", "2027-01"): "150.00 EUR", ("70002", "2027-01"): "55.00 EUR"}
    assert mrr() == first | {("70001", "2026-11"): "150.00 EUR"} | january


def renewals() -> dict[str, tuple[str, str, str, str]]:
    from renewals.models import Renewal

    return {
        f"{row.renews_on}": (row.product_line, f"{row.current_mrr} {row.renewal_mrr}", row.status, row.renewal_manager)
        for row in Renewal.objects.filter(client__client_id=str(CLIENT))
    }


def test_a_renewal_that_moves_closes_the_earlier_one(hub: Any, start: Any, sync: Any) -> None:
    def change(**properties: str) -> dict[str, Any]:
        hub.world.change("partner_clients", CLIENT, touched=False, **properties)
        report: dict[str, Any] = sync("--full")
        return report

    hub.world.change(
        "partner_clients", CLIENT, hs_next_renewal_date="2027-02-01", hs_total_subscription_mrr="100", hs_renewal_mrr="110",
        hs_success_owner_name="Rosa",
    )  # fmt: skip
    hub.world.change(
        "partner_clients", CLIENT + 1, hs_sales_hub_renewal_date="2027-05-01", hs_service_hub_renewal_date="2026-01-01",
        hs_total_subscription_mrr="10",
    )  # fmt: skip
    manager = {"property": "hs_success_owner_name"}
    start("renewals", **{"renewals.product_line": {"value": "All products"}, "renewals.renewal_manager": manager})
    assert renewals() == {"2027-02-01": ("All products", "100.00 110.00", "pending", "Rosa")}
    from renewals.models import Renewal

    assert f"{Renewal.objects.get(client__client_id='70002').renews_on}" == "2027-05-01"
    assert change(hs_cancellation_products="Sales Hub")["changed"] == 1
    assert renewals()["2027-02-01"][2] == "cancellation_requested"
    moved = change(hs_next_renewal_date="2028-02-01", hs_total_subscription_mrr="120", hs_cancellation_products="")
    assert (moved["added"], moved["changed"], moved["withdrawn"]) == (1, 1, 0)
    assert renewals() == {
        "2027-02-01": ("All products", "100.00 110.00", "renewed", "Rosa"),
        "2028-02-01": ("All products", "120.00 110.00", "pending", "Rosa"),
    }
    earlier = change(hs_next_renewal_date="2027-12-01")  # the day was wrong: nothing was renewed
    assert (earlier["added"], earlier["changed"], earlier["withdrawn"]) == (1, 0, 1)
    assert set(renewals()) == {"2027-02-01", "2027-12-01"}


@pytest.fixture
def points(command: Any, capsys: Any) -> Any:
    """Managed points and all points today; the ledger agrees with the facts."""
    import json

    def read() -> tuple[Decimal, Decimal]:
        assert command("verify_ledger")[0] == 0
        capsys.readouterr()
        command("figures", "--on", "2026-11-23")
        found = json.loads(capsys.readouterr().out)["points"]
        return Decimal(found["managed"]), Decimal(found["total"])

    return read


def queries_of(admin: Any, page: str) -> int:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as queries:
        assert admin.get(page).status_code == 200
    return len(queries)


def services() -> list[str]:
    from clients.models import Service

    rows = Service.objects.order_by("started_on")
    return [f"{row.client.client_id} {row.started_on} {row.ended_on} {row.mrr} {row.managing_partners}" for row in rows]


@pytest.fixture
def confirm(admin: Any, eastwind: Any) -> Any:
    """Choose proposals, have a worker compute what confirming them does, confirm them, and return the page in between."""
    from sources.models import KindPreview
    from sources.tasks import preview_kind

    def run(page: str, meanwhile: Any = None, **chosen: Any) -> str:
        effect = f"{page}effect/"
        assert admin.post(page, {"do": "effect", **chosen})["Location"] == effect
        assert "Waiting to start" in admin.get(effect).content.decode()
        assert admin.post(effect)["Location"] == effect  # not before it was seen
        assert preview_kind(eastwind.pk, KindPreview.objects.get().pk) is True
        shown: str = admin.get(effect).content.decode()
        if meanwhile:
            meanwhile()
        admin.post(effect, {"seen": re.search(r'name="seen" value="(\w+)"', shown)[1]})
        return shown

    return run


def test_services_are_proposed_and_confirmed(
    hub: Any, start: Any, sync: Any, admin: Any, points: Any, confirm: Any
) -> None:
    from sources.models import Connection, Proposal

    name = "hs_split_managed_mrr"
    versions = [
        (at("2025-03-01"), "100"),
        (at("2025-09-01"), "200"),
        (at("2026-02-01"), "0"),
        (at("2026-05-01"), "300"),
    ]
    hub.world.write_history("partner_clients", CLIENT, name, versions)
    start("services")
    assert services() == []
    assert points()[0] == 0
    page = f"/connections/{Connection.objects.get().pk}/proposals/services/"
    text = admin.get(page).content.decode()
    assert "300.00 EUR a month since 1 May 2026" in text
    by_day = {row.row["Started on"]: row.pk for row in Proposal.objects.all()}
    assert list(by_day) == ["2025-03-01", "2025-09-01", "2026-05-01"]
    more = [
        Proposal(
            partner_id=row.partner_id,
            connection=row.connection,
            kind="services",
            key=f"{row.key}-{n}",
            client_id="70002",
            row=row.row,
        )
        for row in Proposal.objects.all()
        for n in range(3)
    ]
    before = queries_of(admin, page)
    made = Proposal.objects.bulk_create(more)
    assert queries_of(admin, page) == before
    Proposal.objects.filter(pk__in=[row.pk for row in made]).delete()
    effect = confirm(page, row=[by_day["2026-05-01"], by_day["2025-03-01"]])
    assert "Confirm 2 proposals?" in effect
    assert services() == []
    admin.post(page, {"do": "reject", "row": [by_day["2025-09-01"]]})
    run = sync()
    assert (run["kind"], run["state"], run["added"]) == ("full", "committed", 2), run
    assert services() == ["70001 2025-03-01 2025-09-01 100.00 1", "70001 2026-05-01 None 300.00 1"]
    managed, total = points()
    assert managed > 0
    assert f"{total:,.2f} after" in effect
    # It ends: that too a person confirms. What was rejected stays rejected.
    hub.world.change("partner_clients", CLIENT, touched=False, **{name: "250"})
    assert sync("--full")["state"] == "nothing new"
    assert "You confirmed: 300.00 EUR a month since 1 May 2026" in admin.get(page).content.decode()
    assert Proposal.objects.filter(waits=True).count() == 2
    confirm(page, all="yes")
    assert (lambda run: (run["added"], run["changed"]))(sync("--full")) == (1, 1)
    assert services()[1:] == ["70001 2026-05-01 2026-11-23 300.00 1", "70001 2026-11-23 None 250.00 1"]
    # Taken back: withdrawn with its points, and not proposed again.
    latest = Proposal.objects.get(row__contains={"Started on": "2026-11-23"})
    admin.post(page, {"do": "reject", "row": [latest.pk]})
    assert sync("--full")["withdrawn"] == 1
    assert len(services()) == 2
    assert sync("--full")["state"] == "nothing new"


def test_a_lost_preview_is_made_later_and_what_was_not_seen_is_not_confirmed(
    hub: Any, start: Any, admin: Any, confirm: Any, eastwind: Any
) -> None:
    from datetime import timedelta

    from partner_portal.lib.dates.clock import now
    from sources import previews
    from sources.models import Connection, KindPreview, Proposal

    hub.world.write_history("partner_clients", CLIENT, "hs_split_managed_mrr", [(at("2026-05-01"), "300")])
    start("services")
    page = f"/connections/{Connection.objects.get().pk}/proposals/services/"
    admin.post(page, {"do": "effect", "all": "yes"})
    assert previews.retry_unfinished(partner=eastwind) == []
    KindPreview.objects.update(asked_at=now() - timedelta(minutes=4))
    assert previews.retry_unfinished(partner=eastwind) == [KindPreview.objects.get().pk]
    KindPreview.objects.update(asked_at=now() - timedelta(minutes=16))
    assert previews.retry_unfinished(partner=eastwind) == []
    assert "The portal could not get to it." in admin.get(f"{page}effect/").content.decode()

    def meanwhile() -> None:
        row = Proposal.objects.get()
        row.row |= {"MRR": "900.00"}
        row.save()

    confirm(page, meanwhile=meanwhile, all="yes")
    assert Proposal.objects.get().state == "open"
    assert "Some of them have changed since." in admin.get(f"{page}effect/").content.decode()
    confirm(page, all="yes")
    assert (Proposal.objects.get().state, KindPreview.objects.count()) == ("confirmed", 0)
    assert admin.get(f"{page}effect/")["Location"] == page


def test_rejections_outlive_a_connection_to_the_same_account(
    hub: Any, start: Any, sync: Any, admin: Any, connect: Any
) -> None:
    from sources.models import Connection, Proposal

    versions = [(at("2025-03-01"), "100"), (at("2026-05-01"), "300")]
    hub.world.write_history("partner_clients", CLIENT, "hs_split_managed_mrr", versions)
    start("services")
    states = Proposal.objects.order_by("row__MRR").values_list("state", "waits")

    def decide(do: str, mrr: str) -> None:
        [number] = Proposal.objects.filter(connection=live(), row__MRR=mrr).values_list("pk", flat=True)
        admin.post(f"/connections/{live().pk}/proposals/services/", {"do": do, "row": [number]})

    def live() -> Any:
        return Connection.objects.exclude(state="disconnected").get()

    def again() -> list[tuple[str, bool]]:
        admin.post(f"/connections/{live().pk}/disconnect/", {"as_files": "yes"})
        start("services")
        return list(states.filter(connection=live()))

    decide("reject", "100.00")
    assert again() == [("rejected", False), ("open", True)]
    assert Proposal.objects.filter(connection=live(), state="rejected").get().decided_by is not None
    decide("reconsider", "100.00")
    assert again() == [("open", True), ("open", True)]
    decide("reject", "300.00")
    hub.world.account_id = 4567
    assert again() == [("open", True), ("open", True)]  # of another account


def test_many_are_rejected_with_as_many_queries_as_one(
    hub: Any, start: Any, sync: Any, admin: Any, confirm: Any
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from sources.models import ConnectedRow, Connection, Proposal

    versions = [(at(f"2025-{month:02}-01"), f"{month}00") for month in range(1, 9)]
    hub.world.write_history("partner_clients", CLIENT, "hs_split_managed_mrr", versions)
    start("services")
    page = f"/connections/{Connection.objects.get().pk}/proposals/services/"
    confirm(page, all="yes")
    assert sync()["added"] == 8
    numbers = list(Proposal.objects.order_by("pk").values_list("pk", flat=True))
    counts = []
    for chosen in (numbers[:1], numbers[1:7]):
        with CaptureQueriesContext(connection) as queries:
            admin.post(page, {"do": "reject", "row": chosen})
        counts.append(len(queries))
    assert counts[0] == counts[1]
    assert ConnectedRow.objects.filter(kind="services", gone=True).count() == 7


def test_cancellations_are_proposed(hub: Any, start: Any, sync: Any, admin: Any, points: Any, confirm: Any) -> None:
    from clients.models import Cancellation
    from sources.models import Connection, Proposal

    hub.world.write_history(
        "partner_clients", CLIENT, "hs_marketing_hub_edition", [(at("2025-01-01"), "pro"), (at("2026-09-01"), "")]
    )
    start("cancellations")
    before = points()[1]
    page = f"/connections/{Connection.objects.get().pk}/proposals/cancellations/"
    effect = confirm(page, all="yes")
    assert "Marketing Hub cancelled on 1 Sep 2026" in effect
    assert sync("--full")["added"] == 1
    [row] = Cancellation.objects.all()
    assert (row.client.client_id, row.product_line, f"{row.cancelled_on}") == ("70001", "Marketing Hub", "2026-09-01")
    after = points()[1]
    assert after < before
    assert f"{after:,.2f} after" in effect
    admin.post(page, {"do": "reject", "row": [Proposal.objects.get().pk]})
    assert sync("--full")["withdrawn"] == 1
    assert points()[1] == before


def test_a_kind_is_previewed_switched_on_and_off(hub: Any, connect: Any, sync: Any, admin: Any, eastwind: Any) -> None:
    from accounts.models import AuditEvent
    from clients.models import MrrMonth
    from sources.models import ConnectedRow, Connection, KindPreview
    from sources.tasks import preview_kind

    hub.world.write_history(
        "partner_clients", CLIENT, "hs_total_subscription_mrr", [(at("2026-09-20"), "100"), (at("2026-10-05"), "140")]
    )
    connect()
    sync("--commit")
    pk = Connection.objects.get().pk
    page, kind = f"/connections/{pk}/", f"/connections/{pk}/kinds/mrr_history/"
    assert "More from HubSpot" in admin.get(page).content.decode()
    assert "In which currency is a client’s MRR?" in admin.get(kind).content.decode()
    assert admin.post(kind, {"do": "on"}).status_code == 302
    assert "more" not in Connection.objects.get().answers  # not before it was seen
    answer = {"mrr_history.currency": "=", "mrr_history.currency-value": "EUR"}
    assert admin.post(kind, answer | {"do": "preview"}).status_code == 302
    assert "Waiting to start" in admin.get(kind).content.decode()
    assert preview_kind(eastwind.pk, KindPreview.objects.get().pk) is True
    assert preview_kind(eastwind.pk, KindPreview.objects.get().pk) is False
    text = admin.get(kind).content.decode()
    assert "<dd>3</dd>" in text.replace("\n", "").replace("  ", "")
    assert "<td>2026-10</td>" in text
    assert not MrrMonth.objects.exists()
    assert admin.post(kind, {"do": "on"}).status_code == 302
    assert sync()["state"] == "waits"
    assert sync("--commit")["state"] == "committed"
    assert MrrMonth.objects.count() == 3
    assert ConnectedRow.objects.filter(kind="mrr_history").count() == 3
    assert "HubSpot" in admin.get(f"/imports/rows/mrr_history/{MrrMonth.objects.first().pk}/").content.decode()
    assert admin.post(kind, {"do": "off"}).status_code == 302
    hub.world.change("deals", 900_000_001, dealname="Renamed")
    assert sync()["state"] == "committed"  # nothing new is read without it, so nothing waits
    assert MrrMonth.objects.count() == 3
    assert not ConnectedRow.objects.filter(kind="mrr_history").exists()
    events = AuditEvent.objects.filter(action__startswith="connection.kind_").values_list("action", flat=True)
    assert sorted(events) == ["connection.kind_off", "connection.kind_on", "connection.kind_previewed"]
    # Saving the other questions leaves it on.
    from tests.integration.sources.test_connection_pages import questions_form

    currency = {"mrr_history.currency": EUR}
    connect(ANSWERS | {"more": {"mrr_history": "2026-11-23"}, "answers": ANSWERS["answers"] | currency})
    words = {f"deals.origin-word-{number}": word for number, word in enumerate(("sourced", "assisted", "none"))}
    assert admin.post(f"{page}questions/", questions_form(do="save") | words | answer).status_code == 302
    assert Connection.objects.get().answers["more"] == {"mrr_history": "2026-11-23"}
