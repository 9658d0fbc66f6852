"""The rows behind every figure of commission. All of them are money, so all need the right to see it."""

from collections.abc import Mapping
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as now_
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as noop_

from accounts.roles import Permission
from accounts.scope import Scope
from commissions.forms import (
    CAUSE_LABELS,
    DIFFERENCES,
    SHOWN,
    STANDING_LABELS,
    ExpectedForm,
    LinesForm,
    PaidForm,
    QuestionsForm,
    VarianceForm,
    quarter_text,
)
from commissions.models import LineQuestion, QuestionStatus, StatementLine
from commissions.outlook import client_names, expected_rows
from commissions.quarter_variance import differences_of, past_quarters
from commissions.queries import (
    OFF_BY,
    RECOMPUTED,
    lines,
    paid_lines,
    payout_lines,
    standing_of,
    statement_summaries,
)
from commissions.questions import questions
from commissions.variance import Difference
from partner_portal.lib.datasets import Column, Dataset, Kind, register
from partner_portal.lib.rounding import half_even
from partner_portal.templatetags.figures import decimal_words

MONEY = Permission.VIEW_MONEY


def payout_currency(scope: Scope) -> str:
    """The one currency that sums of commission are in."""
    return str(scope.partner.payout_currency)


def _line_columns(prefix: str = "") -> tuple[Column, ...]:
    """A statement line, checkable by hand: net revenue x rate x exchange rate = commission."""

    def column(name: str, label: Any, kind: Kind = Kind.TEXT, source: Any = "", **more: Any) -> Column:
        return Column(name, label, kind, expression=source or f"{prefix}{name}", permission=MONEY, **more)

    return (
        column("statement", _("Statement"), source=f"{prefix}statement_id"),
        column("line_no", _("Line"), Kind.COUNT),
        column("client", _("Client"), source=f"{prefix}client__name"),
        column("client_id", _("Client id"), source=f"{prefix}client__client_id", default=False),
        column("deal_id", _("Deal")),
        column("product_line", _("Product line"), default=False),
        column("invoice_month", _("Invoiced"), Kind.MONTH),
        column("net_revenue", _("Net revenue"), Kind.MONEY, currency="currency"),
        column("currency", _("Currency"), default=False),
        column("rate", _("× Rate"), Kind.RATIO),
        column("fx_rate", _("× Exchange rate"), Kind.RATE),
        column("commission", _("Commission"), Kind.MONEY, currency="payout_currency", total=not prefix),
        column("payout_currency", _("Payout currency"), default=False),
    )


LINE_COLUMNS = (
    *_line_columns(),
    Column("recomputed", _("Recomputes to"), Kind.MONEY, RECOMPUTED, False, MONEY, currency="payout_currency"),
    Column("off_by", _("Off by"), Kind.MONEY, OFF_BY, False, MONEY, currency="payout_currency"),
    Column("status", _("Status"), choices=STANDING_LABELS | {"issued": _("Issued")}, permission=MONEY),
    Column("pay_on", _("Pay date"), Kind.DATE, default=False, permission=MONEY),
    Column("paid_on", _("Paid on"), Kind.DATE, default=False, permission=MONEY),
    Column("adjusts", _("Reverses"), permission=MONEY),
    Column("reason", _("Reason"), permission=MONEY),
)


def _lines(scope: Scope, params: Mapping[str, Any]) -> QuerySet[StatementLine]:
    # Of one statement all lines have its currency; over all statements only the payout currency may be summed.
    found = lines(scope).filter(statement_id=params["statement"]) if params["statement"] else payout_lines(scope)
    if params["standing"]:
        found = found.alias(standing=standing_of(scope.today)).filter(standing=params["standing"])
    if params["show"] == "variance":
        found = found.filter(~Q(commission=RECOMPUTED))
    elif params["show"] == "reversal":
        found = found.exclude(adjusts="")
    elif params["show"] == "questioned":
        found = found.filter(question__isnull=False)
    return found


