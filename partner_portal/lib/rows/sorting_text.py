"""By which column rows are sorted, as a text."""

from django.utils.translation import gettext as _

from partner_portal.lib.rows.datasets import Kind, Selection


def sorting_text(selection: Selection) -> str:
    """The column the rows are sorted by, and the direction."""
    column = selection.dataset.column(selection.sort.lstrip("-"))
    descending = selection.sort.startswith("-")
    if column.kind in {Kind.DATE, Kind.MONTH}:
        direction = _("newest first") if descending else _("oldest first")
    elif column.kind == Kind.TEXT:
        direction = _("Z to A") if descending else _("A to Z")
    else:
        direction = _("largest first") if descending else _("smallest first")
    return f"{column.label}, {direction}"
