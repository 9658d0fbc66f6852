"""Datasets of the ledger: the entries behind the four counters of a range, and the lots that expire."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import Case, CharField, QuerySet, Value, When
from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from ledger.forms import ExpiringForm, ManagedGainForm, ManagedLossForm, SoldGainForm, SoldLossForm
from ledger.models import PointEntry
from ledger.queries import Lots, entries_in, ledger_age, open_lots
from ledger.records import Entry
from ledger.why_sql import why_in_sql
from ledger.why_text import TAKES_BACK, why
from partner_portal.formats.days import day_text, month_text
from partner_portal.lib.dates.months import month_end
from partner_portal.lib.rows.datasets import Column, Dataset, Kind, Params, Row, register
from partner_portal.lib.rows.providers import register_freshness
from program import markup
from program.caching import cached_answer
from program.labels import labels
from program.terms import Cause, DealKind, Direction, Market, Side, Track

MONEY = Permission.VIEW_MONEY
TRACKS = labels(Track)
CAUSES = labels(Cause)
MARKETS = labels(Market)
CORRECTIONS = {"": _("No"), "reversal": _("Reverses an earlier entry"), "replacement": _("Replaces it")}

# Fields of `Entry`, with their lookups from a `PointEntry`.
WHY = {
    "track": "track", "points": "points", "on": "on", "cause": "cause", "deal_id": "deal__deal_id",
    "by_deal_id": "by_deal_id", "expires_on": "expires_on", "before": "before", "lot_points": "lot__points",
    "earned_on": "lot__on", "amount": "amount", "currency": "currency", "per_unit": "per_unit", "rate": "rate",
    "factor": "factor", "partners": "partners", "line_sold_on": "line_sold_on", "share": "share",
    "cancelled_line": "cancelled_line",
}  # fmt: skip


def sentence(row: Row, scope: Scope) -> str:
    """The sentence that explains a row's points; without amounts for readers who may not see money."""
    entry = Entry(**{name: row[f"why_{name}"] for name in WHY})
    if row["why_reverses"] is None:
        return why(entry, with_money=scope.may_see_money)
    reversed_entry = why(entry._replace(points=-entry.points), with_money=scope.may_see_money)
    return str(TAKES_BACK) % reversed_entry


def _entry_columns(side: Side, direction: Direction) -> tuple[Column, ...]:
    lost = direction == Direction.LOST
    sold = side == Side.SOLD
    market = Case(
        When(factor__gt=1, then=Value(Market.GROWTH)), default=Value(Market.STANDARD), output_field=CharField()
    )
    columns = [
        Column("client", _("Client"), expression="client__name", opens_client="client_id"),
        Column("client_id", _("Client id"), expression="client__client_id", default=False),
        Column("on", _("Lost on") if lost else _("Earned on"), Kind.DATE),
        Column("cause", _("Cause"), choices=CAUSES, markup=markup.cause_tag),
        Column("points", _("Points"), Kind.POINTS, total=True),
        Column("track", _("Track"), choices=TRACKS, default=sold, markup=markup.track),
    ]
    if sold:
        columns += [
            Column("deal_id", _("Deal"), expression="deal__deal_id"),
            Column("deal", _("Deal name"), expression="deal__name", under="deal_id"),
            Column("product_line", _("Product line"), expression="deal__product_line", default=False),
            Column("earned_on", _("Earned on"), Kind.DATE, expression="lot__on", default=lost)
            if lost
            else Column("expires_on", _("Expires on"), Kind.DATE),
        ]
    columns += [
        Column("market", _("Market"), expression=market if not (lost and sold) else _lot_market(), choices=MARKETS),
        Column("amount", _("Amount"), Kind.MONEY, _amount(lost and sold), permission=MONEY, currency="currency"),
        Column("currency", _("Currency"), expression=_currency(lost and sold), permission=MONEY, default=False),
        Column("rule_set", _("Rule set"), Kind.DATE, default=False),
        Column(
            "correction", _("Correction"), expression=_correction(), choices=CORRECTIONS, default=False, marks_row=True
        ),
        Column(
            "why",
            _("Why"),
            compute=sentence,
            written=lambda scope: why_in_sql(with_money=scope.may_see_money),
            needs={f"why_{name}": source for name, source in WHY.items()} | {"why_reverses": "reverses_id"},
        ),
    ]
    return tuple(columns)


def _correction() -> Case:
    return Case(
        When(reverses__isnull=False, then=Value("reversal")),
        When(correction=True, then=Value("replacement")),
        default=Value(""),
        output_field=CharField(),
    )


def _lot_market() -> Case:
    return Case(
        When(lot__factor__gt=1, then=Value(Market.GROWTH)), default=Value(Market.STANDARD), output_field=CharField()
    )


def _amount(of_lot: bool) -> str:
    return "lot__amount" if of_lot else "amount"


