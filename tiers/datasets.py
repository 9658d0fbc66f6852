"""Datasets of the rows behind the figures of the tier pages: clients, lots, entries, people and tool usage."""

from collections.abc import Callable, Mapping
from urllib.parse import urlencode

from django.db.models import Case, CharField, Exists, F, OuterRef, Q, QuerySet, Sum, Value, When
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from clients.models import Client
from ledger.datasets import CAUSES, CORRECTIONS, MONEY, TRACKS, WHY, sentence
from ledger.models import DailyPoints, Lot, PointEntry
from ledger.queries import lots_of_day
from ledger.why_sql import why_in_sql
from partner_portal.formats.days import day_text
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.rows.datasets import Column, Dataset, Kind, Params, Row, Rows, Selection, register
from program import markup
from program.caching import cached_answer
from program.labels import label, labels, values
from program.terms import Cause, DealKind, LotState, Track
from tiers.breakdown import EXPIRY_DAYS, BreakdownFilter, breakdown
from tiers.certification import certified_people
from tiers.forms import MARKETS, SOLD, STATES, BreakdownForm, DayForm, EntriesForm, LotsForm
from tiers.tool_usage import tool_use_clients

KINDS = labels(DealKind)


def past_day_text(scope: Scope, params: Params) -> list[str]:
    """The filter text of a past day; empty for today."""
    if params["on"] == scope.today:
        return []
    return [str(_("As it was on %s")) % day_text(params["on"])]


# Points by client


def _opens_entries(track: str) -> Callable[[Row, Selection], str]:
    """The link of a client's points: to the entries that they are the sum of, or to the lots of one kind of deal."""

    def address(row: Row, selection: Selection) -> str:
        if not row.get(track or "total"):
            return ""
        chosen: BreakdownFilter = selection.params["filter"]
        query = {"client": row["client_id"], "track": track or chosen.track, "kind": chosen.kind}
        return _address("tier_lots" if chosen.kind else "tier_entries", query, selection)

    return address


def _opens_expiring(row: Row, selection: Selection) -> str:
    chosen: BreakdownFilter = selection.params["filter"]
    if not row.get("expiring"):
        return ""
    query = {"client": row["client_id"], "within": str(EXPIRY_DAYS), "track": chosen.track, "kind": chosen.kind}
    return _address("tier_expiring", query, selection)


def _address(name: str, query: Mapping[str, str], selection: Selection) -> str:
    on = {"on": selection.query["on"]} if "on" in selection.query else {}
    return f"{reverse(name)}?{urlencode({key: value for key, value in query.items() if value} | on)}"


def _breakdown(scope: Scope, params: Params) -> Rows:
    return breakdown(scope, params["on"], params["filter"])


def _describe_breakdown(scope: Scope, params: Params) -> list[str]:
    chosen = params["filter"]
    filters = past_day_text(scope, params)
    if chosen.track:
        filters.append(str(_("Points: %s")) % TRACKS[chosen.track])
    if chosen.kind:
        filters.append(str(_("Deal type: %s; managed points belong to no deal")) % KINDS[chosen.kind])
    if chosen.market:
        filters.append(str(_("Market type: %s")) % MARKETS[chosen.market])
    if chosen.country:
        filters.append(str(_("Country: %s")) % chosen.country)
    if chosen.show:
        filters.append(str(_("Clients without points") if chosen.show == "none" else _("All clients")))
    return filters


register(
    Dataset(
        key="breakdown",
        title=_("Points breakdown"),
        unit=(_("client"), _("clients")),
        permission=Permission.VIEW,
        columns=(
            Column("client", _("Client"), expression="name", opens_client="client_id"),
            Column("client_id", _("Client id"), default=False),
            Column("country", _("Country")),
            Column("market", _("Market"), choices=MARKETS),
            *(
                Column(track.value, label(track), Kind.POINTS, total=True, opens=_opens_entries(track.value))
                for track in Track
            ),
            Column("total", _("Total"), Kind.POINTS, total=True, opens=_opens_entries("")),
            Column("expiring", _("Expires in 90 days"), Kind.POINTS, total=True, opens=_opens_expiring),
            Column("next_expiry", _("Next expiry"), Kind.DATE),
        ),
        rows=_breakdown,
        form=BreakdownForm,
        order=("-total",),
        figure="total",
        sum_of="total",
        parts=tuple(values(Track)),
        search=("client", "client_id"),
        client="pk",
        describe=_describe_breakdown,
        cached=cached_answer,
    )
)


