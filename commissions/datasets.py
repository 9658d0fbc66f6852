"""The rows behind every figure of commission. All of them are money, so all need the right to see it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django.db.models import F, Q, QuerySet
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as now_
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as noop_

from accounts.roles import Permission
from accounts.scope import Scope
from commissions import clawbacks
from commissions.clawbacks import Clawback
from commissions.forms import (
    CAUSE_LABELS,
    DIFFERENCES,
    SHOWN,
    STANDING_GROUPS,
    STANDING_LABELS,
    STATEMENT_LABELS,
    ChecksForm,
    EarningForm,
    ExpectedForm,
    LinesForm,
    OffsetsForm,
    PaidForm,
    QuestionsForm,
    StatementsForm,
    VarianceForm,
    quarter_text,
)
from commissions.models import LineQuestion, QuestionStatus, StatementLine
from commissions.outlook import client_names, earning_rows, expected_rows
from commissions.quarter_variance import differences_of, past_quarters
from commissions.queries import (
    NAME,
    OFF_BY,
    RECOMPUTED,
    clawbacks_by_line,
    lines,
    offset_uses,
    paid_lines,
    payout_lines,
    standing_of,
    statement_summaries,
)
from commissions.questions import questions
from commissions.variance import CHECKS, RECOMPUTE, StatementDifference
from partner_portal.lib.rounding import half_even
from partner_portal.lib.rows.datasets import Column, Dataset, Kind, register
from partner_portal.templatetags.figures import decimal_words
from program.labels import labels
from program.terms import LineStatus

MONEY = Permission.VIEW_MONEY


def question_link(statement: str, line_no: int | str, scope: Scope) -> tuple[str, str] | None:
    """Label and address of the way to question a line; None for those who may not."""
    if not scope.may(Permission.QUESTION):
        return None
    return now_("Question this line"), reverse("commission_question", args=[statement, line_no])


def _question_of(row: Mapping[str, Any], scope: Scope) -> tuple[str, str] | None:
    return question_link(row["statement"], row["line_no"], scope)


def _question_by_name(row: Mapping[str, Any], scope: Scope) -> tuple[str, str] | None:
    statement, _slash, number = (row["line"] or "").rpartition("/")
    return question_link(statement, number, scope) if statement else None


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
    Column("status", _("Status"), choices=STANDING_LABELS | labels([LineStatus.ISSUED]), permission=MONEY),
    Column("pay_on", _("Pay date"), Kind.DATE, default=False, permission=MONEY),
    Column("paid_on", _("Paid on"), Kind.DATE, default=False, permission=MONEY),
    Column("adjusts", _("Reverses"), permission=MONEY),
    Column(
        "mismatch",
        _("Does not match it"),
        permission=MONEY,
        compute=lambda row, scope: mismatch_words(scope, f"{row['statement_of']}/{row['line_of']}"),
        needs={"statement_of": "statement_id", "line_of": "line_no"},
        under="adjusts",
    ),
    Column("reason", _("Reason"), permission=MONEY),
)


def mismatch_words(scope: Scope, name: str) -> str:
    """Where the adjusting line of that name does not match the line that it adjusts, in sentences; "" where it does."""
    return " ".join(why_mismatch(each) for each in clawbacks_by_line(scope).get(name, ()))


def why_mismatch(each: Clawback) -> str:
    """What is wrong between an adjusting line and the line that it adjusts, with the numbers that show it (points.md 14)."""
    line, original = each.line, each.original
    values = {
        "adjusts": line.adjusts,
        "currency": original.currency,
        "own": decimal_words(original.net_revenue, 2),
        "too_much": decimal_words(each.too_much or 0, 2),
        "here": _shown(each.here),
        "there": _shown(each.there),
        "payout": line.payout_currency,
        "amount": decimal_words(each.amount, 2),
    }
    return now_(MISMATCH[each.cause]) % values


def _shown(value: Any) -> str:
    """A currency as it is, a rate with the decimals it has."""
    if value is None or isinstance(value, str):
        return value or ""
    return decimal_words(value, max(2, -int(value.normalize().as_tuple().exponent)))


MISMATCH = {
    "reversed_twice": noop_(
        "%(adjusts)s had already been reversed in full: %(currency)s %(too_much)s too much, %(payout)s %(amount)s."
    ),
    "reversed_too_much": noop_(
        "%(currency)s %(too_much)s more is taken back than the %(own)s of %(adjusts)s: %(payout)s %(amount)s."
    ),
    "reversal_currency": noop_("In %(here)s, %(adjusts)s in %(there)s: a difference of %(payout)s %(amount)s."),
    "reversal_rate": noop_("Rate %(here)s, %(there)s on %(adjusts)s: a difference of %(payout)s %(amount)s."),
    "reversal_fx": noop_("Exchange rate %(here)s, %(there)s on %(adjusts)s: a difference of %(payout)s %(amount)s."),
}


def _lines(scope: Scope, params: Mapping[str, Any]) -> QuerySet[StatementLine]:
    # Of one statement all lines have its currency; over all statements only the payout currency may be summed.
    found = lines(scope).filter(statement_id=params["statement"]) if params["statement"] else payout_lines(scope)
    if params["client"]:
        found = found.filter(client__client_id=params["client"])
    if params["quarter"]:
        found = found.filter(period=params["quarter"])
    if params["standing"]:
        _label, standings = STANDING_GROUPS.get(params["standing"], ("", (params["standing"],)))
        found = found.alias(standing=standing_of(scope)).filter(standing__in=standings)
    if params["show"] == "variance":
        found = found.filter(~Q(commission=RECOMPUTED))
    elif params["show"] == "clawback":
        found = found.alias(line_name=NAME).filter(line_name__in=list(clawbacks_by_line(scope)))
    elif params["show"] == "reversal":
        found = found.exclude(adjusts="")
    elif params["show"] == "questioned":
        found = found.filter(question__isnull=False)
    return found


def _describe_lines(scope: Scope, params: Mapping[str, Any]) -> list[str]:
    words = []
    if params["statement"]:
        words.append(now_("Statement %s") % params["statement"])
    if params["client"]:
        words.append(now_("Client: %s") % params["client"])
    if params["quarter"]:
        words.append(quarter_text(params["quarter"]))
    if params["standing"]:
        group = STANDING_GROUPS.get(params["standing"])
        words.append(str(group[0] if group else STANDING_LABELS[params["standing"]]))
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
        row_link=_question_of,
        row_link_needs=("statement", "line_no"),
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
        row_link=_question_of,
        row_link_needs=("statement", "line_no"),
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
            "standing": each.standing,
            "pay_on": each.pay_on,
            "paid_on": each.paid_on,
            "lines": each.lines,
            "clients": each.clients,
            "reversals": each.reversals,
            "variances": each.variances,
            "off_by": each.off_by,
            "clawbacks": each.clawbacks,
            "withheld": each.withheld,
            "forfeited": each.forfeited,
            "total": each.total,
            "used": each.used,
            "left": each.left,
            "currency": each.currency,
        }
        for each in statement_summaries(scope, payout_currency=scope.partner.payout_currency)
        if params["standing"] in ("", each.standing)
    ]


def _describe_standing(scope: Scope, params: Mapping[str, Any]) -> list[str]:
    return [str(STATEMENT_LABELS[params["standing"]])] if params["standing"] else []


register(
    Dataset(
        key="commission-statements",
        title=_("Statements"),
        unit=(_("statement"), _("statements")),
        permission=MONEY,
        columns=(
            Column("statement", _("Statement"), permission=MONEY),
            Column("period", _("Period"), expression="period_key", permission=MONEY),
            Column("status", _("Status"), choices=STANDING_LABELS | labels([LineStatus.ISSUED]), permission=MONEY),
            Column("standing", _("Standing"), choices=STATEMENT_LABELS, permission=MONEY, under="status"),
            Column("pay_on", _("Pay date"), Kind.DATE, permission=MONEY),
            Column("paid_on", _("Paid on"), Kind.DATE, permission=MONEY),
            Column("lines", _("Lines"), Kind.COUNT, permission=MONEY, total=True),
            Column("clients", _("Clients"), Kind.COUNT, permission=MONEY),
            Column("reversals", _("Reversals"), Kind.COUNT, permission=MONEY, total=True),
            Column("variances", _("Lines that do not recompute"), Kind.COUNT, permission=MONEY, total=True),
            Column("clawbacks", _("Variances of reversals"), Kind.COUNT, permission=MONEY, total=True),
            Column("off_by", _("Off by"), Kind.MONEY, permission=MONEY, currency="currency", total=True, default=False),
            Column("withheld", _("Withheld"), Kind.MONEY, permission=MONEY, currency="currency", total=True),
            Column("forfeited", _("Forfeited"), Kind.MONEY, permission=MONEY, currency="currency", total=True),
            Column("total", _("Total"), Kind.MONEY, permission=MONEY, currency="currency", total=True),
            Column(
                "used",
                _("Offset against it"),
                Kind.MONEY,
                permission=MONEY,
                currency="currency",
                total=True,
                default=False,
            ),
            Column("left", _("To be offset"), Kind.MONEY, permission=MONEY, currency="currency", total=True),
            Column("currency", _("Currency"), permission=MONEY, default=False),
        ),
        rows=_statements,
        form=StatementsForm,
        order=("-period",),
        figure="total",
        search=("statement",),
        row="statement",
        describe=_describe_standing,
        total_currency=payout_currency,
    )
)


# Negative statements


def _offsets(scope: Scope, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    uses = offset_uses(scope)
    return [
        {
            "statement": each.statement_id,
            "period_key": each.period,
            "standing": each.standing,
            "pay_on": each.pay_on,
            "total": each.total,
            "used": sum((use.amount for use in uses.get(each.statement_id, ())), Decimal(0)),
            "by": ", ".join(use.by for use in uses.get(each.statement_id, ())),
            "left": each.left,
            "currency": each.currency,
        }
        for each in statement_summaries(scope, payout_currency=scope.partner.payout_currency)
        if each.total < 0 and (each.left or not params["show"]) and params["quarter"] in ("", each.period)
    ]


def _describe_offsets(scope: Scope, params: Mapping[str, Any]) -> list[str]:
    words = [quarter_text(params["quarter"])] if params["quarter"] else []
    return [*words, now_("With something left to be offset")] if params["show"] else words


register(
    Dataset(
        key="commission-offsets",
        title=_("Statements to be offset"),
        unit=(_("negative statement"), _("negative statements")),
        permission=MONEY,
        columns=(
            Column("statement", _("Statement"), permission=MONEY),
            Column("period", _("Period"), expression="period_key", permission=MONEY),
            Column("standing", _("Standing"), choices=STATEMENT_LABELS, permission=MONEY),
            Column("pay_on", _("Pay date"), Kind.DATE, permission=MONEY),
            Column("total", _("Total"), Kind.MONEY, permission=MONEY, currency="currency", total=True),
            Column("used", _("Offset so far"), Kind.MONEY, permission=MONEY, currency="currency", total=True),
            Column("by", _("Offset against"), permission=MONEY),
            Column("left", _("To be offset"), Kind.MONEY, permission=MONEY, currency="currency", total=True),
            Column("currency", _("Currency"), permission=MONEY, default=False),
        ),
        rows=_offsets,
        form=OffsetsForm,
        order=("pay_on",),
        figure="left",
        search=("statement",),
        row="statement",
        describe=_describe_offsets,
        total_currency=payout_currency,
    )
)


# Variances of lines, whatever was expected


def _checks(scope: Scope, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    within = lines(scope).filter(statement_id=params["statement"]) if params["statement"] else payout_lines(scope)
    names = clawbacks_by_line(scope)
    wrong = within.alias(line_name=NAME).filter(~Q(commission=RECOMPUTED) | Q(line_name__in=list(names)))
    asked = {str(each.line): each for each in questions(scope)}
    found = []
    for line in wrong.annotate(off_by=OFF_BY, recomputed=RECOMPUTED).select_related("client"):
        name = str(line)
        question = asked.get(name)
        common = {
            "client_pk": line.client_id,
            "client_id": line.client.client_id,
            "client": line.client.name,
            "statement": line.statement_id,
            "line_no": line.line_no,
            "month": line.invoice_month,
            "deal_id": line.deal_id,
            "product_line": line.product_line,
            "adjusts": line.adjusts,
            "payout_currency": line.payout_currency,
            "reason": line.reason,
            "question": question.text if question else None,
            "question_status": question.status if question else None,
        }
        if line.off_by:
            found.append(
                common
                | {
                    "cause": RECOMPUTE,
                    "here": f"{line.commission}",
                    "there": f"{half_even(line.recomputed, 2)}",
                    "too_much": None,
                    "currency": line.currency,
                    "difference": line.off_by,
                    "why": line,
                }
            )
        for each in names.get(name, ()):
            found.append(
                common
                | {
                    "cause": each.cause,
                    "here": _plain(each.line.net_revenue if each.here is None else each.here),
                    "there": _plain(each.original.net_revenue if each.there is None else each.there),
                    "too_much": each.too_much,
                    "currency": each.original.currency,
                    "difference": each.amount,
                    "why": each,
                }
            )
    wanted = clawbacks.CAUSES if params["cause"] == "reversals" else (params["cause"],)
    chosen = [row for row in found if not params["cause"] or row["cause"] in wanted]
    return [row | {"pk": f"{row['statement']}/{row['line_no']} {row['cause']}"} for row in chosen]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:f}"


def why_fails(found: Clawback | StatementLine) -> str:
    """Why a line is a variance: it contradicts the line that it adjusts, or itself."""
    if isinstance(found, Clawback):
        return why_mismatch(found)
    return now_(WHY["recompute"]) % {
        "net": decimal_words(found.net_revenue, 2),
        "rate": _shown(found.rate),
        "fx": decimal_words(found.fx_rate, 6),
        "recomputed": decimal_words(found.recomputed, 2),  # type: ignore[attr-defined]
        "commission": decimal_words(found.commission, 2),
    }


def _describe_checks(scope: Scope, params: Mapping[str, Any]) -> list[str]:
    words = [now_("Statement %s") % params["statement"]] if params["statement"] else []
    if params["cause"]:
        words.append(str(CAUSE_LABELS.get(params["cause"]) or now_("All of reversals")))
    return words


register(
    Dataset(
        key="commission-checks",
        title=_("Variances of statement lines"),
        unit=(_("variance"), _("variances")),
        permission=MONEY,
        columns=(
            Column("statement", _("Statement"), permission=MONEY),
            Column("line_no", _("Line"), Kind.COUNT, permission=MONEY),
            Column("client", _("Client"), permission=MONEY),
            Column("client_id", _("Client id"), permission=MONEY, default=False),
            Column("deal_id", _("Deal"), permission=MONEY),
            Column("product_line", _("Product line"), permission=MONEY, default=False),
            Column("month", _("Invoiced"), Kind.MONTH, permission=MONEY),
            Column(
                "reason_kind",
                _("Cause"),
                expression="cause",
                choices={cause: CAUSE_LABELS[cause] for cause in CHECKS},
                permission=MONEY,
            ),
            Column("adjusts", _("Reverses"), permission=MONEY),
            Column("here", _("On the line"), permission=MONEY, default=False),
            Column("there", _("Compared with"), permission=MONEY, default=False),
            Column("too_much", _("Too much"), Kind.MONEY, permission=MONEY, currency="currency"),
            Column("currency", _("Currency"), permission=MONEY, default=False),
            Column("difference", _("Difference"), Kind.MONEY, permission=MONEY, currency="payout_currency", total=True),
            Column("payout_currency", _("Payout currency"), permission=MONEY, default=False),
            Column(
                "why",
                _("Why"),
                permission=MONEY,
                compute=lambda row, scope: why_fails(row["why_of"]),
                needs={"why_of": "why"},
            ),
            Column("reason", _("Reason"), permission=MONEY, default=False),
            Column("question", _("Question"), permission=MONEY, under="why"),
            Column(
                "question_status",
                _("Status of the question"),
                choices=dict(QuestionStatus.choices),
                permission=MONEY,
                default=False,
            ),
        ),
        rows=_checks,
        form=ChecksForm,
        order=("-statement",),
        search=("client", "client_id", "deal_id", "statement", "adjusts"),
        client="client_pk",
        describe=_describe_checks,
        total_currency=payout_currency,
        row_link=_question_of,
        row_link_needs=("statement", "line_no"),
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


def _earning(scope: Scope, params: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        row
        for row in earning_rows(scope)
        if params["client"] in ("", row["client_id"]) and (row["months_left"] or not params["show"])
    ]


def _describe_earning(scope: Scope, params: Mapping[str, Any]) -> list[str]:
    words = [now_("Earning today")] if params["show"] else []
    return [*words, now_("Client: %s") % params["client"]] if params["client"] else words


register(
    Dataset(
        key="commission-deals",
        title=_("Deals that earn commission"),
        unit=(_("deal"), _("deals")),
        permission=MONEY,
        columns=(
            Column("client", _("Client"), permission=MONEY),
            Column("client_id", _("Client id"), permission=MONEY, default=False),
            Column("deal_id", _("Deal"), permission=MONEY),
            Column("product_line", _("Product line"), permission=MONEY, under="deal_id"),
            Column("mrr", _("MRR left"), Kind.MONEY, permission=MONEY, currency="currency"),
            Column("currency", _("Currency"), permission=MONEY, default=False),
            Column("months", _("Months in the four quarters"), Kind.COUNT, permission=MONEY),
            Column("months_left", _("Months of term left"), Kind.COUNT, permission=MONEY),
            Column("ends_on", _("Term ends"), Kind.DATE, permission=MONEY),
            Column(
                "commission",
                _("Expected in the four quarters"),
                Kind.MONEY,
                permission=MONEY,
                currency="payout_currency",
                total=True,
            ),
            Column("payout_currency", _("Payout currency"), permission=MONEY, default=False),
        ),
        rows=_earning,
        form=EarningForm,
        order=("client",),
        search=("client", "client_id", "deal_id"),
        client="client_pk",
        describe=_describe_earning,
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
            # A missing line, or one that contradicts itself or another, is a question without anybody asking it.
            speaks = params["show"] == "vendor" and (line is None or each.cause in CHECKS)
            if params["show"] and question is None and not speaks:
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


def why_differs(each: StatementDifference) -> str:
    """What the difference comes from, with the numbers that make it."""
    line = each.line
    if each.clawback is not None:
        return why_mismatch(each.clawback)
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
        row_link=_question_by_name,
        row_link_needs=("line",),
    )
)


# Questions


def _questions(scope: Scope, params: Mapping[str, Any]) -> QuerySet[LineQuestion]:
    found = questions(scope)
    if params["status"] == "unsettled":
        return found.exclude(status=QuestionStatus.SETTLED)
    return found.filter(status=params["status"]) if params["status"] else found


def _describe_questions(scope: Scope, params: Mapping[str, Any]) -> list[str]:
    labels = {"unsettled": now_("Not settled")} | dict(QuestionStatus.choices)
    return [str(labels[params["status"]])] if params["status"] else []


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
        describe=_describe_questions,
        row_link=_question_of,
        row_link_needs=("statement", "line_no"),
    )
)
