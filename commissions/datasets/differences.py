"""Variances of statement lines: by themselves, and of past quarters against what was expected."""

from collections.abc import Iterator
from decimal import Decimal
from functools import partial

from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from commissions import clawbacks, rules
from commissions.datasets.columns import MONEY, line_question, money_columns, payout_currency
from commissions.difference_text import difference_sentence, mismatch_sentence, recompute_sentence
from commissions.forms import CAUSE_LABELS, DIFFERENCES, ChecksForm, VarianceForm
from commissions.models import LineQuestion, QuestionStatus
from commissions.outlook import client_names
from commissions.quarter_variance import differences_of, past_quarters
from commissions.queries import FIELDS, NAME, RECOMPUTED, clawbacks_by_line, lines, payout_lines
from commissions.questions import question_link, questions
from commissions.variance import CHECKS, RECOMPUTE
from partner_portal.formats.days import quarter_text
from partner_portal.lib.rows.datasets import Column, Dataset, Kind, Params, Row, register

# Variances of lines, whatever was expected


def _checks(scope: Scope, params: Params) -> list[Row]:
    wanted = clawbacks.CAUSES if params["cause"] == "reversals" else (params["cause"],)
    return [row for row in _all_checks(scope, params) if not params["cause"] or row["cause"] in wanted]