# Lots and entries of a client


def _lots(scope: Scope, params: Params) -> QuerySet[Lot]:
    day = params["on"]
    ran_out = PointEntry.objects.filter(
        partner=scope.partner,
        lot=OuterRef("pk"),
        cause=Cause.EXPIRED,
        on__lte=day,
        reverses__isnull=True,
        reversed_by__isnull=True,
    )
    lots = lots_of_day(scope, day).annotate(
        state=Case(
            When(Exists(ran_out), then=Value(LotState.EXPIRED)),
            When(left=F("earned"), then=Value(LotState.ACTIVE)),
            When(left__gt=0, then=Value(LotState.PARTLY_LOST)),
            default=Value(LotState.LOST),
            output_field=CharField(),
        )
    )
    if params["client"]:
        lots = lots.filter(client__client_id=params["client"])
    if params["kind"]:
        lots = lots.filter(deal__kind=params["kind"])
    for name in ("state", "track"):
        if params[name]:
            lots = lots.filter(**{name: params[name]})
    if params["sold"]:
        lots = lots.filter(earned_on__gt=add_months(day, -12))
    return lots


def _describe_lots(scope: Scope, params: Params) -> list[str]:
    filters = past_day_text(scope, params)
    if params["client"]:
        filters.append(str(_("Client: %s")) % params["client"])
    if params.get("state"):
        filters.append(str(_("State: %s")) % STATES[params["state"]])
    if params["track"]:
        filters.append(str(_("Track: %s")) % TRACKS[params["track"]])
    if params.get("kind"):
        filters.append(str(_("Deal type: %s")) % KINDS[params["kind"]])
    if params.get("sold"):
        filters.append(str(SOLD[params["sold"]]))
    if params.get("cause"):
        filters.append(str(_("Cause: %s")) % CAUSES[params["cause"]])
    return filters


register(
    Dataset(
        key="client-lots",
        title=_("Points of sales"),
        unit=(_("sale"), _("sales")),
        permission=Permission.VIEW,
        columns=(
            Column("client", _("Client"), expression="client__name", opens_client="client_id"),
            Column("client_id", _("Client id"), expression="client__client_id", default=False),
            Column("deal_id", _("Deal"), expression="deal__deal_id"),
            Column("deal", _("Deal name"), expression="deal__name", default=False),
            Column("product_line", _("Product line"), expression="deal__product_line"),
            Column("kind", _("Kind"), expression="deal__kind", choices=KINDS),
            Column("track", _("Track"), choices=TRACKS, markup=markup.track),
            Column("earned_on", _("Earned on"), Kind.DATE),
            Column("expires_on", _("Expires on"), Kind.DATE),
            Column("state", _("State"), choices=STATES),
            Column("earned", _("Points earned"), Kind.POINTS, total=True),
            Column("points", _("Points left"), Kind.POINTS, expression="left", total=True),
            Column("amount", _("Amount"), Kind.MONEY, "deal__mrr", permission=MONEY, currency="currency"),
            Column("currency", _("Currency"), expression="deal__currency", permission=MONEY, default=False),
            Column(
                "why",
                _("Why"),
                compute=sentence,
                written=lambda scope: why_in_sql("entry__", with_money=scope.may_see_money),
                needs={f"why_{name}": f"entry__{source}" for name, source in WHY.items()}
                | {"why_reverses": "entry__reverses_id"},
            ),
        ),
        rows=_lots,
        form=LotsForm,
        order=("-earned_on",),
        figure="points",
        search=("client", "client_id", "deal_id", "deal", "product_line"),
        client="client_id",
        describe=_describe_lots,
        cached=cached_answer,
    )
)


def _entries(scope: Scope, params: Params) -> QuerySet[PointEntry]:
    entries = PointEntry.objects.filter(partner=scope.partner, on__lte=params["on"])
    if params["client"]:
        entries = entries.filter(client__client_id=params["client"])
    for name in ("track", "cause"):
        if params[name]:
            entries = entries.filter(**{name: params[name]})
    return entries


