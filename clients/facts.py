"""Import kinds for clients, deals, services, cancellations, MRR history and certifications (docs/points.md 1)."""

from collections.abc import Callable, Iterator
from datetime import date
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.scope import Scope
from clients.lines import product_lines, register_lines, remark_on_deals, remark_on_line, remark_on_several
from clients.look_alikes import (
    corrected_cancellations,
    corrected_certifications,
    corrected_services,
    same_clients,
    same_deals,
)
from clients.models import Cancellation, Certification, Client, Deal, MrrMonth, Service
from partner_portal.formats.days import day_text
from partner_portal.lib.dates.months import month_end
from partner_portal.lib.rows.column_types import Choice, Country, Currency, Day, Flag, Month, Number, Text, Whole
from partner_portal.lib.rows.facts import Column, FactKind, Finding, Reference, RowCheck, register
from program.labels import values
from program.queries import rulebook
from program.rulebook import UnknownCurrencyError
from program.terms import DealKind, Origin, Stage

if TYPE_CHECKING:
    import pandas as pd

FOR_EVER = date.max


def usable_currencies() -> frozenset[str]:
    """Currencies that any currency table of the programme has an amount for."""
    return frozenset(currency for table in rulebook().currency_tables for currency in table.amounts)


def fixed_amount(day_of: "Callable[[pd.DataFrame], pd.Series]", *columns: str) -> RowCheck:
    """Check that the currency table in force on the row's day has an amount for `currency`.

    day_of: gives each row's day as text, "" for a row whose currency needs no amount.
    """

    def find(scope: Scope, rows: "pd.DataFrame") -> Iterator[Finding]:
        days = day_of(rows)
        rules = rulebook()
        for currency, day in sorted(set(zip(rows["currency"], days, strict=True))):
            if not day:
                continue
            try:
                rules.per_unit(currency, date.fromisoformat(day))
            except UnknownCurrencyError:
                table = rules.currency_table(date.fromisoformat(day))
                wrong = rows.index[(rows["currency"] == currency) & (days == day)]
                message = _("the programme has no fixed amount for %(currency)s on %(day)s") % {
                    "currency": currency,
                    "day": day,
                }
                accepted = ", ".join(sorted(table.amounts))
                yield from (Finding(row, "currency", message, accepted) for row in wrong)

    return RowCheck(("currency", *columns), find)


def _closed_deals_have_a_day(scope: Scope, rows: "pd.DataFrame") -> Iterator[Finding]:
    for row in rows.index[(rows["stage"] != Stage.OPEN) & (rows["closed_on"] == "")]:
        yield Finding(row, "closed_on", _("empty, but the deal is won or lost"), Day().accepted)


def _day_won(rows: "pd.DataFrame") -> "pd.Series":
    return rows["closed_on"].where(rows["stage"] == Stage.WON, "")


def _day_registered(rows: "pd.DataFrame") -> "pd.Series":
    return rows["created_on"].where(rows["registered"] == "true", "")


def _end_of_month(rows: "pd.DataFrame") -> "pd.Series":
    last = {month: month_end(date.fromisoformat(month)).isoformat() for month in rows["month"].unique()}
    return rows["month"].map(last)


def _services_end_after_start(scope: Scope, rows: "pd.DataFrame") -> Iterator[Finding]:
    for row in rows.index[(rows["ended_on"] != "") & (rows["ended_on"] <= rows["started_on"])]:
        started = rows.at[row, "started_on"]
        yield Finding(
            row,
            "ended_on",
            _("not after the service's first day, %(day)s") % {"day": started},
            _("a day after %(day)s, or empty") % {"day": started},
        )


def _services_do_not_overlap(scope: Scope, rows: "pd.DataFrame") -> Iterator[Finding]:
    """Compare with each other and with stored services that no row of the batch replaces.

    The finding is on the service that starts later; when that one is stored, on the batch's row, which can be left out.
    """
    import pandas as pd

    new = rows.loc[(rows["ended_on"] == "") | (rows["ended_on"] > rows["started_on"])]
    new = new.drop_duplicates(["client_id", "started_on"])[["client_id", "started_on", "ended_on"]]
    new = new.assign(row=new.index)
    stored = pd.DataFrame(
        [
            (client, started.isoformat(), ended.isoformat() if ended else "", -1)
            for client, started, ended in Service.objects.filter(
                partner=scope.partner, client__client_id__any=list(new["client_id"].unique())
            ).values_list("client__client_id", "started_on", "ended_on")
        ],
        columns=["client_id", "started_on", "ended_on", "row"],
    )
    both = pd.concat([new, stored], ignore_index=True).drop_duplicates(["client_id", "started_on"])
    both["until"] = both["ended_on"].where(both["ended_on"] != "", FOR_EVER.isoformat())
    both = both.sort_values(["client_id", "started_on"])
    # Days as numbers: the latest end of the services before each one then takes a single pass over all clients.
    started, until = (both[name].str.replace("-", "").astype("int64") for name in ("started_on", "until"))
    before = until.groupby(both["client_id"]).cummax().groupby(both["client_id"]).shift(fill_value=0)
    overlapping = both[both["client_id"].isin(both.loc[started < before, "client_id"])]
    for client, services in overlapping.groupby("client_id", sort=False):
        yield from _overlaps_of(str(client), list(services[["started_on", "until", "row"]].itertuples(index=False)))


