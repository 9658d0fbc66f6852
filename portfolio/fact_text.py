"""Title and details of an imported row, for pages on which people withdraw and restore facts."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ledger.why_text import managing_partners
from partner_portal.formats.days import day_text
from partner_portal.formats.numbers import exact_money


@dataclass(frozen=True, slots=True)
class FactText:
    """Title and details of a row."""

    title: str  #: what identifies it among its kind
    detail: str  #: its other values; "" for none


def fact_text(kind_key: str, row: Any) -> FactText:
    """Title and details of a row of a kind; its string for a kind without a text of its own."""
    text = TEXTS.get(kind_key)
    return text(row) if text else FactText(str(row), "")


def _client(row: Any) -> FactText:
    return FactText(f"{row.client_id} · {row.name}", _joined(row.domain, row.country, row.currency))


def _deal(row: Any) -> FactText:
    closed = _("closed on %(day)s") % {"day": day_text(row.closed_on)} if row.closed_on else ""
    what = _joined(row.product_line, row.get_kind_display(), row.get_origin_display(), row.get_stage_display(), closed)
    return FactText(f"{row.deal_id} · {row.name}", _joined(what, exact_money(row.mrr, row.currency)))


def _service(row: Any) -> FactText:
    title = _("Service from %(day)s") % {"day": day_text(row.started_on)}
    ends = _("until %(day)s") % {"day": day_text(row.ended_on)} if row.ended_on else _("no end known")
    return FactText(title, _joined(ends, exact_money(row.mrr, row.currency), managing_partners(row.managing_partners)))


def _cancellation(row: Any) -> FactText:
    text = (
        _("Cancellation of %(line)s on %(day)s")
        if row.product_line
        else _("Cancellation of the whole client on %(day)s")
    )
    title = text % {"line": row.product_line, "day": day_text(row.cancelled_on)}
    return FactText(title, row.reason)


def _renewal(row: Any) -> FactText:
    title = _("Renewal of %(line)s on %(day)s") % {"line": row.product_line, "day": day_text(row.renews_on)}
    money = f"{exact_money(row.current_mrr, row.currency)} → {exact_money(row.renewal_mrr, row.currency)}"
    return FactText(title, _joined(row.get_status_display(), money, row.renewal_manager))


def _mrr_month(row: Any) -> FactText:
    title = _("MRR of %(month)s") % {"month": date_format(row.month, "F Y")}
    return FactText(title, exact_money(row.mrr, row.currency))


def _certification(row: Any) -> FactText:
    earned = _("earned on %(day)s") % {"day": day_text(row.earned_on)}
    until = _("until %(day)s") % {"day": day_text(row.expires_on)} if row.expires_on else ""
    return FactText(f"{row.person} · {row.certification}", _joined(earned, until))


def _statement_line(row: Any) -> FactText:
    month = date_format(row.invoice_month, "F Y")
    return FactText(
        str(row), _joined(row.period, month, row.product_line, exact_money(row.commission, row.payout_currency))
    )


TEXTS: Mapping[str, Callable[[Any], FactText]] = {
    "clients": _client,
    "deals": _deal,
    "services": _service,
    "cancellations": _cancellation,
    "renewals": _renewal,
    "mrr_history": _mrr_month,
    "certifications": _certification,
    "statement_lines": _statement_line,
}

# What goes along with a client, or comes back with it, by kind.
_COUNTS: Mapping[str, Callable[[int], str]] = {
    "clients": lambda count: ngettext("%(count)s client", "%(count)s clients", count),
    "deals": lambda count: ngettext("%(count)s deal", "%(count)s deals", count),
    "services": lambda count: ngettext("%(count)s service", "%(count)s services", count),
    "cancellations": lambda count: ngettext("%(count)s cancellation", "%(count)s cancellations", count),
    "renewals": lambda count: ngettext("%(count)s renewal", "%(count)s renewals", count),
    "mrr_history": lambda count: ngettext("%(count)s month of MRR", "%(count)s months of MRR", count),
    "certifications": lambda count: ngettext("%(count)s certification", "%(count)s certifications", count),
    "statement_lines": lambda count: ngettext("%(count)s statement line", "%(count)s statement lines", count),
}


def counts_text(counts: Mapping[str, int]) -> list[str]:
    """Numbers of rows by kind as texts: `3 deals`, `1 service`."""
    return [_COUNTS[kind_key](count) % {"count": count} for kind_key, count in counts.items() if kind_key in _COUNTS]


def _joined(*parts: str) -> str:
    return ", ".join(part for part in parts if part)
