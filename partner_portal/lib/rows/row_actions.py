"""What can be done with the rows of a selection: declared by the apps beside the pages, shown wherever rows are shown.

    register(RowAction("export", _("Export"), "download", Permission.EXPORT, lambda selection: address))

A page never knows who offers an action; it shows what `actions_for` gives, always in the same order.
"""

from dataclasses import dataclass

from django.urls import reverse

from partner_portal.lib.rows.datasets import Label, Selection


@dataclass(frozen=True, slots=True)
class RowAction:
    """Something to do with rows, offered by an app."""

    #: Part of the id of its pane.
    key: str
    label: Label
    #: Of the sprite.
    icon: str
    #: Who is offered it.
    permission: str
    #: The name of its form's address, which takes the key of the dataset.
    route: str
    #: Its place among the actions.
    order: int
    #: Whether it is only for rows that belong to clients.
    needs_clients: bool = False
    #: Whether it can be applied to single rows, which are ticked.
    takes_ticks: bool = False
    #: Whether it changes which columns the reader sees.
    chooses_columns: bool = False


@dataclass(frozen=True, slots=True)
class ActionLink:
    """An action for one selection. Its address answers with a page, or for htmx with the pane `#dialog-side`."""

    key: str
    label: Label
    icon: str
    address: str
    takes_ticks: bool
    chooses_columns: bool


_actions: dict[str, RowAction] = {}


def register_action(action: RowAction) -> RowAction:
    """Offer an action. Raises ValueError when the key is taken."""
    if action.key in _actions:
        raise ValueError(f"two actions are called {action.key}")
    _actions[action.key] = action
    return action


def actions_for(selection: Selection) -> list[ActionLink]:
    """What the selection's scope may do with its rows; the addresses name its columns where they are not the dataset's."""
    return [
        ActionLink(
            action.key,
            action.label,
            action.icon,
            _address(action, selection),
            action.takes_ticks,
            action.chooses_columns,
        )
        for action in sorted(_actions.values(), key=lambda action: action.order)
        if selection.scope.may(action.permission) and (selection.dataset.client or not action.needs_clients)
    ]


def _address(action: RowAction, selection: Selection) -> str:
    usual = (
        selection.with_columns([column.name for column in selection.usual]).shown if action.chooses_columns else None
    )
    query = selection.address(columns=selection.shown, usual=usual)
    return reverse(action.route, args=[selection.dataset.key]) + (f"?{query}" if query else "")
