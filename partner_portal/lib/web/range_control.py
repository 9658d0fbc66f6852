"""What the date-range control of a panel or a page shows: presets and a custom range, as plain addresses and one GET form.

The template is `partials/range.html`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from partner_portal.lib.dates.comparison import BASES, Comparison
from partner_portal.lib.dates.periods import GROUPS, LOOKING_BACK, NAMES, PRESETS, ChosenPeriod, Period


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing to choose: where it leads, and whether it is the one shown."""

    label: str
    address: str
    current: bool


@dataclass(frozen=True, slots=True)
class RangeControl:
    """groups: (heading, presets). bases: what to compare with, for a panel that compares. kept: the parameters that a change
    of range leaves alone. named: whether the address names the range shown. prefix: of the names that a change sets. target:
    the id of the element that htmx replaces, "" to load the page. base: shows the range that is compared with, "" for none.
    together: the switch that gives all sections one range, None where there is nothing to share. starts and ends: the days
    between which there is data."""

    path: str
    chosen: ChosenPeriod
    groups: tuple[tuple[str, tuple[Choice, ...]], ...]
    bases: tuple[Choice, ...]
    kept: tuple[tuple[str, str], ...]
    named: bool
    prefix: str
    target: str
    base: str
    together: Choice | None
    starts: date | None
    ends: date | None

    @property
    def unnamed(self) -> str:
        """The parameters of the range shown, when the address names none: what ranges.js puts there before it changes."""
        return "" if self.named else urlencode(self.chosen.query)

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
    comparison: Comparison | None = None,
    sections: tuple[str, ...] = (),
    starts: date | None = None,
    ends: date | None = None,
) -> RangeControl:
    """The control for the range `chosen` on the page `path?query`. A new range starts again on the first page.

    comparison: what the panel compares with, for a panel that can. sections: the prefixes of all that can share one range;
    while they do, a new range is that of all of them, and the page is loaded.
    """
    shared = bool(sections) and _names_range(query, "") and not _names_range(query, chosen.prefix)
    prefix = "" if shared else chosen.prefix

    def leading(values: Mapping[str, str], without: tuple[str, ...]) -> str:
        left = [(name, value) for name, value in query.items() if name not in without and name != "page"]
        anchor = f"#{target}" if shared else ""
        return f"{path}?{urlencode([*left, *values.items()])}{anchor}"

    own = tuple(f"{prefix}{name}" for name in NAMES)

    def preset(key: str, label: object) -> Choice:
        return Choice(str(label), leading({f"{prefix}range": key}, own), chosen.preset == key)

    found: dict[str, list[Choice]] = {}
    for key in presets:
        group, label, _resolve = PRESETS[key]
        found.setdefault(group, []).append(preset(key, label))
    if programme:
        found["programme"] = [preset(key, label) for key, (label, _period) in programme.items()]
    groups = tuple((str(GROUPS[group]), tuple(found[group])) for group in GROUPS if group in found)
    bases: tuple[Choice, ...] = ()
    if comparison is not None:
        name = f"{prefix}cmp"
        bases = tuple(
            Choice(str(label), leading({name: how}, (name,)), comparison.how == how) for how, label in BASES.items()
        )
    kept = tuple((name, value) for name, value in query.items() if name not in own and name != "page")
    return RangeControl(
        path,
        chosen,
        groups,
        bases,
        kept,
        shared or _names_range(query, chosen.prefix),
        prefix,
        "" if shared else target,
        _base(comparison, prefix, lambda values: leading(values, own)),
        _together(leading, chosen, sections, comparison, shared) if sections else None,
        starts,
        ends,
    )


def _base(comparison: Comparison | None, prefix: str, leading: Callable[[Mapping[str, str]], str]) -> str:
    if comparison is None or comparison.base is None or not comparison.known:
        return ""
    first, last = comparison.base.first.isoformat(), comparison.base.last.isoformat()
    return leading({f"{prefix}from": first, f"{prefix}to": last})


def _names_range(query: Mapping[str, str], prefix: str) -> bool:
    return any(query.get(f"{prefix}{name}") for name in NAMES)


def _together(
    leading: Callable[[Mapping[str, str], tuple[str, ...]], str],
    chosen: ChosenPeriod,
    sections: tuple[str, ...],
    comparison: Comparison | None,
    shared: bool,
) -> Choice:
    """The switch: on, it hands the range and the comparison shown to every section by name; off, it makes them everybody's."""
    everywhere = tuple(f"{section}{name}" for section in ("", *sections) for name in (*NAMES, "cmp"))
    values: dict[str, str] = {}
    for section in sections if shared else ("",):
        values |= {f"{section}{name.removeprefix(chosen.prefix)}": value for name, value in chosen.query.items()}
        if comparison is not None and comparison.base is not None:
            values[f"{section}cmp"] = comparison.how
    return Choice(_("Same for all sections"), leading(values, everywhere), shared)
