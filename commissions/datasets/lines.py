"""Statement lines, those that were paid, and those that are questioned."""

from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from commissions.datasets.columns import MONEY, line_columns, line_question, money_columns, payout_currency
from commissions.difference_text import mismatch_text
from commissions.forms import (
    SHOWN,
    STANDING_GROUPS,
    STANDING_LABELS,
    LinesForm,
    PaidForm,
    QuestionsForm,
)
from commissions.models import LineQuestion, QuestionStatus, StatementLine
from commissions.queries import (
    NAME,
    OFF_BY,
    RECOMPUTED,
    clawbacks_by_line,
    lines,
    paid_lines,
    payout_lines,
    standing_of,
)
from commissions.questions import questions
from partner_portal.formats.days import quarter_text
from partner_portal.lib.rows.datasets import Column, Dataset, Kind, Params, register
from program.labels import labels
from program.terms import LineStatus

LINE_COLUMNS = (
    *line_columns(),
    *money_columns(
        Column("recomputed", _("Should be"), Kind.MONEY, RECOMPUTED, default=False, currency="payout_currency"),
        Column("off_by", _("Off by"), Kind.MONEY, OFF_BY, default=False, currency="payout_currency"),
        Column("status", _("Status"), choices=STANDING_LABELS | labels([LineStatus.ISSUED])),
        Column("pay_on", _("Pay date"), Kind.DATE, default=False),
        Column("paid_on", _("Paid on"), Kind.DATE, default=False),
        Column("adjusts", _("Reverses")),
        Column(
            "mismatch",
            _("Does not match it"),
            compute=lambda row, scope: mismatch_text(
                scope, f"{row['statement_of']}/{row['line_of']}", row["adjusts_of"]
            ),
            needs={"statement_of": "statement_id", "line_of": "line_no", "adjusts_of": "adjusts"},
            under="adjusts",
        ),
        Column("reason", _("Reason")),
    ),
)


def _lines(scope: Scope, params: Params) -> QuerySet[StatementLine]:
    # Of one statement all lines have its currency; over all statements only the payout currency may be summed.
    rows = lines(scope).filter(statement_id=params["statement"]) if params["statement"] else payout_lines(scope)
    if params["client"]:
        rows = rows.filter(client__client_id=params["client"])
    if params["quarter"]:
        rows = rows.filter(period=params["quarter"])
    if params["standing"]:
        _label, standings = STANDING_GROUPS.get(params["standing"], ("", (params["standing"],)))
        rows = rows.alias(standing=standing_of(scope)).filter(standing__in=standings)
    if params["show"] == "variance":
        rows = rows.filter(~Q(commission=RECOMPUTED))
    elif params["show"] == "clawback":
        rows = rows.alias(line_name=NAME).filter(line_name__in=list(clawbacks_by_line(scope)))
    elif params["show"] == "reversal":
        rows = rows.exclude(adjusts="")
    elif params["show"] == "questioned":
        rows = rows.filter(question__isnull=False)
    return rows


def _describe_lines(scope: Scope, params: Params) -> list[str]:
    filters = []
    if params["statement"]:
        filters.append(gettext("Statement %s") % params["statement"])
    if params["client"]:
        filters.append(gettext("Client: %s") % params["client"])
    if params["quarter"]:
        filters.append(quarter_text(params["quarter"]))
    if params["standing"]:
        group = STANDING_GROUPS.get(params["standing"])
        filters.append(str(group[0] if group else STANDING_LABELS[params["standing"]]))
    if params["show"]:
        filters.append(str(SHOWN[params["show"]]))
    return filters


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
        row_link=line_question,
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
        row_link=line_question,
        row_link_needs=("statement", "line_no"),
    )
)


def _questions(scope: Scope, params: Params) -> QuerySet[LineQuestion]:
    rows = questions(scope)
    if params["status"] == "unsettled":
        return rows.exclude(status=QuestionStatus.SETTLED)
    return rows.filter(status=params["status"]) if params["status"] else rows


def _describe_questions(scope: Scope, params: Params) -> list[str]:
    statuses = {"unsettled": gettext("Not settled")} | dict(QuestionStatus.choices)
    return [str(statuses[params["status"]])] if params["status"] else []


register(
    Dataset(
        key="commission-questions",
        title=_("Queries"),
        unit=(_("query"), _("queries")),
        permission=MONEY,
        columns=(
            *line_columns("line__"),
            *money_columns(
                Column("question", _("Question"), expression="text"),
                Column("status", _("Status"), choices=dict(QuestionStatus.choices)),
                Column("answer", _("Answer"), default=False),
                Column("asked_by", _("Asked by"), expression="asked_by__name", default=False),
                Column("asked_on", _("Asked on"), Kind.DATE, expression=F("asked_at"), default=False),
            ),
        ),
        rows=_questions,
        form=QuestionsForm,
        order=("-asked_on",),
        search=("client", "client_id", "deal_id", "statement", "question"),
        client="line__client_id",
        describe=_describe_questions,
        row_link=line_question,
        row_link_needs=("statement", "line_no"),
    )
)