def _currency(of_lot: bool) -> str:
    return "lot__currency" if of_lot else "currency"


def _rows(side: Side, direction: Direction) -> Callable[[Scope, Params], QuerySet[PointEntry]]:
    def rows(scope: Scope, params: Params) -> QuerySet[PointEntry]:
        entries = entries_in(scope, params["period"]).filter(track__in=side.tracks, cause__in=direction.causes)
        for name in ("track", "cause"):
            if params.get(name):
                entries = entries.filter(**{name: params[name]})
        return entries

    return rows


def _describe(scope: Scope, params: Params) -> list[str]:
    filters = []
    if params.get("track"):
        filters.append(str(_("Track: %s")) % TRACKS[params["track"]])
    if params.get("cause"):
        filters.append(str(_("Cause: %s")) % CAUSES[params["cause"]])
    return filters


FORMS = {
    (Direction.NEW, Side.SOLD): (_("New sold points"), SoldGainForm),
    (Direction.LOST, Side.SOLD): (_("Lost sold points"), SoldLossForm),
    (Direction.NEW, Side.MANAGED): (_("New managed points"), ManagedGainForm),
    (Direction.LOST, Side.MANAGED): (_("Lost managed points"), ManagedLossForm),
}

for (direction, side), (title, form) in FORMS.items():
    register(
        Dataset(
            key=f"changes-{direction}-{side}",
            title=title,
            unit=(_("entry"), _("entries")),
            permission=Permission.VIEW,
            columns=_entry_columns(side, direction),
            rows=_rows(side, direction),
            form=form,
            order=("-on",),
            figure="points",
            sign=-1 if direction == Direction.LOST else 1,
            search=("client", "client_id", "deal_id", "deal") if side == Side.SOLD else ("client", "client_id"),
            client="client_id",
            describe=_describe,
            cached=cached_answer,
        )
    )


def _expiring(scope: Scope, params: Params) -> Lots:
    lots = open_lots(scope, params["on"])
    if params["month"]:
        lots = lots.filter(expires_on__range=(params["month"], month_end(params["month"])))
    if params["within"]:
        lots = lots.filter(expires_on__lte=params["on"] + timedelta(days=params["within"]))
    if params["until"]:
        lots = lots.filter(expires_on__lte=params["until"])
    if params["client"]:
        lots = lots.filter(client__client_id=params["client"])
    if params["kind"]:
        lots = lots.filter(deal__kind=params["kind"])
    if params["track"]:
        lots = lots.filter(track=params["track"])
    return lots


def _describe_expiring(scope: Scope, params: Params) -> list[str]:
    filters = [str(_("If nothing else happens after %s")) % day_text(params["on"])]
    if params["month"]:
        filters.append(month_text(params["month"]))
    if params["within"]:
        last = day_text(params["on"] + timedelta(days=params["within"]))
        filters.append(str(_("Within %(days)s days, to %(last)s")) % {"days": params["within"], "last": last})
    if params["until"]:
        filters.append(str(_("By the review of %s")) % day_text(params["until"]))
    if params["client"]:
        filters.append(str(_("Client: %s")) % params["client"])
    if params["kind"]:
        filters.append(str(_("Deal type: %s")) % labels(DealKind)[params["kind"]])
    if params["track"]:
        filters.append(str(_("Track: %s")) % TRACKS[params["track"]])
    return filters


register(
    Dataset(
        key="expiring",
        title=_("Points that expire"),
        unit=(_("sale"), _("sales")),
        permission=Permission.VIEW,
        columns=(
            Column("client", _("Client"), expression="client__name", opens_client="client_id"),
            Column("client_id", _("Client id"), expression="client__client_id", default=False),
            Column("expires_on", _("Expires on"), Kind.DATE),
            Column("points", _("Points left"), Kind.POINTS, expression="left", total=True),
            Column("earned", _("Points earned"), Kind.POINTS, total=True),
            Column("track", _("Track"), choices=TRACKS, markup=markup.track),
            Column("deal_id", _("Deal"), expression="deal__deal_id"),
            Column("deal", _("Deal name"), expression="deal__name", under="deal_id"),
            Column("product_line", _("Product line"), expression="deal__product_line", default=False),
            Column("earned_on", _("Earned on"), Kind.DATE),
            Column("amount", _("Amount"), Kind.MONEY, "deal__mrr", permission=MONEY, currency="currency"),
            Column("currency", _("Currency"), expression="deal__currency", permission=MONEY, default=False),
        ),
        rows=_expiring,
        form=ExpiringForm,
        order=("expires_on",),
        figure="points",
        search=("client", "client_id", "deal_id", "deal"),
        client="client_id",
        describe=_describe_expiring,
        cached=cached_answer,
    )
)


def _as_of(scope: Scope) -> datetime | None:
    state = ledger_age(scope)
    return state.as_of if state else None


register_freshness(_as_of)
