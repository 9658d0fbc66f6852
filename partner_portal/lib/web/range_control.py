"""The control that changes the range of a section: links for presets, a GET form for custom days. See `lib.dates.ranges`.

The template is `partials/range.html`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from django.utils.functional import Promise
from django.utils.translation import gettext as _

from partner_portal.lib.dates.ranges import (
    BASES,
    COMPARE_NAME,
    GROUP_LABELS,
    LOOKING_BACK,
    NAMES,
    PRESETS,
    RANGE_NAMES,
    ChosenPeriod,
    Comparison,
    Group,
    ProgrammePresets,
    names_range,
)


@dataclass(frozen=True, slots=True)
class Choice:
    """A link of the control; `current` when it leads to what is shown."""

    label: str
    address: str
    current: bool


@dataclass(frozen=True, slots=True)
class RangeControl:
    """The control for the range `chosen` on the page `path?query`."""

    path: str
    query: Mapping[str, str]
    chosen: ChosenPeriod
    #: The id of the section's element, which htmx replaces; "" to load the page.
    target: str = ""
    #: The keys of the presets to offer.
    presets: tuple[str, ...] = LOOKING_BACK
    #: Presets of the programme to offer besides.
    programme: ProgrammePresets | None = None
    #: What the section compares with; None for a section that cannot.
    comparison: Comparison | None = None
    #: The prefixes of all sections that can share one range; empty where there is nothing to share.
    sections: tuple[str, ...] = ()
    #: The first and the last day with data; None for no bound.
    starts: date | None = None
    ends: date | None = None

    @property
    def id(self) -> str:
        """The id of the button."""
        return f"{self.chosen.prefix}choice"

    @property
    def shared(self) -> bool:
        """Whether sections share one range; a new one is then that of all of them, and the page is loaded."""
        return bool(self.sections) and names_range(self.query, "") and not names_range(self.query, self.chosen.prefix)

    @property
    def prefix(self) -> str:
        """The prefix of the parameters that a change sets."""
        return "" if self.shared else self.chosen.prefix

    @property
    def htmx_target(self) -> str:
        """The id of the element that a change replaces; "" where it loads the page."""
        return "" if self.shared else self.target

    @property
    def unnamed(self) -> str:
        """The parameters of the range shown when the address names none: what ranges.js puts there before it changes."""
        named = self.shared or names_range(self.query, self.chosen.prefix)
        return "" if named else urlencode(self.chosen.query)

    @property
    def groups(self) -> list[tuple[str, list[Choice]]]:
        """The presets under their headings."""
        presets: list[tuple[Group, str, str | Promise]] = [
            (PRESETS[key].group, key, PRESETS[key].label) for key in self.presets
        ]
        presets += [(Group.PROGRAMME, key, label) for key, (label, _period) in (self.programme or {}).items()]
        groups = [
            (str(GROUP_LABELS[group]), [self._preset(key, label) for of, key, label in presets if of == group])
            for group in Group
        ]
        return [(heading, choices) for heading, choices in groups if choices]

    @property
    def bases(self) -> list[Choice]:
        """What the section can compare with."""
        if self.comparison is None:
            return []
        name = f"{self.prefix}{COMPARE_NAME}"
        return [
            Choice(str(label), self._address({name: how}, (name,)), self.comparison.how == how)
            for how, label in BASES.items()
        ]

    @property
    def other_parameters(self) -> list[tuple[str, str]]:
        """The parameters that a change of range leaves alone."""
        return self._without(self._range_names)

    @property
    def base_address(self) -> str:
        """The address that shows the range compared with; "" where there is none, or one without data."""
        base = self.comparison.base if self.comparison and self.comparison.known else None
        if base is None:
            return ""
        days = {f"{self.prefix}from": base.first.isoformat(), f"{self.prefix}to": base.last.isoformat()}
        return self._address(days, self._range_names)

    @property
    def sharing(self) -> Choice | None:
        """The switch that makes the range and comparison shown those of all sections, or gives every section its own again."""
        if not self.sections:
            return None
        values: dict[str, str] = {}
        for section in self.sections if self.shared else ("",):
            values |= {
                f"{section}{name.removeprefix(self.chosen.prefix)}": day for name, day in self.chosen.query.items()
            }
            if self.comparison is not None and self.comparison.base is not None:
                values[f"{section}{COMPARE_NAME}"] = self.comparison.how
        all_names = tuple(f"{section}{name}" for section in ("", *self.sections) for name in NAMES)
        return Choice(_("Same for all sections"), self._address(values, all_names), self.shared)

    @property
    def _range_names(self) -> tuple[str, ...]:
        return tuple(f"{self.prefix}{name}" for name in RANGE_NAMES)

    def _preset(self, key: str, label: str | Promise) -> Choice:
        address = self._address({f"{self.prefix}range": key}, self._range_names)
        return Choice(str(label), address, self.chosen.preset == key)

    def _without(self, names: tuple[str, ...]) -> list[tuple[str, str]]:
        """The parameters of the page but for `names` and the page number: a change starts again on the first page."""
        return [(name, value) for name, value in self.query.items() if name not in names and name != "page"]

    def _address(self, values: Mapping[str, str], without: tuple[str, ...]) -> str:
        anchor = f"#{self.target}" if self.shared else ""
        return f"{self.path}?{urlencode([*self._without(without), *values.items()])}{anchor}"
