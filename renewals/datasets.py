"""Dataset of renewals, behind every figure about them."""

from datetime import date

from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from clients.pipeline import valued_by
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rows.datasets import Column, Dataset, Kind, Params, Row, register
from program.caching import cached_answer
from program.labels import METRIC_TEXTS, labels
from program.terms import RenewalStatus
from renewals.forms import DECISIONS, RenewalsForm
from renewals.queries import DECIDED, RenewalRow, renewal_rows, renewals_of_page

MONEY = Permission.VIEW_MONEY


def as_row(renewal: RenewalRow) -> dict[str, object]:
    """A renewal as a row of the dataset."""
    impact = renewal.impact
    return {
        "pk": renewal.pk, "client_pk": renewal.client_pk, "client_id": renewal.client_id, "client": renewal.client,
        "product_line": renewal.product_line, "renews_on": renewal.renews_on, "days": renewal.days, "deadline": renewal.deadline,
        "deadline_days": renewal.deadline_days, "status": renewal.status, "current_mrr": renewal.current_mrr,
        "renewal_mrr": renewal.renewal_mrr, "change": renewal.change, "currency": renewal.currency,
        "current_usd": renewal.current_usd, "renewal_usd": renewal.renewal_usd, "change_usd": renewal.change_usd,
        "stake": renewal.stake, "stake_sold": renewal.stake_sold, "stake_managed": renewal.stake_managed,
        "review": impact.review if impact else None,
        "tier_with": (impact.with_tier or str(_("Untiered"))) if impact else None,
        "tier_without": (impact.without_tier or str(_("Untiered"))) if impact else None,
        "gap_with": impact.gap_with if impact else None, "gap_without": impact.gap_without if impact else None,
        "fails": ", ".join(str(METRIC_TEXTS[metric].name) for metric in impact.fails) if impact else "",
        "falls": bool(impact and impact.falls),
        "last_active_employee": renewal.last_active_employee, "last_active_on": renewal.last_active_on,
        "manager": renewal.manager, "manager_email": renewal.manager_email,
    }  # fmt: skip


def _is_shown(row: Row, show: str, period: Period) -> bool:
    if show in {"dated", "decided", "open"}:
        return row["renews_on"] in period and (show == "dated" or (row["status"] in DECIDED) == (show == "decided"))
    if show == "overdue":
        return bool(row["days"] < 0 and row["status"] != RenewalStatus.RENEWED)
    if show in {"undecided", "late"}:
        return bool(row["status"] == RenewalStatus.PENDING and (row["deadline_days"] < 0) == (show == "late"))
    return show != "tier" or bool(row["falls"])


def _rows(scope: Scope, params: Params) -> list[dict[str, object]]:
    return [
        row
        for row in map(as_row, renewal_rows(scope, params["period"]))
        if (not params["status"] or row["status"] == params["status"])
        and (not params["manager"] or not row["manager"])
        and _is_shown(row, params["show"], params["period"])
    ]


def _describe(scope: Scope, params: Params) -> list[str]:
    filters = []
    if params["period"].last >= scope.today:
        filters.append(str(_("Overdue renewals included")))
    if params["status"]:
        filters.append(str(_("Status: %s")) % labels(RenewalStatus)[params["status"]])
    if params["show"]:
        filters.append(str(DECISIONS[params["show"]]))
    if params["manager"]:
        filters.append(str(_("Renewal manager: not assigned")))
    return filters


register(
    Dataset(
        key="renewals",
        title=_("Renewals"),
        unit=(_("renewal"), _("renewals")),
        permission=Permission.VIEW,
        columns=(
            Column("client", _("Client"), opens_client="client_id"),
            Column("client_id", _("Client id"), default=False),
            Column("product_line", _("Products")),
            Column("renews_on", _("Renews on"), Kind.DATE),
            Column("days", _("Days to renew"), Kind.COUNT),
            Column("deadline", _("Decide by"), Kind.DATE),
            Column("status", _("Status"), choices=labels(RenewalStatus)),
            Column("current_mrr", _("MRR now"), Kind.MONEY, permission=MONEY, currency="currency"),
            Column("renewal_mrr", _("MRR then"), Kind.MONEY, permission=MONEY, currency="currency"),
            Column("change", _("MRR change"), Kind.MONEY, permission=MONEY, currency="currency", default=False),
            Column("currency", _("Currency"), permission=MONEY, default=False),
            Column(
                "current_usd", _("MRR now, points-dollars"), Kind.MONEY, permission=MONEY, total=True, default=False
            ),
            Column(
                "renewal_usd", _("MRR then, points-dollars"), Kind.MONEY, permission=MONEY, total=True, default=False
            ),
            Column("change_usd", _("MRR change, points-dollars"), Kind.MONEY, permission=MONEY, total=True),
            Column("stake", _("Points at stake"), Kind.POINTS, total=True),
            Column("stake_sold", _("Sold points at stake"), Kind.POINTS, total=True, default=False),
            Column("stake_managed", _("Managed points at stake"), Kind.POINTS, total=True, default=False),
            Column("review", _("Review"), Kind.DATE, default=False),
            Column("tier_with", _("Tier with them"), default=False),
            Column("tier_without", _("Tier without them")),
            Column("gap_with", _("To reach the credited tier"), Kind.POINTS, default=False),
            Column("gap_without", _("Missing without them"), Kind.POINTS, default=False),
            Column("fails", _("Requirement that fails"), default=False),
            Column("last_active_employee", _("Last active employee")),
            Column("last_active_on", _("Last active on"), Kind.DATE, default=False),
            Column("manager", _("Renewal manager")),
            Column("manager_email", _("Manager's e-mail"), default=False),
        ),
        rows=_rows,
        form=RenewalsForm,
        order=("renews_on",),
        search=("client", "client_id", "product_line", "manager", "last_active_employee"),
        client="client_pk",
        describe=_describe,
        valued=lambda scope, params: valued_by(scope, date.min, params["period"].last),  # overdue ones are of any day
        cached=cached_answer,
        rows_of=lambda scope, pks: [as_row(row) for row in renewals_of_page(scope, pks)],
    )
)
