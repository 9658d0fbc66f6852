"""Sums over entries: figures of a day, changes and causes of a range, what expires. Rules: `docs/points.md` 3 and 4.

Pure. Pages take the same sums from the database; `PointSeries` is what the tier rules read day by day, and it can hold
planned entries of the future, which are never posted.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from ledger.records import Entry, Lot
from partner_portal.lib.dates.months import month_start
from program.terms import GAINS, SOLD_TRACKS, Cause, Track

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class PointFigures:
    """Points of the tracks at the end of a day."""

    sourced: Decimal
    assisted: Decimal
    managed: Decimal

    @property
    def sold(self) -> Decimal:
        """Sourced and assisted points."""
        return self.sourced + self.assisted

    @property
    def total(self) -> Decimal:
        """Sold and managed points."""
        return self.sold + self.managed


@dataclass(frozen=True, slots=True)
class PointChanges:
    """Tier point changes of a range, all losses as positive numbers: opening + new - lost is always closing."""

    opening: Decimal
    new_sold: Decimal
    lost_sold: Decimal
    new_managed: Decimal
    lost_managed: Decimal
    closing: Decimal


class PointSeries:
    """The tracks of a portfolio through time, from signed changes `(day, track, points)` in any order."""

    def __init__(self, changes: Iterable[tuple[date, Track, Decimal]]) -> None:
        by_track: dict[Track, dict[date, Decimal]] = {track: {} for track in Track}
        for on, track, points in changes:
            days = by_track[track]
            days[on] = days.get(on, _ZERO) + points
        self.days: dict[Track, list[date]] = {}
        self.sums: dict[Track, list[Decimal]] = {}
        for track, changed in by_track.items():
            running = _ZERO
            self.days[track] = sorted(changed)
            self.sums[track] = [running := running + changed[on] for on in self.days[track]]

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "PointSeries":
        """The series of ledger entries."""
        return cls((entry.on, entry.track, entry.points) for entry in entries)

    @property
    def first_day(self) -> date | None:
        """The first day with an entry; None for an empty ledger."""
        return min((days[0] for days in self.days.values() if days), default=None)

    def track(self, track: Track, on: date) -> Decimal:
        """The points of one track at the end of the day."""
        index = bisect_right(self.days[track], on)
        return self.sums[track][index - 1] if index else _ZERO

    def figures(self, on: date) -> PointFigures:
        """The points of all tracks at the end of the day."""
        return PointFigures(*(self.track(track, on) for track in (Track.SOURCED, Track.ASSISTED, Track.MANAGED)))


def point_changes(entries: Iterable[Entry], first: date, last: date) -> PointChanges:
    """What was gained and lost from `first` to `last`, both days included."""
    opening = closing = _ZERO
    sums = {(sold, gain): _ZERO for sold in (True, False) for gain in (True, False)}
    before = first - timedelta(days=1)
    for entry in entries:
        if entry.on <= before:
            opening += entry.points
        if entry.on <= last:
            closing += entry.points
        if first <= entry.on <= last:
            sums[entry.track in SOLD_TRACKS, entry.cause in GAINS] += entry.points
    return PointChanges(opening, sums[True, True], -sums[True, False], sums[False, True], -sums[False, False], closing)


def causes(entries: Iterable[Entry], first: date, last: date) -> dict[Track, dict[Cause, Decimal]]:
    """Signed sums by track and cause from `first` to `last`, both days included; sums of 0 are left out."""
    found: dict[Track, dict[Cause, Decimal]] = {track: {} for track in Track}
    for entry in entries:
        if first <= entry.on <= last:
            track = found[entry.track]
            track[entry.cause] = track.get(entry.cause, _ZERO) + entry.points
    return {track: {cause: sums[cause] for cause in sorted(sums) if sums[cause]} for track, sums in found.items()}


def forecast(lots: Iterable[Lot]) -> dict[date, Decimal]:
    """What expires if nothing else happens: what remains of the lots, by the first day of the month of expiry."""
    months: dict[date, Decimal] = {}
    for lot in lots:
        if lot.remaining:
            month = month_start(lot.expires_on)
            months[month] = months.get(month, _ZERO) + lot.remaining
    return dict(sorted(months.items()))


def without(series: PointSeries, taken: Mapping[Track, Decimal], since: date) -> PointSeries:
    """The series if these points (by track) were not there from `since` on."""
    changes = []
    for track in Track:
        before = _ZERO
        for on, after in zip(series.days[track], series.sums[track], strict=True):
            changes.append((on, track, after - before))
            before = after
    return PointSeries([*changes, *((since, track, -points) for track, points in taken.items())])