def _describe_lines(scope: Scope, params: Mapping[str, Any]) -> list[str]:
    words = []
    if params["statement"]:
        words.append(now_("Statement %s") % params["statement"])
    if params["standing"]:
        words.append(str(STANDING_LABELS[params["standing"]]))
    if params["show"]:
        words.append(str(SHOWN[params["show"]]))
    return words


register(
    Dataset(
        key="commission-lines",
        title=_("Statement lines"),
        unit=(_("line"), _("lines")),
        permission=MONEY,
        columns=LINE_COLUMNS,
        rows=_lines,
        form=LinesForm,
        order=("line_no",),
        figure="commission",
        search=("client", "client_id", "deal_id", "statement"),
        client="client_id",
        describe=_describe_lines,
        total_currency=payout_currency,
    )
)

register(
    Dataset(
        key="commission-paid",
        title=_("Commission paid"),
        unit=(_("line"), _("lines")),
        permission=MONEY,
        columns=LINE_COLUMNS,
        rows=lambda scope, params: paid_lines(scope, params["period"]),
        form=PaidForm,
        order=("-statement",),
        figure="commission",
        search=("client", "client_id", "deal_id", "statement"),
        client="client_id",
        total_currency=payout_currency,
    )
)


# Statements


def _statements(scope: Scope, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {
            "statement": each.statement_id,
            "period": quarter_text(each.period),
            "period_key": each.period,
            "status": each.status,
            "pay_on": each.pay_on,
            "paid_on": each.paid_on,
            "lines": each.lines,
            "clients": each.clients,
            "reversals": each.reversals,
            "variances": each.variances,
            "off_by": each.off_by,
            "withheld": each.withheld,
            "forfeited": each.forfeited,
            "total": each.total,
            "currency": each.currency,
        }
        for each in statement_summaries(scope, payout_currency=scope.partner.payout_currency)
        if not params["standing"] or each.status == params["standing"]
    ]


register(
    Dataset(
        key="commission-statements",
        title=_("Statements"),
        unit=(_("statement"), _("statements")),
        permission=MONEY,
        columns=(
            Column("statement", _("Statement"), permission=MONEY),
            Column("period", _("Period"), expression="period_key", permission=MONEY),
            Column("status", _("Status"), choices=STANDING_LABELS | {"issued": _("Issued")}, permission=MONEY),
            Column("pay_on", _("Pay date"), Kind.DATE, permission=MONEY),
            Column("paid_on", _("Paid on"), Kind.DATE, permission=MONEY),
            Column("lines", _("Lines"), Kind.COUNT, permission=MONEY, total=True),
            Column("clients", _("Clients"), Kind.COUNT, permission=MONEY),
            Column("reversals", _("Reversals"), Kind.COUNT, permission=MONEY, total=True),
            Column("variances", _("Variances"), Kind.COUNT, permission=MONEY, total=True),
            Column("off_by", _("Off by"), Kind.MONEY, permission=MONEY, currency="currency", total=True, default=False),
            Column("withheld", _("Withheld"), Kind.MONEY, permission=MONEY, currency="currency", total=True),
            Column("forfeited", _("Forfeited"), Kind.MONEY, permission=MONEY, currency="currency", total=True),
            Column("total", _("Total"), Kind.MONEY, permission=MONEY, currency="currency", total=True),
            Column("currency", _("Currency"), permission=MONEY, default=False),
        ),
        rows=_statements,
        form=LinesForm,
        order=("-period",),
        figure="total",
        search=("statement",),
        row="statement",
        total_currency=payout_currency,
    )
)


# Expected


