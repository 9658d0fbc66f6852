"""Sentences about variances of statement lines: what differs, and the numbers that show it."""

from decimal import Decimal

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from accounts.scope import Scope
from commissions.clawbacks import Clawback
from commissions.queries import clawbacks_by_line, withdrawn_lines
from commissions.rules import StatementLine
from commissions.variance import StatementDifference
from partner_portal.formats.days import day_text
from partner_portal.formats.numbers import decimal_text, rate_text
from partner_portal.lib.rounding import half_even

MISMATCH = {
    "reversed_twice": gettext_noop(
        "%(adjusts)s had already been reversed in full: %(currency)s %(too_much)s too much, %(payout)s %(amount)s."
    ),
    "reversed_too_much": gettext_noop(
        "%(currency)s %(too_much)s more is taken back than the %(own)s of %(adjusts)s: %(payout)s %(amount)s."
    ),
    "reversal_currency": gettext_noop("In %(here)s, %(adjusts)s in %(there)s: a difference of %(payout)s %(amount)s."),
    "reversal_rate": gettext_noop("Rate %(here)s, %(there)s on %(adjusts)s: a difference of %(payout)s %(amount)s."),
    "reversal_fx": gettext_noop(
        "Exchange rate %(here)s, %(there)s on %(adjusts)s: a difference of %(payout)s %(amount)s."
    ),
}

WHY = {
    "recompute": gettext_noop("%(net)s × %(rate)s × %(fx)s is %(recomputed)s, the line says %(commission)s."),
    "reversed": gettext_noop("Reverses %(adjusts)s: %(reason)s."),
    "rate": gettext_noop("The line has a rate of %(rate)s."),
    "fx": gettext_noop("Exchange rate %(fx)s on the line, %(expected_fx)s of %(fx_on)s expected."),
    "cancelled": gettext_noop("Paid although the line of the deal was cancelled before the month ended."),
    "downgraded": gettext_noop(
        "Net revenue %(currency)s %(net)s; after a downgrade %(currency)s %(mrr)s is left of the deal."
    ),
    "revenue": gettext_noop("Net revenue %(currency)s %(net)s, MRR of the deal %(currency)s %(mrr)s."),
    "not_earning": gettext_noop(
        "The deal earns nothing in this month: it is not sourced, is outside its term, or is not known."
    ),
    "other_quarter": gettext_noop("The month belongs to another quarter."),
    "twice": gettext_noop("There is another line for the same deal and month."),
}


def mismatch_text(scope: Scope, line_name: str, adjusts: str) -> str:
    """Where an adjusting line (`S-2026Q3/12`) does not match the line that it adjusts, in sentences; "" where it does."""
    mismatches = [mismatch_sentence(clawback) for clawback in clawbacks_by_line(scope).get(line_name, ())]
    return " ".join(filter(None, [withdrawn_text(scope, adjusts), *mismatches]))


def withdrawn_text(scope: Scope, adjusts: str) -> str:
    """Sentence for a line that adjusts a withdrawn one (docs/points.md 13); "" for any other."""
    day = withdrawn_lines(scope).get(adjusts) if adjusts else None
    return _("%(line)s was withdrawn on %(day)s.") % {"line": adjusts, "day": day_text(day)} if day else ""


def mismatch_sentence(clawback: Clawback) -> str:
    """What is wrong between an adjusting line and the line that it adjusts (docs/points.md 14)."""
    line, original = clawback.line, clawback.original
    values = {
        "adjusts": line.adjusts,
        "currency": original.currency,
        "own": decimal_text(original.net_revenue, 2),
        "too_much": decimal_text(clawback.too_much or 0, 2),
        "here": _term_text(clawback.here),
        "there": _term_text(clawback.there),
        "payout": line.payout_currency,
        "amount": decimal_text(clawback.amount, 2),
    }
    return _(MISMATCH[clawback.cause]) % values


def recompute_sentence(line: StatementLine) -> str:
    """What a line that does not recompute states, and what it computes to."""
    return _(WHY["recompute"]) % _line_values(line)


def difference_sentence(difference: StatementDifference) -> str:
    """What a difference between a statement and the expected commission comes from."""
    line = difference.line
    if difference.clawback is not None:
        return mismatch_sentence(difference.clawback)
    if line is None:
        return _("Expected %(amount)s, and there is no line for it.") % {
            "amount": decimal_text(difference.expected or 0, 2)
        }
    values = {
        "currency": line.currency,
        "mrr": decimal_text(half_even(difference.mrr, 2), 2) if difference.mrr is not None else "",
        "expected_fx": decimal_text(difference.fx.rate, 6) if difference.fx else "",
        "fx_on": day_text(difference.fx.on) if difference.fx else "",
        "adjusts": line.adjusts,
        "reason": line.reason or _("no reason given"),
    }
    return _(WHY[difference.cause]) % (_line_values(line) | values)


def _line_values(line: StatementLine) -> dict[str, str]:
    return {
        "net": decimal_text(line.net_revenue, 2),
        "rate": _term_text(line.rate),
        "fx": decimal_text(line.fx_rate, 6),
        "commission": decimal_text(line.commission, 2),
        "recomputed": decimal_text(line.recomputed, 2),
    }


def _term_text(value: str | Decimal | None) -> str:
    """A currency as it is, a rate with the decimals it has, at least two."""
    if value is None or isinstance(value, str):
        return value or ""
    return rate_text(value)
