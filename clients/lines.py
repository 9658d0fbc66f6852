"""Product lines of a partner: their spellings, how many facts name them, and rows that name one the client never had.

docs/points.md 13; merging two lines is in `clients.line_merges`.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count
from django.http import Http404
from django.utils.translation import gettext as _

from accounts.scope import Scope
from clients.models import Client, Deal, ProductLine
from clients.queries import stored_rows
from partner_portal.lib.collation import sort_key
from partner_portal.lib.rows.facts import FactKind, Remark, kinds
from partner_portal.lib.rows.spelling import Spellings, spelling_key
from program.terms import SALES, DealKind, Stage

if TYPE_CHECKING:
    import pandas as pd

LINE = "product_line"  # the column and the field of every kind of fact that names one
_SEVERAL = ";"


def product_lines(scope: Scope) -> Spellings:
    """The partner's product lines as `Column.spellings` wants them: a merged one is shown as the one it ended up in."""
    lines = _by_pk(scope)
    return Spellings((line.key, _end(lines, line).name) for line in lines.values())


def _by_pk(scope: Scope) -> dict[int, ProductLine]:
    return {line.pk: line for line in ProductLine.objects.filter(partner=scope.partner)}


def _end(lines: Mapping[int, ProductLine], line: ProductLine) -> ProductLine:
    while line.merged_into_id is not None:
        line = lines[line.merged_into_id]
    return line


def kinds_with_lines() -> list[FactKind]:
    """The kinds whose rows name a product line."""
    return [kind for kind in kinds() if any(column.spellings is product_lines for column in kind.columns)]


def register_lines(scope: Scope, rows: "pd.DataFrame") -> None:
    """Store the lines that imported rows name and that are not stored yet, as `FactKind.after_writing`."""
    new: dict[str, str] = {}
    for name in rows[LINE].unique():
        new.setdefault(spelling_key(name), name)
    new.pop("", None)
    known = ProductLine.objects.filter(partner=scope.partner, key__in=list(new)).values_list("key", flat=True)
    for key in list(known):
        del new[key]
    ProductLine.objects.bulk_create(
        [ProductLine(partner=scope.partner, key=key, name=name) for key, name in new.items()], ignore_conflicts=True
    )


# Reads


@dataclass(frozen=True, slots=True)
class LineCounts:
    """A product line with the number of facts that name it."""

    line: ProductLine
    counts: Mapping[str, int]  #: by kind of fact; 0 for none
    merged: tuple[str, ...]  #: names of the lines that were merged into it

    @property
    def total(self) -> int:
        """Facts of all kinds."""
        return sum(self.counts.values())


def lines_with_counts(scope: Scope) -> list[LineCounts]:
    """The partner's lines that were not merged away, by name, with counts of the facts that are not withdrawn.

    One query a kind. Lines that no fact names any more are left out, unless others were merged into them.
    """
    kinds_ = kinds_with_lines()
    counts: dict[str, dict[str, int]] = {}
    for kind in kinds_:
        rows = stored_rows(kind, scope, withdrawal=None).order_by().values_list(LINE).annotate(count=Count("pk"))
        for name, count in rows:
            counts.setdefault(name, {})[kind.key] = count
    lines = _by_pk(scope)
    merged: dict[int, list[str]] = {}
    for line in lines.values():
        if line.merged_into_id is not None:
            merged.setdefault(_end(lines, line).pk, []).append(line.name)
    return sorted(
        (
            LineCounts(
                line,
                {kind.key: counts.get(line.name, {}).get(kind.key, 0) for kind in kinds_},
                tuple(sorted(merged.get(line.pk, ()), key=sort_key)),
            )
            for line in lines.values()
            if line.merged_into_id is None and (line.name in counts or line.pk in merged)
        ),
        key=lambda row: sort_key(row.line.name),
    )


def product_line(scope: Scope, pk: int) -> ProductLine:
    """A line that was not merged away. Raises Http404."""
    line = ProductLine.objects.filter(partner=scope.partner, pk=pk, merged_into=None).first()
    if line is None:
        raise Http404
    return line


# Remarks on imported rows


def remark_on_several(scope: Scope, rows: "pd.DataFrame") -> Iterator[Remark]:
    """Name cells with several lines, as `FactKind.remarks`."""
    for row in _with_several(rows):
        text = _("“%(line)s” looks like several product lines, but counts as one. Give each line a row of its own.")
        yield Remark(row, text % {"line": rows.at[row, LINE]})


def _with_several(rows: "pd.DataFrame") -> "pd.Index":
    return rows.index[rows[LINE].str.contains(_SEVERAL, regex=False)]


def remark_on_deals(scope: Scope, rows: "pd.DataFrame") -> Iterator[Remark]:
    """Name upgrades and downgrades of lines that the client never had, as `FactKind.remarks`."""
    counting = rows[rows["stage"] != Stage.LOST]
    downgrades = counting[counting["kind"] == DealKind.DOWNGRADE]
    yield from remark_on_line(scope, downgrades)
    yield from remark_on_line(
        scope, counting[counting["kind"] == DealKind.UPGRADE], (DealKind.NEW, DealKind.CROSS_SELL)
    )


def remark_on_line(scope: Scope, rows: "pd.DataFrame", sold_by: Collection[DealKind] = SALES) -> Iterator[Remark]:
    """Name rows of lines that the client never had, as `FactKind.remarks`.

    sold_by: the kinds of won deals by which a client comes to have a line.
    """
    named = rows[rows[LINE] != ""].drop(index=_with_several(rows))
    if named.empty:
        return
    # Two queries instead of a join: the planner has no statistics of rows that this transaction has just written.
    clients = Client.objects.filter(partner=scope.partner, client_id__any=set(named["client_id"]))
    client_ids = dict(clients.values_list("pk", "client_id"))
    sales = Deal.objects.filter(partner=scope.partner, client__any=client_ids, stage=Stage.WON, kind__in=sold_by)
    had: dict[str, set[str]] = {}
    for pk, line in sales.order_by().values_list("client_id", LINE).distinct():
        had.setdefault(client_ids[pk], set()).add(line)
    pairs = list(zip(named["client_id"], named[LINE], strict=True))
    never = {(client, line) for client, line in set(pairs) if line not in had.get(client, ())}
    if not never:
        return
    for row, (client, line) in zip(named.index, pairs, strict=True):
        if (client, line) not in never:
            continue
        lines = had.get(client, set())
        names = {"client": client, "line": line, "lines": ", ".join(sorted(lines, key=sort_key))}
        if lines:
            yield Remark(row, _("client %(client)s never had “%(line)s”. It has: %(lines)s.") % names)
        else:
            yield Remark(row, _("client %(client)s never had “%(line)s”, nor any other product line.") % names)
