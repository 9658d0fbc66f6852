"""What the fixed addresses answer with: the figures of docs/contract.md, in the same shapes."""

from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from accounts.scope import Scope
from api.rows import UnusableError
from commissions.queries import statement_summaries
from dashboard import words
from dashboard.figures import (
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
from partner_portal.lib.rows.datasets import data_as_of
from program.terms import MONEY_METRICS
from tiers.queries import tier_standing
from tiers.rules import ReviewOutlook, TierGap

EARLIEST = date(2000, 1, 1)


class ChangesForm(RangeForm):
    """`range`, or `from` and `to`."""

    range_prefix = ""


def day_of(scope: Scope, text: str | None) -> date:
    """The day that was asked for, today without one. Raises UnusableError for none, one ahead, or one out of reach."""
    if text is None:
        return scope.today
    try:
        day = date.fromisoformat(text)
    except ValueError as error:
        raise UnusableError(_("“%(value)s” is no day of the calendar.") % {"value": text[:40]}) from error
    if day > scope.today:
        raise UnusableError(_("%(day)s is ahead of today, %(today)s.") % {"day": day, "today": scope.today})
    if day < EARLIEST:
        raise UnusableError(_("The portal looks back to %(day)s, no further.") % {"day": EARLIEST})
    return day


def as_of(scope: Scope) -> str | None:
    """When facts last came in."""
    at = data_as_of(scope)
    return at.isoformat(timespec="seconds") if at else None


def progress(scope: Scope, day: date) -> dict[str, Any]:
    """Where the partner stands at the end of the day, and what the next review does if nothing else happens."""
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


def _target(target: TierGap, scope: Scope) -> dict[str, Any]:
    """The target; how much money there is and is missing only for those who may see it, as on the pages."""
    found = target_figures(target)
    if not scope.may_see_money:
        for need in found["requirements"]:
            if need["metric"] in MONEY_METRICS:
                del need["have"], need["missing"]
    return found


def _review(outlook: ReviewOutlook) -> dict[str, Any]:
    return {
        "on": outlook.review.on.isoformat(),
        "before": outlook.before.tier,
        "after": outlook.after,
        "effect": words.review_effect(outlook),
        "reason": words.review_reason(outlook),
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


def changes_of(scope: Scope, asked: dict[str, str]) -> dict[str, Any]:
    """Tier point changes of a range. Raises UnusableError for a range that is none, is ahead or out of reach."""
    for name in ("from", "to"):
        if name in asked:
            day_of(scope, asked[name])
    if "range" in asked and {"from", "to"} & asked.keys():
        raise UnusableError(_("Give either a named range or two days."))
    form = ChangesForm(asked, scope=scope)
    form.is_valid()
    if form.problems:
        raise UnusableError(*form.problems)
    period = form.cleaned_data["period"]
    if period.last > scope.today:
        raise UnusableError(_("%(day)s is ahead of today, %(today)s.") % {"day": period.last, "today": scope.today})
    return {"partner": scope.partner.slug, **changes_figures(changes(scope, period))}


def forecast(scope: Scope, day: date) -> dict[str, Any]:
    """What expires by month, seen from the day."""
    return {"partner": scope.partner.slug, "on": day.isoformat(), "forecast": forecast_figures(scope, day)}


def statements(scope: Scope) -> dict[str, Any]:
    """Every statement of commission, by period."""
    found = sorted(statement_summaries(scope), key=lambda each: (each.period, each.statement_id))
    return {"partner": scope.partner.slug, "statements": [statement_figures(each) for each in found]}