def _expected(scope: Scope, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = expected_rows(scope, params["quarter"])
    return [row for row in rows if row["client_id"] == params["client"]] if params["client"] else rows


def _describe_quarter(scope: Scope, params: Mapping[str, Any]) -> list[str]:
    words = [quarter_text(params["quarter"])] if params["quarter"] else []
    if params["client"]:
        words.append(now_("Client: %s") % params["client"])
    if params.get("cause"):
        words.append(str(CAUSE_LABELS[params["cause"]]))
    if params.get("show"):
        words.append(str(DIFFERENCES[params["show"]]))
    return words


register(
    Dataset(
        key="commission-expected",
        title=_("Expected commission"),
        unit=(_("deal and quarter"), _("deals and quarters")),
        permission=MONEY,
        columns=(
            Column("client", _("Client"), permission=MONEY),
            Column("client_id", _("Client id"), permission=MONEY, default=False),
            Column("deal_id", _("Deal"), permission=MONEY),
            Column("product_line", _("Product line"), permission=MONEY, under="deal_id"),
            Column("quarter", _("Quarter"), permission=MONEY),
            Column("pay_on", _("Pay date"), Kind.DATE, permission=MONEY, under="commission"),
            Column("months", _("Months"), Kind.COUNT, permission=MONEY),
            Column("mrr", _("MRR left"), Kind.MONEY, permission=MONEY, currency="currency"),
            Column("currency", _("Currency"), permission=MONEY, default=False),
            Column("rate", _("× Rate"), Kind.RATIO, permission=MONEY),
            Column("fx_rate", _("× Exchange rate"), Kind.RATE, permission=MONEY),
            Column("fx_on", _("Rate of"), Kind.DATE, permission=MONEY, under="fx_rate"),
            Column("months_left", _("Months of term left"), Kind.COUNT, permission=MONEY),
            Column("ends_on", _("Term ends"), Kind.DATE, permission=MONEY, default=False),
            Column("commission", _("Commission"), Kind.MONEY, permission=MONEY, currency="payout_currency", total=True),
            Column("payout_currency", _("Payout currency"), permission=MONEY, default=False),
        ),
        rows=_expected,
        form=ExpectedForm,
        order=("quarter",),
        figure="commission",
        search=("client", "client_id", "deal_id"),
        client="client_pk",
        describe=_describe_quarter,
        total_currency=payout_currency,
    )
)


# Variance


def _differences(scope: Scope, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    names, asked = client_names(scope), {str(each.line): each for each in questions(scope)}
    found = []
    for quarter in [params["quarter"]] if params["quarter"] else past_quarters(scope):
        for each in differences_of(scope, quarter):
            if params["cause"] and each.cause != params["cause"]:
                continue
            client_id, client = names[each.client]
            if params["client"] and client_id != params["client"]:
                continue
            line = each.line
            question = asked.get(line.name) if line else None
            if params["show"] and question is None and (params["show"] == "questioned" or line is not None):
                continue
            found.append(
                {
                    "pk": f"{each.quarter} {each.deal_id} {each.month} {each.cause} {line.name if line else ''}",
                    "client_pk": each.client,
                    "client_id": client_id,
                    "client": client,
                    "quarter": each.quarter,
                    "month": each.month,
                    "deal_id": each.deal_id,
                    "product_line": each.product_line,
                    "line": line.name if line else None,
                    "cause": each.cause,
                    "expected": each.expected,
                    "on_statement": line.commission if line else None,
                    "difference": each.amount,
                    "payout_currency": payout_currency(scope),
                    "reason": line.reason if line else "",
                    "why": each,
                    "question": question.text if question else None,
                    "question_status": question.status if question else None,
                    "answer": question.answer if question else None,
                }
            )
    return found


def why_differs(each: Difference) -> str:
    """What the difference comes from, with the numbers that make it."""
    line = each.line
    if line is None:
        return now_("Expected %(amount)s, and there is no line for it.") % {
            "amount": decimal_words(each.expected or 0, 2)
        }
    values: dict[str, Any] = {
        "net": decimal_words(line.net_revenue, 2),
        "currency": line.currency,
        "rate": decimal_words(line.rate.normalize(), max(2, -int(line.rate.normalize().as_tuple().exponent))),
        "fx": decimal_words(line.fx_rate, 6),
        "mrr": decimal_words(half_even(each.mrr, 2), 2) if each.mrr is not None else "",
        "expected_fx": decimal_words(each.fx.rate, 6) if each.fx else "",
        "fx_on": date_format(each.fx.on, "j M Y") if each.fx else "",
        "commission": decimal_words(line.commission, 2),
        "recomputed": decimal_words(line.recomputed, 2),
        "adjusts": line.adjusts,
        "reason": line.reason or now_("no reason given"),
    }
    return now_(WHY[each.cause]) % values


WHY = {
    "recompute": noop_("%(net)s × %(rate)s × %(fx)s is %(recomputed)s, the line says %(commission)s."),
    "reversed": noop_("Reverses %(adjusts)s: %(reason)s."),
    "rate": noop_("The line has a rate of %(rate)s."),
    "fx": noop_("Exchange rate %(fx)s on the line, %(expected_fx)s of %(fx_on)s expected."),
    "cancelled": noop_("Paid although the line of the deal was cancelled before the month ended."),
    "downgraded": noop_(
        "Net revenue %(currency)s %(net)s; after a downgrade %(currency)s %(mrr)s is left of the deal."
    ),
    "revenue": noop_("Net revenue %(currency)s %(net)s, MRR of the deal %(currency)s %(mrr)s."),
    "not_earning": noop_(
        "The deal earns nothing in this month: it is not sourced, is outside its term, or is not known."
    ),
    "other_quarter": noop_("The month belongs to another quarter."),
    "twice": noop_("There is another line for the same deal and month."),
}


register(
    Dataset(
        key="commission-variance",
        title=_("Statements against expected"),
        unit=(_("difference"), _("differences")),
        permission=MONEY,
        columns=(
            Column("client", _("Client"), permission=MONEY),
            Column("client_id", _("Client id"), permission=MONEY, default=False),
            Column("quarter", _("Quarter"), permission=MONEY),
            Column("month", _("Month"), Kind.MONTH, permission=MONEY),
            Column("deal_id", _("Deal"), permission=MONEY),
            Column("product_line", _("Product line"), permission=MONEY, default=False),
            Column("line", _("Line"), permission=MONEY),
            Column("reason_kind", _("Cause"), expression="cause", choices=CAUSE_LABELS, permission=MONEY),
            Column("expected", _("Expected"), Kind.MONEY, permission=MONEY, currency="payout_currency"),
            Column("on_statement", _("On the statement"), Kind.MONEY, permission=MONEY, currency="payout_currency"),
            Column("difference", _("Difference"), Kind.MONEY, permission=MONEY, currency="payout_currency", total=True),
            Column("payout_currency", _("Payout currency"), permission=MONEY, default=False),
            Column(
                "why",
                _("Why"),
                permission=MONEY,
                compute=lambda row, scope: why_differs(row["why_of"]),
                needs={"why_of": "why"},
            ),
            Column("question", _("Question"), permission=MONEY, under="why"),
            Column(
                "question_status",
                _("Status of the question"),
                choices=dict(QuestionStatus.choices),
                permission=MONEY,
                under="line",
            ),
            Column("answer", _("Answer"), permission=MONEY, default=False),
        ),
        rows=_differences,
        form=VarianceForm,
        order=("-quarter",),
        figure="difference",
        search=("client", "client_id", "deal_id", "line"),
        client="client_pk",
        describe=_describe_quarter,
        total_currency=payout_currency,
    )
)


# Questions


def _questions(scope: Scope, params: Mapping[str, Any]) -> QuerySet[LineQuestion]:
    found = questions(scope)
    return found.filter(status=params["status"]) if params["status"] else found


register(
    Dataset(
        key="commission-questions",
        title=_("Questioned lines"),
        unit=(_("question"), _("questions")),
        permission=MONEY,
        columns=(
            *_line_columns("line__"),
            Column("question", _("Question"), expression="text", permission=MONEY),
            Column("status", _("Status"), choices=dict(QuestionStatus.choices), permission=MONEY),
            Column("answer", _("Answer"), permission=MONEY, default=False),
            Column("asked_by", _("Asked by"), expression="asked_by__name", permission=MONEY, default=False),
            Column("asked_on", _("Asked on"), Kind.DATE, expression=F("asked_at"), permission=MONEY, default=False),
        ),
        rows=_questions,
        form=QuestionsForm,
        order=("-asked_on",),
        search=("client", "client_id", "deal_id", "statement", "question"),
        client="line__client_id",
        describe=lambda scope, params: (
            [str(dict(QuestionStatus.choices)[params["status"]])] if params["status"] else []
        ),
    )
)
