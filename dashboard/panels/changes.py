"""The panel of tier point changes in a range: opening + new - lost = closing, by cause, with links to the rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TypedDict, Unpack
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.scope import Scope
from dashboard import front_page_text
from dashboard.overview import TOGETHER, Overview
from dashboard.queries import CHANGES_PREFIX, changes_period
from ledger.queries import Changes, Counter
from ledger.queries import changes as changes_of
from partner_portal.formats.charts import Step, bridge_chart
from partner_portal.formats.days import day_text
from partner_portal.formats.numbers import decimal_text, signed_decimal_text
from partner_portal.lib.charts.chart import Chart
from partner_portal.lib.dates.ranges import ChosenPeriod, Comparison, Difference, compared
from partner_portal.lib.shown_places import adding_places, close_places, common_places
from partner_portal.lib.web.range_control import RangeControl
from program.labels import label
from program.periods import programme_periods
from program.queries import rulebook
from program.terms import Cause, Direction, Side, Track

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the four counters."""

    label: str
    counter: Counter
    #: Whether it counts gains, not losses.
    gain: bool
    #: The URL of its rows.
    address: str
    #: The difference from the comparison; None without one.
    moved: Difference | None


@dataclass(frozen=True, slots=True)
class CauseCell:
    """A cell of the table of causes."""

    #: Signed points; None: there are no such entries.
    points: Decimal | None
    #: The URL of the rows; "" for a sum over several.
    address: str


@dataclass(frozen=True, slots=True)
class CauseRow:
    """A row of the table of causes: a track, or all of them."""

    track: str
    label: str
    #: A cell per cause.
    cells: tuple[CauseCell, ...]
    #: The sum of the cells.
    net: Decimal


class PanelRange(TypedDict, total=False):
    """What the dashboard's panel adds to the range control of the rows."""

    #: The element that htmx replaces.
    target: str
    comparison: Comparison
    #: The sections that can share one range.
    sections: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ChangesPanel:
    """The contents of the panel."""

    range: RangeControl
    comparison: Comparison
    changes: Changes
    #: The four counters.
    figures: tuple[Figure, ...]
    #: The sentence about the total: the text before the number, the number, and the text after it.
    verb: str
    net: str
    span: str
    #: Whether the total rose; None: it stayed the same.
    rising: bool | None
    #: Key and label of the causes of the table.
    causes: tuple[tuple[str, str], ...]
    #: A row per track, and the row of their sums.
    rows: tuple[CauseRow, ...]
    totals: CauseRow
    #: The bridge from the opening to the closing points; None without points. Whether its outer bars are broken.
    chart: Chart | None
    broken: bool
    #: A sentence about days of the range without data; "" without such days.
    beyond: str
    #: The last day of the range that is not in the future.
    last_day: date
    #: The decimals with which the bridge adds up, and those of the table of causes.
    places: int
    cause_places: int
    #: Whether the panel replaces itself, so that the focus is set again.
    refocus: bool


def changes(overview: Overview) -> ChangesPanel:
    """The panel's figures."""
    scope = overview.scope
    query = overview.section(CHANGES_PREFIX)
    asked = changes_period(scope, query)
    comparison = compared(query, asked, starts=overview.starts)
    chosen = overview.fixed(asked)
    moved = changes_of(scope, chosen.period)
    before = changes_of(scope, comparison.base) if comparison.base is not None and comparison.known else None
    verb, net, span = front_page_text.net_change(moved)
    difference = moved.closing.total - moved.opening.total
    causes = tuple(cause for cause in Cause if any(cause in by_cause for by_cause in moved.causes.values()))
    rows = tuple(_row(track, moved.causes[track], causes, chosen.query) for track in Track)
    places = _places(moved)
    totals = [sum((by_cause.get(cause, ZERO) for by_cause in moved.causes.values()), ZERO) for cause in causes]
    beyond = ""
    if chosen.period.last > scope.today:
        beyond = (
            _("The range ends after %(day)s, the day shown; later days are left out.") % {"day": day_text(scope.today)}
            if overview.day.past
            else _("The range ends after today; days to come hold nothing yet.")
        )
    elif overview.starts is not None and chosen.period.last < overview.starts:
        beyond = _("The range ends before the first data.")
    chart = bridge_chart(_("From the opening to the closing points"), _steps(moved, places))
    return ChangesPanel(
        range=changes_range(
            scope,
            overview.path,
            overview.query,
            chosen,
            target="changes",
            comparison=comparison,
            sections=TOGETHER,
            starts=overview.starts,
        ),
        comparison=comparison,
        changes=moved,
        figures=tuple(
            Figure(
                name,
                getattr(moved, f"{direction}_{side}"),
                direction == Direction.NEW,
                address(direction, side, chosen.query),
                comparison.difference(
                    getattr(moved, f"{direction}_{side}").points,
                    getattr(before, f"{direction}_{side}").points if before else None,
                ),
            )
            for name, direction, side in (
                (_("New sold"), Direction.NEW, Side.SOLD),
                (_("Lost sold"), Direction.LOST, Side.SOLD),
                (_("New managed"), Direction.NEW, Side.MANAGED),
                (_("Lost managed"), Direction.LOST, Side.MANAGED),
            )
        ),
        verb=verb,
        net=net,
        span=span,
        rising=None if not difference else difference > 0,
        causes=tuple((cause, str(label(cause))) for cause in causes),
        rows=rows,
        totals=CauseRow("", _("Total"), tuple(CauseCell(value, "") for value in totals), difference),
        chart=chart,
        broken=chart is not None and any(bar.broken for bar in chart.bars),
        beyond=beyond,
        last_day=min(chosen.period.last, scope.today),
        places=places,
        cause_places=_cause_places(rows, totals, difference),
        refocus=overview.part == "changes",
    )


