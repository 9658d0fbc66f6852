"""Answers of the fixed addresses: the figures of docs/contract.md, in the same shapes."""

from datetime import date

from django.utils.translation import gettext as _

from accounts.scope import Scope
from api.rows import InvalidQueryError
from commissions.queries import statement_summaries
from dashboard import front_page_text
from dashboard.figures import (
    TargetFigures,
    changes_figures,
    forecast_figures,
    retention_figures,
    rule_set_figure,
    statement_figures,
    target_figures,
    tier_figures,
    twelve_month_figures,
)  # fmt: skip
from ledger.forms import RangeForm
from ledger.queries import changes
from partner_portal.lib.rows.providers import data_as_of
from program.terms import MONEY_METRICS
from sources.queries import summaries
from tiers.queries import tier_standing
from tiers.rules import ReviewOutlook, TierGap

EARLIEST = date(2000, 1, 1)


class ChangesForm(RangeForm):
    """`range`, or `from` and `to`."""

    range_prefix = ""


def day_of(scope: Scope, text: str | None) -> date:
    """Parse a day; None is today. Raises InvalidQueryError for an invalid day, a future one, or one before EARLIEST."""
    if text is None:
        return scope.today
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise InvalidQueryError(_("“%(value)s” is not a date.") % {"value": text[:40]}) from error
    if day > scope.today:
        raise InvalidQueryError(_("%(day)s is ahead of today, %(today)s.") % {"day": day, "today": scope.today})
    if day < EARLIEST:
        raise InvalidQueryError(_("The portal looks back to %(day)s, no further.") % {"day": EARLIEST})
    return day


def as_of(scope: Scope) -> str | None:
    """When facts last came in, in ISO format; None before any did."""
    at = data_as_of(scope)
    return at.isoformat(timespec="seconds") if at else None


def progress(scope: Scope, day: date) -> dict[str, object]:
    """Points, tiers and targets at the end of the day, and the outcome of the next review if nothing else happens."""
    now = tier_standing(scope, day)
    return {
        "partner": scope.partner.slug,
        "on": day.isoformat(),
        "as_of": as_of(scope),
        "rule_set": rule_set_figure(now),
        "points": now.points.as_texts(),
        "tiers": tier_figures(scope, now),
        "targets": [_target(target, scope) for target in now.targets],
        "review": _review(now.outlook) if now.outlook else None,
        **(twelve_month_figures(scope, day) if scope.may_see_money else {}),
        "retention": retention_figures(scope, day),
    }


def _target(target: TierGap, scope: Scope) -> TargetFigures:
    """The figures of a target. Amounts of money are left out for roles that may not see them, as on the pages."""
    figures = target_figures(target)
    if not scope.may_see_money:
        for requirement in figures["requirements"]:
            if requirement["metric"] in MONEY_METRICS:
                del requirement["have"], requirement["missing"]
    return figures


def _review(outlook: ReviewOutlook) -> dict[str, object]:
    return {
        "on": outlook.review.on.isoformat(),
        "before": outlook.before.tier,
        "after": outlook.after,
        "effect": front_page_text.review_effect(outlook),
        "reason": front_page_text.review_reason(outlook),
        "readings": [
            {
                "on": reading.on.isoformat(),
                "performance": reading.performance,
                "met": reading.met,
                "to_come": reading.to_come,
            }
            for reading in outlook.readings
        ],
    }


def changes_of(scope: Scope, query: dict[str, str]) -> dict[str, object]:
    """Tier point changes of a range. Raises InvalidQueryError for an invalid range, a future one, or one before EARLIEST."""
    for name in ("from", "to"):
        if name in query:
            day_of(scope, query[name])
    if "range" in query and {"from", "to"} & query.keys():
        raise InvalidQueryError(_("Give either a named range or two days."))
    form = ChangesForm(query, scope=scope)
    form.is_valid()
    if form.problems:
        raise InvalidQueryError(*form.problems)
    period = form.cleaned_data["period"]
    if period.last > scope.today:
        raise InvalidQueryError(_("%(day)s is ahead of today, %(today)s.") % {"day": period.last, "today": scope.today})
    return {"partner": scope.partner.slug, **changes_figures(changes(scope, period))}


def forecast(scope: Scope, day: date) -> dict[str, object]:
    """Points that expire by month, as forecast on the day."""
    return {"partner": scope.partner.slug, "on": day.isoformat(), "forecast": forecast_figures(scope, day)}


def statements(scope: Scope) -> dict[str, object]:
    """Every commission statement, by period."""
    summaries = sorted(statement_summaries(scope), key=lambda summary: (summary.period, summary.statement_id))
    return {"partner": scope.partner.slug, "statements": [statement_figures(summary) for summary in summaries]}


def connections(scope: Scope) -> dict[str, object]:
    """The partner's live connections."""
    return {"partner": scope.partner.slug, "connections": [row.as_data() for row in summaries(scope)]}
