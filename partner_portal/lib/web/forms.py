"""A form whose data comes from an address: whatever it holds, there is a page to show."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _


class ForgivingForm(forms.Form):
    """Valid for any data: a value that cannot be is left out, with a sentence in `problems`.

    Cleaned data has every field's value, or "". scope: whose eyes the form looks through.
    """

    left_out = _("“%(value)s” is not one of the choices; all are shown.")

    def __init__(self, data: Any = None, *, scope: Any, **kwargs: Any) -> None:
        super().__init__(data or {}, **kwargs)
        self.scope = scope
        self.problems: list[str] = []

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in list(self.errors):
            self.problems.append(str(self.left_out) % {"value": str(self.data.get(name))[:40]})
        self._errors = forms.utils.ErrorDict()
        return {name: cleaned.get(name) or "" for name in self.fields}

    @property
    def query(self) -> dict[str, str]:
        """The parameters that name the same choice again."""
        return {name: str(self.cleaned_data[name]) for name in self.fields if self.cleaned_data.get(name)}