def changes_range(
    scope: Scope,
    path: str,
    query: Mapping[str, str],
    chosen: ChosenPeriod,
    *,
    starts: date | None,
    **panel: Unpack[PanelRange],
) -> RangeControl:
    """The range control of the changes, on a drill-down's page and, with what the panel adds, on the dashboard."""
    programme = programme_periods(rulebook(scope), scope.today)
    return RangeControl(path, query, chosen, programme=programme, starts=starts, ends=scope.today, **panel)


def address(direction: Direction, side: Side, query: Mapping[str, str], **filters: str) -> str:
    """The drill-down of a counter, in the range that `query` names."""
    return f"{reverse('dashboard_changes', args=[f'{direction}-{side}'])}?{urlencode({**query, **filters})}"


def _row(
    track: Track, by_cause: Mapping[Cause, Decimal], causes: tuple[Cause, ...], query: Mapping[str, str]
) -> CauseRow:
    side = Side.SOLD if track.is_sold else Side.MANAGED

    def cell(cause: Cause) -> CauseCell:
        if cause not in by_cause:
            return CauseCell(None, "")
        direction = Direction.NEW if cause.is_gain else Direction.LOST
        filters: dict[str, str] = {"cause": cause} if side == Side.MANAGED else {"track": track}
        if side == Side.SOLD and direction == Direction.LOST:
            filters["cause"] = cause
        return CauseCell(by_cause[cause], address(direction, side, query, **filters))

    return CauseRow(track, str(label(track)), tuple(map(cell, causes)), sum(by_cause.values(), ZERO))


def _places(moved: Changes) -> int:
    gains = (moved.new_sold.points, -moved.lost_sold.points, moved.new_managed.points, -moved.lost_managed.points)
    return adding_places(moved.closing.total, (moved.opening.total, *gains))


def _cause_places(rows: Sequence[CauseRow], totals: Sequence[Decimal], net: Decimal) -> int:
    """The decimals with which every row and every column of the table adds up."""
    columns = zip(*(([cell.points or ZERO for cell in row.cells]) for row in rows), strict=True)
    sums: list[tuple[Decimal, Sequence[Decimal]]] = [
        (row.net, [cell.points or ZERO for cell in row.cells]) for row in rows
    ]
    sums += [*zip(totals, columns, strict=True), (net, [row.net for row in rows]), (net, totals)]
    return common_places(sums, max((close_places(total) for total, _parts in sums), default=0))


def _steps(moved: Changes, places: int) -> list[Step]:
    """The columns of the bridge, with their short names in lines."""
    level = moved.opening.total
    steps = [Step(None, level, decimal_text(level, places), (_("Opening"),))]
    moves = (
        (moved.new_sold.points, (_("New"), _("sold"))),
        (-moved.lost_sold.points, (_("Lost"), _("sold"))),
        (moved.new_managed.points, (_("New"), _("managed"))),
        (-moved.lost_managed.points, (_("Lost"), _("managed"))),
    )
    for move, name in moves:
        steps.append(Step(level, level + move, signed_decimal_text(move, places), name))
        level += move
    steps.append(Step(None, level, decimal_text(level, places), (_("Closing"),)))
    return steps