def _overlaps_of(client: str, services: list[tuple[str, str, int]]) -> Iterator[Finding]:
    """Findings on one client's services, given by start as (first day, end, row); ISO days compare as text."""
    lasting: tuple[str, str, int] | None = None  # the earlier service that ends last
    for service in services:
        started, until, row = service
        if lasting and started < lasting[1]:
            if row >= 0:
                yield _overlap(row, client, lasting)
            else:
                yield from (
                    _overlap(other[2], client, service)
                    for other in services
                    if other[2] >= 0 and other[0] < started < other[1]
                )
        if lasting is None or until > lasting[1]:
            lasting = service


def _overlap(row: int, client: str, other: tuple[str, str, int]) -> Finding:
    started, until, _row = other
    texts = {
        "client": client,
        "started": day_text(date.fromisoformat(started)),
        "ended": day_text(date.fromisoformat(until)),
    }
    if until == FOR_EVER.isoformat():
        message = _("overlaps the service of client %(client)s that started on %(started)s and has no end") % texts
    else:
        message = _("overlaps the service of client %(client)s from %(started)s to %(ended)s") % texts
    return Finding(row, "started_on", message, _("a day on which no other service of the client is in force"))


CLIENTS = register(
    FactKind(
        key="clients",
        label=gettext_lazy("Clients"),
        model=Client,
        client_field="pk",
        key_columns=("client_id",),
        columns=(
            Column("client_id", Text(key=True), required=True),
            Column("name", Text(), required=True),
            Column("domain", Text()),
            Column("country", Country(), required=True),
            Column("currency", Currency(usable_currencies), required=True),
            Column("crm_url", Text()),
            Column("tool_usage", Whole()),
            Column("last_active_employee", Text()),
            Column("last_active_on", Day()),
        ),
        look_alikes=same_clients,
    )
)

DEALS = register(
    FactKind(
        key="deals",
        label=gettext_lazy("Deals"),
        model=Deal,
        client_field="client",
        key_columns=("deal_id",),
        columns=(
            Column("deal_id", Text(key=True), required=True),
            Column("client_id", Reference("clients"), required=True, field="client"),
            Column("name", Text(), required=True),
            Column("product_line", Text(), required=True, spellings=product_lines),
            Column("kind", Choice(tuple(values(DealKind))), required=True),
            Column("origin", Choice(tuple(values(Origin))), required=True),
            Column("stage", Choice(tuple(values(Stage))), required=True),
            Column(
                "mrr",
                Number(above=0),
                required=True,
                hint=gettext_lazy("for a downgrade the size of the reduction"),
            ),
            Column("currency", Currency(usable_currencies), required=True),
            Column("created_on", Day(), required=True),
            Column("closed_on", Day(), hint=gettext_lazy("required when won or lost")),
            Column("registered", Flag(), required=True, hint=gettext_lazy("yes for a shared deal")),
        ),
        checks=(
            RowCheck(("stage", "closed_on"), _closed_deals_have_a_day),
            fixed_amount(_day_won, "stage", "closed_on"),
            fixed_amount(_day_registered, "registered", "created_on"),
        ),
        after_writing=register_lines,
        remarks=(remark_on_several, remark_on_deals),
        look_alikes=same_deals,
    )
)

SERVICES = register(
    FactKind(
        key="services",
        label=gettext_lazy("Services"),
        model=Service,
        client_field="client",
        key_columns=("client_id", "started_on"),
        columns=(
            Column("client_id", Reference("clients", key=True), required=True, field="client"),
            Column("started_on", Day(), required=True),
            Column("ended_on", Day(last=FOR_EVER)),
            Column("mrr", Number(above=0), required=True),
            Column("currency", Currency(usable_currencies), required=True),
            Column("managing_partners", Whole(least=1), required=True, hint=gettext_lazy("ourselves included")),
        ),
        checks=(
            RowCheck(("started_on", "ended_on"), _services_end_after_start),
            RowCheck(("client_id", "started_on", "ended_on"), _services_do_not_overlap),
            fixed_amount(lambda rows: rows["started_on"], "started_on"),
        ),
        look_alikes=corrected_services,
    )
)

CANCELLATIONS = register(
    FactKind(
        key="cancellations",
        label=gettext_lazy("Cancellations"),
        model=Cancellation,
        client_field="client",
        key_columns=("client_id", "product_line", "cancelled_on"),
        columns=(
            Column("client_id", Reference("clients", key=True), required=True, field="client"),
            Column(
                "product_line",
                Text(key=True),
                hint=gettext_lazy("empty for the whole client"),
                spellings=product_lines,
            ),
            Column("cancelled_on", Day(), required=True),
            Column("reason", Text()),
        ),
        after_writing=register_lines,
        remarks=(remark_on_several, remark_on_line),
        look_alikes=corrected_cancellations,
    )
)

MRR_HISTORY = register(
    FactKind(
        key="mrr_history",
        label=gettext_lazy("MRR history"),
        model=MrrMonth,
        key_columns=("client_id", "month"),
        columns=(
            Column("client_id", Reference("clients", key=True), required=True, field="client"),
            Column("month", Month(), required=True),
            Column("mrr", Number(least=0), required=True),
            Column("currency", Currency(usable_currencies), required=True),
        ),
        checks=(fixed_amount(_end_of_month, "month"),),
    )
)

CERTIFICATIONS = register(
    FactKind(
        key="certifications",
        label=gettext_lazy("Certifications"),
        model=Certification,
        key_columns=("person", "certification", "earned_on"),
        columns=(
            Column("person", Text(key=True), required=True),
            Column("certification", Text(key=True), required=True),
            Column("earned_on", Day(), required=True),
            Column("expires_on", Day(last=FOR_EVER)),
        ),
        look_alikes=corrected_certifications,
    )
)
