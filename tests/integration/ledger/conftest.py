"""A partner of its own for tests that make their facts by hand."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

D = date.fromisoformat


class Workshop:
    """Makes and changes facts of one fresh partner and posts them, with the clock on any day."""

    def __init__(self, partner: Any) -> None:
        self.partner = partner
        self.day = D("2026-11-23")

    @property
    def scope(self) -> Any:
        from accounts.scope import system_scope
        from partner_portal.lib.dates import clock

        with clock.moved_to(self.day):
            return system_scope(self.partner)

    def client(self, client_id: str = "C1", country: str = "US") -> Any:
        from clients.models import Client

        return Client.objects.get_or_create(
            partner=self.partner,
            client_id=client_id,
            defaults={"name": f"Client {client_id}", "country": country, "currency": "USD"},
        )[0]

    def deal(self, deal_id: str, closed_on: str | None, mrr: str = "1000", client: str = "C1", **values: Any) -> Any:
        from clients.models import Deal

        closed = D(closed_on) if closed_on else None
        return Deal.objects.update_or_create(
            partner=self.partner,
            deal_id=deal_id,
            defaults={
                "client": self.client(client),
                "name": deal_id,
                "product_line": "Sales Hub",
                "kind": "new",
                "origin": "sourced",
                "stage": "won" if closed else "open",
                "mrr": Decimal(mrr),
                "currency": "USD",
                "created_on": closed or self.day,
                "closed_on": closed,
                "registered": False,
            }
            | values,
        )[0]

    def service(
        self, started_on: str, ended_on: str | None = None, mrr: str = "1000", client: str = "C1", partners: int = 1
    ):
        from clients.models import Service

        return Service.objects.update_or_create(
            partner=self.partner,
            client=self.client(client),
            started_on=D(started_on),
            defaults={
                "ended_on": D(ended_on) if ended_on else None,
                "mrr": Decimal(mrr),
                "currency": "USD",
                "managing_partners": partners,
            },
        )[0]

    def cancel(self, on: str, line: str = "", client: str = "C1") -> Any:
        from clients.models import Cancellation

        return Cancellation.objects.get_or_create(
            partner=self.partner, client=self.client(client), product_line=line, cancelled_on=D(on)
        )[0]

    def post(self, on: str | None = None, batch: int = 1) -> Any:
        """Post every client, as an import would."""
        from ledger.services import post

        if on:
            self.day = D(on)
        return post(scope=self.scope, client_ids=None, batch_id=batch)

    def catch_up(self, on: str) -> Any:
        from ledger.services import catch_up

        self.day = D(on)
        return catch_up(scope=self.scope)

    def points(self, on: str | None = None) -> Any:
        from ledger.queries import points_on

        return points_on(self.scope, D(on) if on else self.day)

    def entries(self) -> list[tuple[Any, ...]]:
        """Every entry as (day, track, cause, points, is a reversal), oldest id first."""
        from ledger.models import PointEntry

        rows = PointEntry.objects.filter(partner=self.partner).order_by("id")
        return [(str(row.on), row.track, row.cause, row.points, row.reverses_id is not None) for row in rows]

    def wrong(self) -> list[str]:
        from ledger.verification import discrepancies

        return list(discrepancies(self.scope))


@pytest.fixture
def workshop(db: None) -> Callable[[], Workshop]:
    from accounts.models import Partner
    from accounts.scope import set_tenant

    partner = Partner.objects.create(slug="workshop", name="Workshop")
    set_tenant(partner.pk)
    return Workshop(partner)
