"""The panels of the front page, in order. A panel has a template and a function that returns the template's data.

More panels are more entries here. `part` is the element that htmx replaces when only this panel changes, with its template.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

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
from program.caching import cached_html


@dataclass(frozen=True, slots=True)
class Panel:
    """A panel of the front page."""

    #: The name of its data in the template context.
    key: str
    template: str
    #: Reads its data.
    context: Callable[[Overview], object]
    #: The id of the element that htmx may replace, and its template; "" for a panel that is loaded with the page only.
    part: str = ""
    part_template: str = ""
    #: The parameters of the page that belong to the panel.
    owns: tuple[str, ...] = ()
    #: What it shows besides facts, entries and settings: work on questions and the like.
    shows_besides: Callable[[Scope], Hashable] = lambda scope: None

    def html(self, overview: Overview) -> SafeString:
        """The panel, or the part of the page that htmx asks for."""
        scope, day = overview.scope, overview.day
        template = self.part_template if overview.part else self.template

        def render() -> str:
            return render_to_string(template, {self.key: self.context(overview), "scope": scope, "day": day})

        key = (template, overview.path, repr(overview.query), overview.part, day.past, self.shows_besides(scope))
        return cached_html(scope, key, render)


PANELS = (
    Panel("progress", "dashboard/panels/progress.html", progress),
    Panel(
        "progression",
        "dashboard/panels/progression.html",
        progression,
        part="progression",
        part_template="dashboard/panels/progression.html#progression",
        owns=("target",),
    ),
    Panel(
        "changes",
        "dashboard/panels/changes.html",
        changes,
        part="changes",
        part_template="dashboard/panels/changes.html",
        owns=("changes_range", "changes_from", "changes_to", "changes_cmp"),
    ),
    Panel("expiry", "dashboard/panels/expiry.html", expiry),
    Panel("retention", "dashboard/panels/retention.html", retention),
    Panel(
        "shared",
        "dashboard/panels/shared.html",
        shared,
        part="shared",
        part_template="dashboard/panels/shared.html",
        owns=("shared_range", "shared_from", "shared_to", "shared_cmp"),
    ),
    Panel(
        "commission",
        "dashboard/panels/commission.html",
        commission,
        shows_besides=lambda scope: open_questions(scope) if scope.may_see_money else None,
    ),
    Panel(
        "renewals",
        "dashboard/panels/renewals.html",
        renewals,
        part="renewals",
        part_template="dashboard/panels/renewals.html",
        owns=("renewals_range", "renewals_from", "renewals_to"),
    ),
)
