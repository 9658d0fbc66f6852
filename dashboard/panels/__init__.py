"""The panels of the front page, in order. A panel has a template and a function that returns the template's data.

More panels are more entries here. `part` is the element that htmx replaces when only this panel changes, with its template.
"""

from collections.abc import Callable, Hashable, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise

from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.panel_layout import PanelLayout
from accounts.scope import Scope
from commissions.questions import open_questions
from dashboard.overview import Overview
from dashboard.panels.changes import changes
from dashboard.panels.commission import commission
from dashboard.panels.expiry import expiry
from dashboard.panels.progress import progress
from dashboard.panels.progression import progression
from dashboard.panels.renewals import renewals
from dashboard.panels.retention import retention
from dashboard.panels.shared import shared
from program.caching import cached_part


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of the front page."""

    #: The name of its data in the template context, and the id of its element.
    key: str
    title: Promise
    template: str
    #: Reads its data.
    context: Callable[[Overview], object]
    #: The id of the element that htmx may replace, and its template; "" for a panel that is loaded with the page only.
    part: str = ""
    part_template: str = ""
    #: The parameters of the page that belong to the panel.
    owns: tuple[str, ...] = ()
    #: Whether it is folded until somebody opens it.
    folded: bool = False
    #: Whether it can stand beside another such panel on a wide screen.
    half: bool = False
    #: Whether only those who may see money have it.
    money: bool = False
    #: What it shows besides facts, entries and settings: work on questions and the like.
    shows_besides: Callable[[Scope], Hashable] = lambda scope: None

    def html(self, request: HttpRequest, overview: Overview, *, folded: Set[str], halves: Set[str]) -> SafeString:
        """The panel, or the part of the page that htmx asks for. folded, halves: keys of panels and of parts of panels."""
        scope, day = overview.scope, overview.day
        template = self.part_template if overview.part else self.template
        own = [sorted(key for key in keys if key.startswith(self.key)) for keys in (folded, halves)]

        def context() -> dict[str, object]:
            layout = {"folded": folded, "halves": halves}
            return {self.key: self.context(overview), "scope": scope, "day": day, **layout}

        asked = (overview.path, repr(overview.query), overview.part, day.past)
        return cached_part(request, scope, (*asked, repr(own), self.shows_besides(scope)), template, context)


PANELS = (
    Panel("progress", _("Programme progress"), "dashboard/panels/progress.html", progress),
    Panel(
        "progression",
        _("Tier progression"),
        "dashboard/panels/progression.html",
        progression,
        part="progression",
        part_template="dashboard/panels/progression.html",
        owns=("target",),
    ),
    Panel(
        "changes",
        _("Tier point changes"),
        "dashboard/panels/changes.html",
        changes,
        part="changes",
        part_template="dashboard/panels/changes.html",
        owns=("changes_range", "changes_from", "changes_to", "changes_cmp"),
    ),
    Panel("expiry", _("Expiry forecast"), "dashboard/panels/expiry.html", expiry),
    Panel("retention", _("Retention"), "dashboard/panels/retention.html", retention, folded=True, half=True),
    Panel(
        "shared",
        _("Shared selling"),
        "dashboard/panels/shared.html",
        shared,
        part="shared",
        part_template="dashboard/panels/shared.html",
        owns=("shared_range", "shared_from", "shared_to", "shared_cmp"),
        folded=True,
        half=True,
    ),
    Panel(
        "commission",
        _("Commission"),
        "dashboard/panels/commission.html",
        commission,
        half=True,
        money=True,
        shows_besides=lambda scope: open_questions(scope) if scope.may_see_money else None,
    ),
    Panel(
        "renewals",
        _("Upcoming renewals"),
        "dashboard/panels/renewals.html",
        renewals,
        part="renewals",
        part_template="dashboard/panels/renewals.html",
        owns=("renewals_range", "renewals_from", "renewals_to"),
    ),
)

CHARTS = frozenset({"commission-chart", "shared-charts"})  # parts of panels that fold by themselves
DEFAULT_LAYOUT = PanelLayout(
    tuple(panel.key for panel in PANELS), CHARTS | {panel.key for panel in PANELS if panel.folded}
)


def panels_for(scope: Scope) -> list[Panel]:
    """The panels that a reader has."""
    return [panel for panel in PANELS if scope.may_see_money or not panel.money]


def side_by_side(panels: Sequence[Panel]) -> frozenset[str]:
    """The keys of those panels, shown in this order, that stand in pairs beside one another on a wide screen."""
    paired: set[str] = set()
    for panel, following in pairwise(panels):
        if panel.half and following.half and panel.key not in paired:
            paired |= {panel.key, following.key}
    return frozenset(paired)
