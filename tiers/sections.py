"""The sections of the tier page that fold and move, in their usual order."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.panel_layout import PanelLayout


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the tier page."""

    #: The id of its element.
    key: str
    title: Promise
    template: str


SECTIONS = (
    Section("performance", _("Progress by track"), "tiers/sections/tracks.html"),
    Section("insights", _("Tier insights"), "tiers/sections/insights.html"),
    Section("over-time", _("Progress over time"), "tiers/sections/over_time.html"),
    Section("expiry-calendar", _("Expiry calendar"), "tiers/sections/expiry_calendar.html"),
    Section("history", _("Credited-tier history"), "tiers/sections/history.html"),
)
DEFAULT_LAYOUT = PanelLayout(
    tuple(section.key for section in SECTIONS), frozenset({"expiry-calendar", "history", "reviews"})
)
