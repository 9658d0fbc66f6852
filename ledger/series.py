"""Points of any day from signed changes by track (`docs/points.md` 3 and 4).

Pure. Pages sum single days in the database. Tier rules read many days of a `PointSeries`, which may include planned changes
of the future that are never posted.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from partner_portal.lib.shown_places import adding_places
from program.terms import Track

_ZERO = Decimal("0.0000")


@dataclass(frozen=True, slots=True)
class PointTotals:
    """Points of the tracks at the end of a day."""

    sourced: Decimal = _ZERO
    assisted: Decimal = _ZERO
    managed: Decimal = _ZERO

    @property
    def sold(self) -> Decimal:
        """Sourced and assisted points."""
        return self.sourced + self.assisted

    @property
    def total(self) -> Decimal:
        """Sold and managed points."""
        return self.sold + self.managed

    @property
    def places(self) -> int:
        """The decimals with which sourced and assisted read as adding up to sold, and sold and managed to the total."""
        return adding_places(self.total, (self.sold, self.managed), (self.sourced, self.assisted, self.managed))

    def as_texts(self) -> dict[str, str]:
        """Each figure with 4 decimals."""
        return {name: f"{getattr(self, name):.4f}" for name in ("sourced", "assisted", "sold", "managed", "total")}


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

    def track(self, track: Track, on: date) -> Decimal:
        """The points of one track at the end of the day."""
        index = bisect_right(self.days[track], on)
        return self.sums[track][index - 1] if index else _ZERO

    def figures(self, on: date) -> PointTotals:
        """The points of all tracks at the end of the day."""
        return PointTotals(*(self.track(track, on) for track in (Track.SOURCED, Track.ASSISTED, Track.MANAGED)))


def without(series: PointSeries, taken: Mapping[Track, Decimal], since: date) -> PointSeries:
    """The series with these points (by track) missing from `since` on."""
    changes = []
    for track in Track:
        before = _ZERO
        for on, after in zip(series.days[track], series.sums[track], strict=True):
            changes.append((on, track, after - before))
            before = after
    return PointSeries([*changes, *((since, track, -points) for track, points in taken.items())])
