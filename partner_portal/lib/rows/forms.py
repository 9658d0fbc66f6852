"""The form of a dataset: reads from an address which rows are asked for, and is valid whatever the address holds."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from partner_portal.lib.dates.ranges import ChosenPeriod
from partner_portal.lib.scope import Scope


class DatasetForm(forms.Form):
    """A form that is valid for any data: a value that cannot be used is left out, with a sentence in `problems`.

    Cleaned data has the value of every field, or "". An app's form narrows the type of `scope`, `chosen` and `day` where it
    has them.
    """

    #: Whose rows are asked for.
    scope: Scope
    #: What could not be used and what is shown instead: one sentence each.
    problems: list[str]
    #: The range of days; None for rows without one.
    chosen: ChosenPeriod | None = None
    #: The day that the rows are viewed on; None for rows that can only be viewed as they are today.
    day: date | None = None

    left_out = _("“%(value)s” is not one of the choices; all are shown.")

    def __init__(self, data: Mapping[str, object] | None = None, *, scope: Scope) -> None:
        super().__init__(data or {})
        self.scope = scope
        self.problems = []

    def clean(self) -> dict[str, Any]:
        """Drop what is wrong, with a sentence each in `problems`."""
        cleaned = super().clean() or {}
        for name in list(self.errors):
            self.problems.append(str(self.left_out) % {"value": str(self.data.get(name))[:40]})
        self._errors = forms.utils.ErrorDict()
        return {name: cleaned.get(name) or "" for name in self.fields}

    @property
    def query(self) -> dict[str, str]:
        """The parameters that ask for the same rows again."""
        return {name: str(self.cleaned_data[name]) for name in self.fields if self.cleaned_data.get(name)}

    @property
    def moved(self) -> dict[str, str]:
        """The parameter `on` of a day that is not today; empty for today."""
        if self.day is None or self.day == self.scope.today:
            return {}
        return {"on": self.day.isoformat()}
