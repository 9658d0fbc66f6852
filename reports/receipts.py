"""Receipts of exported files: filters, days, totals and a link, as second sheet of a workbook or README beside a CSV."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.utils.formats import date_format, number_format
from django.utils.translation import gettext as _

from accounts.scope import Scope
from partner_portal.lib import site
from partner_portal.lib.rounding import half_even
from partner_portal.lib.rows.datasets import Selection
from partner_portal.lib.rows.providers import data_as_of
from partner_portal.lib.rows.sorting_text import sorting_text
from reports.definitions import params_of, period_of, period_text
from reports.dialects import PLACES
from reports.writers import Written

ReceiptValue = str | int | Decimal


def page_link(selection: Selection) -> str:
    """The absolute URL that shows these rows again, with a moving range written as its days of now."""
    query = urlencode(params_of(selection, fixed=True))
    address = site.link("dataset_rows", selection.dataset.key)
    return f"{address}?{query}" if query else address


def receipt(
    selection: Selection[Scope], written: Written, *, title: str, at: datetime
) -> Iterator[tuple[str, ReceiptValue]]:
    """(label, value) in the order they are shown; counts and sums are numbers, everything else is text."""
    scope = selection.scope
    yield _("Title"), title
    yield _("Partner"), scope.partner.name
    yield _("Days"), period_text(period_of(selection)) or _("No range of days")
    yield _("Filters"), "; ".join(selection.filter_texts) or _("None")
    if selection.valued:
        yield _("Amounts"), selection.valued
    yield _("Sorted by"), sorting_text(selection)
    yield _("Time zone"), scope.partner.time_zone
    as_of = data_as_of(scope)
    yield _("Data as of"), _instant_text(as_of, scope) if as_of else _("No data yet")
    yield _("Made on"), _instant_text(at, scope)
    if scope.user:
        yield _("Made for"), str(scope.user)
    yield _("Rows"), written.rows
    yield from sums(selection, written)
    if written.shortened:
        yield _("Cells cut at 32,767 characters"), written.shortened
    yield _("To come back"), page_link(selection)


def sums(selection: Selection, written: Written) -> Iterator[tuple[str, Decimal]]:
    """(label, total) of each summed column; the label of an amount names its currency."""
    for column in selection.columns:
        if column.name in written.totals:
            currency = selection.dataset.total_currency(selection.scope) if column.currency else ""
            label = f"{column.label} ({currency})" if currency else str(column.label)
            yield (
                _("Total of %(column)s") % {"column": label},
                half_even(written.totals[column.name], PLACES.get(column.kind, 0)),
            )


def readme(selection: Selection[Scope], written: Written, *, title: str, at: datetime) -> str:
    """The receipt as plain text, one line per entry."""
    lines = (
        f"{what}: {number_format(value) if isinstance(value, Decimal) else value}"
        for what, value in receipt(selection, written, title=title, at=at)
    )
    return "\r\n".join([_("About this export"), "", *lines, ""])


def _instant_text(at: datetime, scope: Scope) -> str:
    return date_format(at.astimezone(ZoneInfo(scope.partner.time_zone)), "j M Y, H:i")
