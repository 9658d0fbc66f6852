"""Reads schedules and their runs."""

from accounts.scope import Scope
from reports.models import Schedule


def schedules(scope: Scope) -> list[Schedule]:
    """The user's schedules; an admin sees those of everybody in the partner."""
    return []
