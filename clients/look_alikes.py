"""New rows of an import that may be stored ones with a corrected key, for `FactKind.look_alikes` (docs/points.md 13).

A row whose key has a day in it is corrected by a row with another key: both count until the old one is withdrawn.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import models
from django.utils.translation import gettext as _

from accounts.scope import Scope
from clients.models import Cancellation, Certification, Client, Deal, Service
from partner_portal.formats.days import day_text
from partner_portal.lib.collation import search_key
from partner_portal.lib.rows.facts import LookAlike
from program.terms import SALES, Stage

if TYPE_CHECKING:
    import pandas as pd

_CLOSE = timedelta(days=180)  # between two days on which a certification was earned, one of which is a correction


def stored_by(
    rows: models.QuerySet[Any], missing: Collection[int], key: str, *fields: str
) -> dict[str, list[tuple[Any, ...]]]:
    """Rows that an import does not have, by the value of `key`: their primary keys and the fields. One query."""
    stored: dict[str, list[tuple[Any, ...]]] = {}
    wanted = set(missing)
    for pk, value, *values in rows.values_list("pk", key, *fields):
        if pk in wanted:
            stored.setdefault(value, []).append((pk, *values))
    return stored


def of_clients[M: models.Model](model: type[M], scope: Scope, rows: "pd.DataFrame") -> models.QuerySet[M]:
    """The stored rows of the clients that the new rows name."""
    clients = list(rows["client_id"].unique())
    return model._default_manager.filter(partner=scope.partner, client__client_id__in=clients)


def named_rows(rows: "pd.DataFrame") -> Iterator[Any]:
    """The rows with their columns as attributes, and their labels as `Index`."""
    return iter(rows.itertuples())


def nearest[T: Sequence[Any]](candidates: Collection[T], day: date, day_of: Callable[[T], date]) -> T | None:
    """The candidate whose day is nearest; None without any."""
    return min(candidates, key=lambda row: abs(day_of(row) - day), default=None)


def same_clients(scope: Scope, rows: "pd.DataFrame", missing: Collection[int]) -> Iterator[LookAlike]:
    """Clients with the name or the domain of another one."""
    by_text: dict[str, tuple[int, str]] = {}
    for pk, client_id, name, domain in Client.objects.filter(partner=scope.partner).values_list(
        "pk", "client_id", "name", "domain"
    ):
        if pk in missing:
            by_text |= dict.fromkeys(_names(name, domain), (pk, client_id))
    for row in named_rows(rows):
        same = next((by_text[text] for text in _names(row.name, row.domain) if text in by_text), None)
        if same is not None:
            pk, client_id = same
            text = _("client %(client)s has the name or the domain of client %(other)s: the same client?")
            yield LookAlike(row.Index, pk, text % {"client": row.client_id, "other": client_id})


def _names(name: str, domain: str) -> list[str]:
    return [f"name {search_key(name)}", *([f"domain {search_key(domain)}"] if domain else [])]


class _Sale(NamedTuple):
    pk: int
    deal_id: str
    line: str
    kind: str
    mrr: Decimal
    currency: str
    created_on: date
    closed_on: date | None


def same_deals(scope: Scope, rows: "pd.DataFrame", missing: Collection[int]) -> Iterator[LookAlike]:
    """Deals with another id, and the client, the product line, the amount and a day of a stored one."""
    fields = ("deal_id", "product_line", "kind", "mrr", "currency", "created_on", "closed_on")
    stored = stored_by(of_clients(Deal, scope, rows), missing, "client__client_id", *fields)
    for row in named_rows(rows):
        for sale in map(_Sale._make, stored.get(row.client_id, ())):
            same = (sale.line, sale.kind, sale.currency) == (row.product_line, row.kind, row.currency)
            days = {day.isoformat() for day in (sale.created_on, sale.closed_on) if day}
            if same and sale.mrr == Decimal(row.mrr) and days & {row.created_on, row.closed_on}:
                text = _("deal %(deal)s looks like deal %(other)s of the same client: entered again?")
                yield LookAlike(row.Index, sale.pk, text % {"deal": row.deal_id, "other": sale.deal_id})
                break


def corrected_services(scope: Scope, rows: "pd.DataFrame", missing: Collection[int]) -> Iterator[LookAlike]:
    """Services that overlap stored ones of the client."""
    services = of_clients(Service, scope, rows).order_by("started_on")
    stored = stored_by(services, missing, "client__client_id", "started_on", "ended_on")
    for row in named_rows(rows):
        for pk, started, ended in stored.get(row.client_id, ()):
            if not overlap((started, ended), (_day(row.started_on), _day(row.ended_on))):
                continue
            text = _("the service of client %(client)s overlaps the one that began on %(day)s: corrected?")
            yield LookAlike(row.Index, pk, text % {"client": row.client_id, "day": day_text(started)})


def overlap(one: tuple[date | None, date | None], other: tuple[date | None, date | None]) -> bool:
    """Whether two periods, each from a first day until the day before an end (None: no end), have a day in common."""
    (first, end), (other_first, other_end) = one, other
    return (first or date.min) < (other_end or date.max) and (other_first or date.min) < (end or date.max)


def corrected_cancellations(scope: Scope, rows: "pd.DataFrame", missing: Collection[int]) -> Iterator[LookAlike]:
    """Cancellations of what has one on another day already, and was not sold again in between."""
    stored = stored_by(
        of_clients(Cancellation, scope, rows), missing, "client__client_id", "product_line", "cancelled_on"
    )
    if not stored:
        return
    sales: dict[str, list[tuple[str, date]]] = {}
    won = Deal.objects.filter(partner=scope.partner, stage=Stage.WON, kind__in=SALES, closed_on__isnull=False)
    for client, line, on in won.filter(client__client_id__in=list(stored)).values_list(
        "client__client_id", "product_line", "closed_on"
    ):
        if on is not None:
            sales.setdefault(client, []).append((line, on))
    for row in named_rows(rows):
        day = date.fromisoformat(row.cancelled_on)
        same = [other for other in stored.get(row.client_id, ()) if other[1] == row.product_line]
        match = nearest(same, day, lambda other: other[2])
        if match is None:
            continue
        pk, line, on = match
        first, last = sorted((on, day))
        if any(line in ("", sold) and first <= sold_on <= last for sold, sold_on in sales.get(row.client_id, ())):
            continue
        text = (
            _("“%(line)s” of client %(client)s is already cancelled on %(day)s: corrected?")
            if line
            else _("client %(client)s is already cancelled on %(day)s: corrected?")
        )
        yield LookAlike(row.Index, pk, text % {"client": row.client_id, "line": line, "day": day_text(on)})


def corrected_certifications(scope: Scope, rows: "pd.DataFrame", missing: Collection[int]) -> Iterator[LookAlike]:
    """Certifications that their holder has for the same time already; renewed ones begin about when the earlier one ends."""
    held = Certification.objects.filter(partner=scope.partner, person__in=list(rows["person"].unique()))
    stored = stored_by(held, missing, "person", "certification", "earned_on", "expires_on")
    for row in named_rows(rows):
        earned, expires = date.fromisoformat(row.earned_on), _day(row.expires_on)
        same = [
            other
            for other in stored.get(row.person, ())
            if other[1] == row.certification
            and overlap((other[2], other[3]), (earned, expires))
            and (abs(other[2] - earned) < _CLOSE or other[3] == expires)
        ]
        match = nearest(same, earned, lambda other: other[2])
        if match is not None:
            text = _("%(person)s already has “%(certification)s”, earned on %(day)s: corrected?")
            names = {"person": row.person, "certification": row.certification, "day": day_text(match[2])}
            yield LookAlike(row.Index, match[0], text % names)


def _day(text: str) -> date | None:
    return date.fromisoformat(text) if text else None
