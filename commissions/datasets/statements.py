"""Statements, and the negative ones that later statements make up for."""

from decimal import Decimal

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from commissions.datasets.columns import MONEY, money_columns, payout_currency
from commissions.forms import STANDING_LABELS, STATEMENT_LABELS, OffsetsForm, StatementsForm
from commissions.queries import offset_uses, statement_summaries
from partner_portal.formats.days import quarter_text
from partner_portal.lib.rows.datasets import Column, Dataset, Kind, Params, Row, register
from program.labels import labels
from program.terms import LineStatus


def _statements(scope: Scope, params: Params) -> list[Row]:
    return [
        {
            "statement": statement.statement_id,
            "period": quarter_text(statement.period),
            "period_key": statement.period,
            "status": statement.status,
            "standing": statement.standing,
            "pay_on": statement.pay_on,
            "paid_on": statement.paid_on,
            "lines": statement.lines,
            "clients": statement.clients,
            "reversals": statement.reversals,
            "variances": statement.variances,
            "off_by": statement.off_by,
            "clawbacks": statement.clawbacks,
            "withheld": statement.withheld,
            "forfeited": statement.forfeited,
            "total": statement.total,
            "used": statement.used,
            "left": statement.left,
            "currency": statement.currency,
        }
        for statement in statement_summaries(scope, payout_currency=scope.partner.payout_currency)
        if params["standing"] in ("", statement.standing)
    ]


def _describe_standing(scope: Scope, params: Params) -> list[str]:
    return [str(STATEMENT_LABELS[params["standing"]])] if params["standing"] else []


register(
    Dataset(
        key="commission-statements",
        title=_("Statements"),
        unit=(_("statement"), _("statements")),
        permission=MONEY,
        columns=money_columns(
            Column("statement", _("Statement")),
            Column("period", _("Period"), expression="period_key", markup=quarter_text),
            Column("status", _("Status"), choices=STANDING_LABELS | labels([LineStatus.ISSUED])),
            Column("standing", _("Standing"), choices=STATEMENT_LABELS, under="status"),
            Column("pay_on", _("Pay date"), Kind.DATE),
            Column("paid_on", _("Paid on"), Kind.DATE),
            Column("lines", _("Lines"), Kind.COUNT, total=True),
            Column("clients", _("Clients"), Kind.COUNT),
            Column("reversals", _("Reversals"), Kind.COUNT, total=True),
            Column("variances", _("Lines that don’t add up"), Kind.COUNT, total=True),
            Column("clawbacks", _("Variances of reversals"), Kind.COUNT, total=True),
            Column("off_by", _("Off by"), Kind.MONEY, currency="currency", total=True, default=False),
            Column("withheld", _("Withheld"), Kind.MONEY, currency="currency", total=True),
            Column("forfeited", _("Forfeited"), Kind.MONEY, currency="currency", total=True),
            Column("total", _("Total"), Kind.MONEY, currency="currency", total=True),
            Column(
                "used",
                _("Offset against it"),
                Kind.MONEY,
                currency="currency",
                total=True,
                default=False,
            ),
            Column("left", _("To be offset"), Kind.MONEY, currency="currency", total=True),
            Column("currency", _("Currency"), default=False),
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


def _offsets(scope: Scope, params: Params) -> list[Row]:
    uses = offset_uses(scope)
    return [
        {
            "statement": statement.statement_id,
            "period_key": statement.period,
            "standing": statement.standing,
            "pay_on": statement.pay_on,
            "total": statement.total,
            "used": sum((use.amount for use in uses.get(statement.statement_id, ())), Decimal(0)),
            "by": ", ".join(use.by for use in uses.get(statement.statement_id, ())),
            "left": statement.left,
            "currency": statement.currency,
        }
        for statement in statement_summaries(scope, payout_currency=scope.partner.payout_currency)
        if statement.total < 0
        and (statement.left or not params["show"])
        and params["quarter"] in ("", statement.period)
    ]


def _describe_offsets(scope: Scope, params: Params) -> list[str]:
    filters = [quarter_text(params["quarter"])] if params["quarter"] else []
    return [*filters, gettext("With something left to be offset")] if params["show"] else filters


register(
    Dataset(
        key="commission-offsets",
        title=_("Statements to be offset"),
        unit=(_("negative statement"), _("negative statements")),
        permission=MONEY,
        columns=money_columns(
            Column("statement", _("Statement")),
            Column("period", _("Period"), expression="period_key", markup=quarter_text),
            Column("standing", _("Standing"), choices=STATEMENT_LABELS),
            Column("pay_on", _("Pay date"), Kind.DATE),
            Column("total", _("Total"), Kind.MONEY, currency="currency", total=True),
            Column("used", _("Offset so far"), Kind.MONEY, currency="currency", total=True),
            Column("by", _("Offset against")),
            Column("left", _("To be offset"), Kind.MONEY, currency="currency", total=True),
            Column("currency", _("Currency"), default=False),
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