def _all_checks(scope: Scope, params: Params) -> Iterator[Row]:
    within = lines(scope).filter(statement_id=params["statement"]) if params["statement"] else payout_lines(scope)
    mismatches = clawbacks_by_line(scope)
    wrong = within.alias(line_name=NAME).filter(~Q(commission=RECOMPUTED) | Q(line_name__in=list(mismatches)))
    asked = _questions_by_line(scope)
    for client_pk, client, *values in wrong.values_list("client_id", "client__name", *FIELDS):
        line = rules.StatementLine(*values)
        question = asked.get(line.name)
        cells = {
            "client_pk": client_pk,
            "client_id": line.client_id,
            "client": client,
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
        if line.difference:
            yield cells | {
                "pk": f"{line.name} {RECOMPUTE}",
                "cause": RECOMPUTE,
                "here": f"{line.commission}",
                "there": f"{line.recomputed}",
                "too_much": None,
                "currency": line.currency,
                "difference": line.difference,
                "why": partial(recompute_sentence, line),
            }
        for mismatch in mismatches.get(line.name, ()):
            here, there = mismatch.here, mismatch.there
            yield cells | {
                "pk": f"{line.name} {mismatch.cause}",
                "cause": mismatch.cause,
                "here": _plain(mismatch.line.net_revenue if here is None else here),
                "there": _plain(mismatch.original.net_revenue if there is None else there),
                "too_much": mismatch.too_much,
                "currency": mismatch.original.currency,
                "difference": mismatch.amount,
                "why": partial(mismatch_sentence, mismatch),
            }


def _plain(value: str | Decimal) -> str:
    return value if isinstance(value, str) else f"{value:f}"


def _questions_by_line(scope: Scope) -> dict[str, LineQuestion]:
    """Every question by the name of its line, `S-2026Q3/12`."""
    return {str(question.line): question for question in questions(scope)}


def _describe_checks(scope: Scope, params: Params) -> list[str]:
    filters = [gettext("Statement %s") % params["statement"]] if params["statement"] else []
    if params["cause"]:
        filters.append(str(CAUSE_LABELS.get(params["cause"]) or gettext("All variances of reversals")))
    return filters


register(
    Dataset(
        key="commission-checks",
        title=_("Variances of statement lines"),
        unit=(_("variance"), _("variances")),
        permission=MONEY,
        columns=money_columns(
            Column("statement", _("Statement")),
            Column("line_no", _("Line"), Kind.COUNT),
            Column("client", _("Client"), opens_client="client_id"),
            Column("client_id", _("Client id"), default=False),
            Column("deal_id", _("Deal")),
            Column("product_line", _("Product line"), default=False),
            Column("month", _("Invoiced"), Kind.MONTH),
            Column(
                "reason_kind",
                _("Cause"),
                expression="cause",
                choices={cause: CAUSE_LABELS[cause] for cause in CHECKS},
            ),
            Column("adjusts", _("Reverses")),
            Column("here", _("On the line"), default=False),
            Column("there", _("Compared with"), default=False),
            Column("too_much", _("Too much"), Kind.MONEY, currency="currency"),
            Column("currency", _("Currency"), default=False),
            Column("difference", _("Difference"), Kind.MONEY, currency="payout_currency", total=True),
            Column("payout_currency", _("Payout currency"), default=False),
            Column(
                "why",
                _("Why"),
                compute=lambda row, scope: str(row["sentence"]()),
                needs={"sentence": "why"},
            ),
            Column("reason", _("Reason"), default=False),
            Column("question", _("Question"), under="why"),
            Column(
                "question_status",
                _("Status of the query"),
                choices=dict(QuestionStatus.choices),
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
        row_link=line_question,
        row_link_needs=("statement", "line_no"),
    )
)


# Statements against expected


def _differences(scope: Scope, params: Params) -> list[Row]:
    names, asked = client_names(scope), _questions_by_line(scope)
    rows: list[Row] = []
    for quarter in [params["quarter"]] if params["quarter"] else past_quarters(scope):
        for difference in differences_of(scope, quarter):
            client_id, client = names[difference.client]
            if params["cause"] not in ("", difference.cause) or params["client"] not in ("", client_id):
                continue
            line = difference.line
            question = asked.get(line.name) if line else None
            # A missing line, or one that contradicts itself or another, needs an answer though nobody questioned it.
            unasked = params["show"] == "vendor" and (line is None or difference.cause in CHECKS)
            if params["show"] and question is None and not unasked:
                continue
            name = line.name if line else ""
            rows.append(
                {
                    "pk": f"{difference.quarter} {difference.deal_id} {difference.month} {difference.cause} {name}",
                    "client_pk": difference.client,
                    "client_id": client_id,
                    "client": client,
                    "quarter": difference.quarter,
                    "month": difference.month,
                    "deal_id": difference.deal_id,
                    "product_line": difference.product_line,
                    "line": line.name if line else None,
                    "cause": difference.cause,
                    "expected": difference.expected,
                    "on_statement": line.commission if line else None,
                    "difference": difference.amount,
                    "payout_currency": payout_currency(scope),
                    "reason": line.reason if line else "",
                    "why": difference,
                    "question": question.text if question else None,
                    "question_status": question.status if question else None,
                    "answer": question.answer if question else None,
                }
            )
    return rows


def _describe_differences(scope: Scope, params: Params) -> list[str]:
    filters = [quarter_text(params["quarter"])] if params["quarter"] else []
    if params["client"]:
        filters.append(gettext("Client: %s") % params["client"])
    if params["cause"]:
        filters.append(str(CAUSE_LABELS[params["cause"]]))
    if params["show"]:
        filters.append(str(DIFFERENCES[params["show"]]))
    return filters


def _question_of_named_line(row: Row, scope: Scope) -> tuple[str, str] | None:
    statement, _slash, number = (row["line"] or "").rpartition("/")
    return question_link(statement, number, scope) if statement else None


register(
    Dataset(
        key="commission-variance",
        title=_("Statements against expected"),
        unit=(_("difference"), _("differences")),
        permission=MONEY,
        columns=money_columns(
            Column("client", _("Client"), opens_client="client_id"),
            Column("client_id", _("Client id"), default=False),
            Column("quarter", _("Quarter"), markup=quarter_text),
            Column("month", _("Month"), Kind.MONTH),
            Column("deal_id", _("Deal")),
            Column("product_line", _("Product line"), default=False),
            Column("line", _("Line")),
            Column("reason_kind", _("Cause"), expression="cause", choices=CAUSE_LABELS),
            Column("expected", _("Expected"), Kind.MONEY, currency="payout_currency"),
            Column("on_statement", _("On the statement"), Kind.MONEY, currency="payout_currency"),
            Column("difference", _("Difference"), Kind.MONEY, currency="payout_currency", total=True),
            Column("payout_currency", _("Payout currency"), default=False),
            Column(
                "why",
                _("Why"),
                compute=lambda row, scope: difference_sentence(row["difference_of"]),
                needs={"difference_of": "why"},
            ),
            Column("question", _("Question"), under="why"),
            Column(
                "question_status",
                _("Status of the query"),
                choices=dict(QuestionStatus.choices),
                under="line",
            ),
            Column("answer", _("Answer"), default=False),
        ),
        rows=_differences,
        form=VarianceForm,
        order=("-quarter",),
        figure="difference",
        search=("client", "client_id", "deal_id", "line"),
        client="client_pk",
        describe=_describe_differences,
        total_currency=payout_currency,
        row_link=_question_of_named_line,
        row_link_needs=("line",),
    )
)
