"""What can be done with the rows of a selection: declared by the apps beside the pages, shown wherever rows are shown.

    register(RowAction("export", _("Export"), "download", Permission.EXPORT, lambda selection: address))

A page never knows who offers an action; it shows what `actions_for` gives, always in the same order.
"""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from partner_portal.lib.rows.datasets import Selection


@dataclass(frozen=True, slots=True)
class RowAction:
    """key: part of the pane's id. icon: of the sprite. permission: who is offered it. route: the name of the address of its
    form, which takes the dataset's key. order: its place. needs_clients: only for rows that belong to clients."""

    key: str
    label: Any
    icon: str
    permission: str
    route: str
    order: int
    needs_clients: bool = False


@dataclass(frozen=True, slots=True)
class ActionLink:
    """An action for one selection. Its address answers with a page, or for htmx with the pane `#dialog-side`."""

    key: str
    label: Any
    icon: str
    address: str


_actions: dict[str, RowAction] = {}


def register_action(action: RowAction) -> RowAction:
    """Offer an action. Raises ValueError when the key is taken."""
    if action.key in _actions:
        raise ValueError(f"two actions are called {action.key}")
    _actions[action.key] = action
    return action


def actions_for(selection: Selection) -> list[ActionLink]:
    """What the selection's scope may do with its rows."""
    query = selection.address()
    return [
        ActionLink(
            action.key,
            action.label,
            action.icon,
            reverse(action.route, args=[selection.dataset.key]) + (f"?{query}" if query else ""),
        )
        for action in sorted(_actions.values(), key=lambda each: each.order)
        if selection.scope.may(action.permission) and (selection.dataset.client or not action.needs_clients)
    ]
