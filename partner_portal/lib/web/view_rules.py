"""What a view states about itself, for the middleware and checks that read it: its permission, and what it accepts."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpResponseBase

type View = Callable[..., HttpResponseBase]

_ATTRIBUTE = "view_rules"  # decorators above carry it along: functools.wraps copies what a function has


@dataclass(frozen=True, slots=True)
class ViewRules:
    """The rules of one view; the defaults are those of a view that states nothing."""

    #: The permission that a caller needs; None when the view states none.
    permission: str | None = None
    #: Whether a token of the API is accepted in place of a session.
    takes_tokens: bool = False
    #: Gives how many bytes the files of a form may have together; None for a view that accepts no files.
    most_bytes_of_files: Callable[[], int] | None = None
    #: Reads, of a request, what the page shows besides facts, entries, settings, rules and the frame of every page; None for a page
    #: that no browser keeps.
    shown_besides: Callable[[Any], object] | None = None


def rules_of(view: Callable[..., object]) -> ViewRules:
    """Return the rules that the view states."""
    stated: ViewRules = vars(view).get(_ATTRIBUTE, ViewRules())
    return stated


def state[V: Callable[..., object]](view: V, rules: ViewRules) -> V:
    """Make `rules` those of the view, which is returned. Change some of them with `dataclasses.replace(rules_of(view), ...)`."""
    vars(view)[_ATTRIBUTE] = rules
    return view


def kept_by_browsers(besides: Callable[[Any], object]) -> Callable[[View], View]:
    """Mark a page that browsers keep, and ask for again with what they have (ADR 171). besides: as `ViewRules.shown_besides`."""
    return lambda view: state(view, replace(rules_of(view), shown_besides=besides))


def accepts_files(most: Callable[[], int]) -> Callable[[View], View]:
    """Mark a view that takes files in a form: of `most()` bytes together, from people who hold the view's permission."""
    return lambda view: state(view, replace(rules_of(view), most_bytes_of_files=most))
