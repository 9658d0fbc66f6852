"""The panels of the front page, in order. A panel has a template and a function that gives what the template shows.

More panels are more entries here. `part` is the element that htmx replaces when only this panel changes, with its template.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dashboard.overview import Overview
from dashboard.panels.changes import changes
from dashboard.panels.expiry import expiry
from dashboard.panels.progress import progress
from dashboard.panels.progression import progression


@dataclass(frozen=True, slots=True)
class Panel:
    """key: the name of its context, and of the parameters it owns in the address."""

    key: str
    template: str
    context: Callable[[Overview], Any]
    part: str = ""
    part_template: str = ""
    owns: tuple[str, ...] = ()


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
        owns=("changes_range", "changes_from", "changes_to"),
    ),
    Panel("expiry", "dashboard/panels/expiry.html", expiry),
)
