"""Choices of a form's field that are only known when the form is made."""

from collections.abc import Iterable

from django import forms
from django.utils.functional import Promise


def set_choices(form: forms.Form, name: str, choices: Iterable[tuple[int | str, str | Promise]]) -> None:
    """Set the choices of the field of that name. Raises TypeError for a field without choices."""
    field = form.fields[name]
    if not isinstance(field, forms.ChoiceField):
        raise TypeError(f"{name} is not a field with choices")
    field.choices = list(choices)
