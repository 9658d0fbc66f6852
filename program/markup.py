"""HTML of the programme's terms: tiers, tracks, causes and the values of metrics."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Protocol

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from partner_portal.formats import elements, numbers
from partner_portal.lib.rounding import ceiling, floor
from partner_portal.lib.shown_places import Number
from program.glossary import Term
from program.labels import label, tier_name
from program.terms import Cause, Metric, Track, Unit

# The tone and the icon of each cause.
_CAUSE_MARKS = {
    Cause.EARNED: ("", "check"),
    Cause.RAISED: ("", "up"),
    Cause.EXPIRED: ("", "clock"),
    Cause.DOWNGRADED: ("warn", "down"),
    Cause.CHURNED: ("bad", "close"),
    Cause.REDUCED: ("warn", "down"),
    Cause.ENDED: ("", "pause"),
}
_TRACK_FILLS: dict[str, tuple[str, ...]] = {
    Track.SOURCED: ("f-sourced",),
    Track.ASSISTED: ("f-assisted", "f-hatch"),
    Track.MANAGED: ("f-managed", "f-dots"),
}


# Tiers, tracks and causes


def tier_mark(name: str | None, names: Sequence[str]) -> SafeString:
    """Rising bars, one for each tier of the rule set (lowest first), filled up to this one."""
    reached = names.index(name) + 1 if name in names else 0
    count = max(len(names), 2)
    bars = []
    for place in range(count):
        height = 5 + 10 * place / (count - 1)
        full = place < reached
        inset = 0 if full else 0.5
        bars.append(
            (
                "" if full else mark_safe(' class="off"'),
                f"{place * 4 + 0.5 + inset:g}",
                f"{round(16 - height + inset, 1):g}",
                f"{3 - 2 * inset:g}",
                f"{round(height - 2 * inset, 1):g}",
            )
        )
    rects = format_html_join("", '<rect{} x="{}" y="{}" width="{}" height="{}"/>', bars)
    return format_html('<svg class="tier-mark" viewBox="0 0 {} 16" aria-hidden="true">{}</svg>', count * 4, rects)


def tier(name: str | None, names: Sequence[str], classes: str = "") -> SafeString:
    """A tier with its mark; None is untiered."""
    return format_html(
        '<span class="tier{}">{}{}</span>', f" {classes}" if classes else "", tier_mark(name, names), tier_name(name)
    )


def swatch(*fills: str) -> SafeString:
    """A square in the fill of a track, or of the classes given: `swatch("sourced")`, `swatch("f-missing")`."""
    classes = _TRACK_FILLS.get(fills[0], fills)
    rects = format_html_join("", '<rect class="{}" width="12" height="12"/>', ((fill,) for fill in classes))
    return format_html('<svg class="swatch" aria-hidden="true">{}</svg>', rects)


def track(value: str) -> SafeString:
    """A track: its swatch and its name."""
    return format_html("{} {}", swatch(value), label(Track(value)))


def cause_tag(value: str) -> SafeString:
    """A cause of a change of points: icon, name and tone."""
    cause = Cause(value)
    tone, icon = _CAUSE_MARKS[cause]
    return format_html(
        '<span class="tag{}"><svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>{}</span>',
        f" {tone}" if tone else "",
        icon,
        label(cause),
    )


def term_button(text: str, card_id: str) -> SafeString:
    """A term as a button that opens the card of that id."""
    return format_html('<button type="button" class="term" popovertarget="{}">{}</button>', card_id, text)


def term_card(entry: Term, card_id: str, help_address: str) -> SafeString:
    """The meaning of a term, as the card that its buttons open."""
    return format_html(
        '<span class="term-card" id="{}" popover><b>{}</b> {} <a href="{}">{}</a></span>',
        card_id,
        entry.name,
        entry.meaning,
        help_address,
        _("All terms"),
    )


# Tier requirements


class Requirement(Protocol):
    """A tier requirement on a day, such as `tiers.rules.RequirementGap`."""

    @property
    def metric(self) -> Metric: ...
    @property
    def have(self) -> Decimal | None: ...
    @property
    def missing(self) -> Decimal | None: ...
    @property
    def met(self) -> bool: ...


def metric_value(metric: Metric, value: Number | None) -> SafeString | str:
    """A value of a tier requirement in the unit of its metric."""
    if metric.unit is Unit.RATIO:
        return elements.percent(value)
    if metric.unit is Unit.MONEY:
        return elements.dollars(value)
    if metric.unit is Unit.POINTS:
        return elements.points(value)
    return elements.decimals(value, 1 if metric.unit is Unit.AVERAGE else 0)


def metric_have(requirement: Requirement) -> SafeString | str:
    """What there is of a tier requirement. Of one that is not met it is rounded down, so that it never reads as enough, and
    with `metric_missing` adds up to the need: 1,220.5 + 39.5 = 1,260."""
    if requirement.have is None or requirement.met:
        return metric_value(requirement.metric, requirement.have)
    return _metric_rounded_by(floor, requirement.metric, requirement.have)


def metric_missing(requirement: Requirement) -> SafeString | str:
    """What a tier requirement is short of, rounded up: 39.4501 points are `39.5`, and a gap never reads 0."""
    if requirement.missing is None:
        return elements.no_data()
    return _metric_rounded_by(ceiling, requirement.metric, requirement.missing)


def _metric_rounded_by(rounding: elements.Rounding, metric: Metric, value: Decimal) -> SafeString | str:
    if metric.unit is Unit.RATIO:
        return elements.percent_rounded_by(rounding, value)
    if metric.unit is Unit.MONEY:
        return elements.dollars_rounded_by(rounding, value)
    if metric.unit is Unit.POINTS:
        return elements.points_rounded_by(rounding, value)
    places = 1 if metric.unit is Unit.AVERAGE else 0
    return numbers.rounded_text(rounding(value, places), places)