def _latest(scope: Scope, params: Params, rows: int) -> Q:
    """The days that the latest entries are of, by how many there are a day."""
    if params["client"]:
        return Q()
    days = DailyPoints.objects.filter(partner=scope.partner, on__lte=params["on"])
    for name in ("track", "cause"):
        if params[name]:
            days = days.filter(**{name: params[name]})
    counts = days.values_list("on").annotate(count=Sum("entries")).order_by("-on")[:rows]
    total = 0
    for on, count in counts:
        total += count
        if total >= rows:
            return Q(on__gte=on)
    return Q()


register(
    Dataset(
        key="client-entries",
        title=_("Ledger entries"),
        unit=(_("entry"), _("entries")),
        permission=Permission.VIEW,
        columns=(
            Column("client", _("Client"), expression="client__name", opens_client="client_id"),
            Column("client_id", _("Client id"), expression="client__client_id", default=False),
            Column("on", _("Counts on"), Kind.DATE),
            Column("cause", _("Cause"), choices=CAUSES, markup=markup.cause_tag),
            Column("points", _("Points"), Kind.POINTS, total=True),
            Column("track", _("Track"), choices=TRACKS, markup=markup.track),
            Column("deal_id", _("Deal"), expression="deal__deal_id"),
            Column("expires_on", _("Expires on"), Kind.DATE),
            Column("rule_set", _("Rule set"), Kind.DATE, default=False),
            Column("recorded", _("Recorded on"), Kind.DATE, expression="recorded_at__date", default=False),
            Column("import", _("Import"), Kind.COUNT, expression="batch_id", default=False),
            Column("amount", _("Amount"), Kind.MONEY, permission=MONEY, currency="currency"),
            Column("currency", _("Currency"), permission=MONEY, default=False),
            Column(
                "correction",
                _("Correction"),
                expression=Case(
                    When(reversed_by__isnull=False, then=Value("reversed")),
                    When(reverses__isnull=False, then=Value("reversal")),
                    When(correction=True, then=Value("replacement")),
                    default=Value(""),
                    output_field=CharField(),
                ),
                choices={**CORRECTIONS, "reversed": _("Reversed later")},
                default=False,
            ),
            Column(
                "why",
                _("Why"),
                compute=sentence,
                written=lambda scope: why_in_sql(with_money=scope.may_see_money),
                needs={f"why_{name}": source for name, source in WHY.items()} | {"why_reverses": "reverses_id"},
            ),
        ),
        rows=_entries,
        first_rows=_latest,
        form=EntriesForm,
        order=("-on",),
        figure="points",
        search=("client", "client_id", "deal_id"),
        client="client_id",
        describe=_describe_lots,
        cached=cached_answer,
    )
)


# People and tools


def _people(scope: Scope, params: Params) -> Rows:
    return certified_people(scope, params["on"])


register(
    Dataset(
        key="certified-people",
        title=_("Certified people"),
        unit=(_("person"), _("people")),
        permission=Permission.VIEW,
        columns=(
            Column("person", _("Person")),
            Column("certifications", _("Valid certifications")),
            Column("lapses_on", _("First to lapse on"), Kind.DATE),
            Column("partner_until", _("Partner certification lapses on"), Kind.DATE),
        ),
        rows=_people,
        form=DayForm,
        order=("person",),
        search=("person", "certifications"),
        row="person",
        describe=past_day_text,
    )
)


def _tools(scope: Scope, params: Params) -> QuerySet[Client]:
    return tool_use_clients(scope, params["on"])


register(
    Dataset(
        key="tool-usage",
        title=_("Tool usage"),
        unit=(_("client"), _("clients")),
        permission=Permission.VIEW,
        columns=(
            Column("client", _("Client"), expression="name", opens_client="client_id"),
            Column("client_id", _("Client id"), default=False),
            Column("tool_usage", _("Tools used, last 30 days"), Kind.COUNT),
            Column("last_active_on", _("Last active on"), Kind.DATE),
        ),
        rows=_tools,
        form=DayForm,
        order=("-tool_usage",),
        search=("client", "client_id"),
        client="pk",
        describe=past_day_text,
    )
)
