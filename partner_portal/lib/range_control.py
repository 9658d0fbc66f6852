"""What the date-range control of a panel or a page shows: presets and a custom range, as plain addresses and one GET form.

The template is `partials/range.html`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from partner_portal.lib.periods import GROUPS, LOOKING_BACK, PRESETS, ChosenPeriod, Period


@dataclass(frozen=True, slots=True)
class Preset:
    """One named range: where it leads, and whether it is the one shown."""

    label: str
    address: str
    current: bool


@dataclass(frozen=True, slots=True)
class RangeControl:
    """groups: (heading, presets). kept: the parameters that a change of range leaves alone. target: the id of the element
    that htmx replaces, "" to load the page. starts and ends: the days between which there is data."""

    path: str
    chosen: ChosenPeriod
    groups: tuple[tuple[str, tuple[Preset, ...]], ...]
    kept: tuple[tuple[str, str], ...]
    target: str
    starts: date | None
    ends: date | None

    @property
    def id(self) -> str:
        """The id of the button."""
        return f"{self.chosen.prefix}choice"


def range_control(
    path: str,
    query: Mapping[str, str],
    chosen: ChosenPeriod,
    *,
    target: str = "",
    presets: tuple[str, ...] = LOOKING_BACK,
    programme: Mapping[str, tuple[str, Period]] | None = None,
    starts: date | None = None,
    ends: date | None = None,
) -> RangeControl:
    """The control for the range `chosen` on the page `path?query`. A new range starts again on the first page."""
    own = {f"{chosen.prefix}{name}" for name in ("range", "from", "to")} | {"page"}
    kept = tuple((name, value) for name, value in query.items() if name not in own)

    def preset(key: str, label: object) -> Preset:
        address = urlencode([*kept, (f"{chosen.prefix}range", key)])
        return Preset(str(label), f"{path}?{address}", chosen.preset == key)

    found: dict[str, list[Preset]] = {}
    for key in presets:
        group, label, _resolve = PRESETS[key]
        found.setdefault(group, []).append(preset(key, label))
    if programme:
        found["programme"] = [preset(key, label) for key, (label, _period) in programme.items()]
    groups = tuple((str(GROUPS[group]), tuple(found[group])) for group in GROUPS if group in found)
    return RangeControl(path, chosen, groups, kept, target, starts, ends)
