"""The layout of a page's panels: their order and which are folded, as each person chose; stored with their membership.

A page names its panels and those that are folded until somebody opens them. `<details>` folds a panel without a script;
sections.js posts what a reader folds, and the form that arranges the panels posts the same (docs/adr/0150).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol
from urllib.parse import urlencode

from django.http import HttpResponse, HttpResponseRedirect, QueryDict
from django.template.response import TemplateResponse
from django.utils.functional import Promise

from accounts import services
from accounts.access import ScopedRequest, membership_of
from partner_portal.lib.web.drilldown import Link
from partner_portal.lib.web.htmx import private

UP, DOWN = -1, 1
CHANGES = frozenset({"fold", "unfold", "up", "down"})
CARDS = "cards"  # stored beside the layouts of pages


class Panel(Protocol):
    """A panel of a page."""

    @property
    def key(self) -> str:
        """Its name in layouts, and the id of its element."""

    @property
    def title(self) -> Promise:
        """Its heading."""


@dataclass(frozen=True, slots=True)
class PanelLayout:
    """How a page's panels are laid out for one person."""

    #: The names of the panels, from top to bottom.
    order: tuple[str, ...]
    #: The names of those that are folded, and of their parts that are.
    folded: frozenset[str]

    def changed(self, change: str, name: str) -> "PanelLayout":
        """The layout after one change of a panel: `fold`, `unfold`, `up` or `down`."""
        if change == "fold":
            return replace(self, folded=self.folded | {name})
        if change == "unfold":
            return replace(self, folded=self.folded - {name})
        return self._moved(name, UP if change == "up" else DOWN) if name in self.order else self

    def _moved(self, name: str, step: int) -> "PanelLayout":
        order = list(self.order)
        place = order.index(name)
        order.insert(min(max(place + step, 0), len(order) - 1), order.pop(place))
        return replace(self, order=tuple(order))


def panel_layout(request: ScopedRequest, page: str, default: PanelLayout) -> PanelLayout:
    """The reader's layout of a page. Panels that came after their choice stand after their default predecessor."""
    stored = membership_of(request).panels.get(page, {})
    order = [name for name in stored.get("order", ()) if name in default.order]
    for place, name in enumerate(default.order):
        if name not in order:
            order.insert(order.index(default.order[place - 1]) + 1 if place else 0, name)
    choices = stored.get("folded", {})
    names = default.folded.union(order)
    return PanelLayout(tuple(order), frozenset(name for name in names if choices.get(name, name in default.folded)))


def change_panels(request: ScopedRequest, page: str, default: PanelLayout, data: QueryDict) -> None:
    """Store one change that somebody made to the layout of a page; `reset` forgets all of them."""
    stored = dict(membership_of(request).panels)
    if "reset" in data:
        stored.pop(page, None)
    else:
        layout = panel_layout(request, page, default)
        for change in CHANGES & data.keys():
            layout = layout.changed(change, str(data[change]))
        moved = {"order": layout.order} if layout.order != default.order else {}
        known = default.folded.union(default.order)
        differing = {name: name in layout.folded for name in layout.folded ^ default.folded if name in known}
        stored[page] = moved | {"folded": differing}
    services.save_panels(scope=request.scope, panels=stored)


def arrange_panels(
    request: ScopedRequest, page: str, default: PanelLayout, panels: Sequence[Panel], *, title: str, back: Link
) -> HttpResponse:
    """The page that arranges the panels of a page, in any order given; a POST stores one change and leads back to its button."""
    if request.method == "POST":
        change_panels(request, page, default, request.POST)
        query = {name: request.POST[name] for name in CHANGES & request.POST.keys()}
        return HttpResponseRedirect(f"{request.path}?{urlencode(query)}")
    layout = panel_layout(request, page, default)
    context = {"title": title, "back": back, "panels": in_order(panels, layout), "folded": layout.folded}
    return private(TemplateResponse(request, "accounts/arrange_panels.html", context))


def in_order[P: Panel](panels: Sequence[P], layout: PanelLayout) -> list[P]:
    """These panels in the order of a layout."""
    return sorted(panels, key=lambda panel: layout.order.index(panel.key))


def cards_before(request: ScopedRequest) -> int:
    """The number of cards that the reader's dashboard had when it was last read: the room that they need."""
    count = membership_of(request).panels.get(CARDS, 0)
    return count if isinstance(count, int) else 0


def remember_cards(request: ScopedRequest, count: int) -> None:
    """Store the number of cards on the reader's dashboard."""
    if count != cards_before(request):
        services.save_panels(scope=request.scope, panels=membership_of(request).panels | {CARDS: count})
