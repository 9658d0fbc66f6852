"""What the panes ask: how a file, a list, a report or a schedule is wanted."""

import uuid
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from partner_portal.lib.datasets import Selection
from reports.definitions import clean_file_name
from reports.dialects import DIALECTS, dialect_for
from reports.models import Format

SHOWN, ALL = "shown", "all"


class ExportForm(forms.Form):
    """Name, format, dialect and columns of a file."""

    name = forms.CharField(label=_("File name"), max_length=150)
    format = forms.ChoiceField(label=_("Format"), choices=Format.choices, initial=Format.XLSX)
    dialect = forms.ChoiceField(label=_("CSV dialect"), choices=[(d.key, d.label) for d in DIALECTS.values()])
    columns = forms.ChoiceField(label=_("Columns"), choices=[(SHOWN, SHOWN), (ALL, ALL)], initial=SHOWN)
    stable_names = forms.BooleanField(
        label=_("Stable names as heads"), required=False, help_text=_("For programs: the same in every language.")
    )
    mail_when_ready = forms.BooleanField(label=_("Mail me when it is ready"), required=False)

    def __init__(self, data: Any = None, *, selection: Selection, name: str) -> None:
        super().__init__(
            data,
            auto_id="export-%s",
            initial={
                "name": name, "format": Format.XLSX, "columns": SHOWN, "dialect": dialect_for(selection.scope.locale).key,
            },
        )  # fmt: skip
        self.selection = selection

    def clean_name(self) -> str:
        name = clean_file_name(self.cleaned_data["name"])
        if not name:
            raise forms.ValidationError(_("Give the file a name of letters or digits."))
        return name

    def column_names(self) -> tuple[str, ...]:
        """The columns wanted, in order."""
        dataset, scope = self.selection.dataset, self.selection.scope
        columns = self.selection.columns if self.cleaned_data["columns"] == SHOWN else dataset.permitted(scope)
        return tuple(column.name for column in columns)


class OfListForm(forms.Form):
    """Which list's members."""

    of = forms.IntegerField(required=False, min_value=0, max_value=2**62)

    def __init__(self, data: Any = None, *, scope: Scope, **kwargs: Any) -> None:
        super().__init__(data or {}, **kwargs)
        self.problems: list[str] = []

    def clean(self) -> dict[str, Any]:
        self._errors = forms.utils.ErrorDict()
        return {"of": self.cleaned_data.get("of") or 0}

    @property
    def query(self) -> dict[str, str]:
        """The parameters that name the same list again."""
        return {"of": str(self.cleaned_data["of"])} if self.cleaned_data["of"] else {}


class UseInListForm(forms.Form):
    """A new list, or an existing one to add to. `key` makes the form count once, however often it is sent."""

    NEW, OLD = "new", "old"
    where = forms.ChoiceField(choices=[(NEW, NEW), (OLD, OLD)], initial=NEW)
    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    kept_list = forms.ChoiceField(label=_("Existing list"), required=False)
    key = forms.UUIDField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, lists: list[tuple[str, str]], name: str) -> None:
        super().__init__(data, auto_id="list-%s", initial={"where": self.NEW, "name": name[:120], "key": uuid.uuid4()})
        self.fields["kept_list"].choices = lists  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        cleaned["name"] = " ".join(cleaned.get("name", "").split())
        if cleaned.get("where") == self.NEW and not cleaned["name"]:
            self.add_error("name", _("Give the list a name."))
        if cleaned.get("where") == self.OLD and not cleaned.get("kept_list") and "kept_list" not in self.errors:
            self.add_error("kept_list", _("Choose a list."))
        return cleaned


class NameForm(forms.Form):
    """A new name."""

    name = forms.CharField(label=_("Name"), max_length=120)

    def clean_name(self) -> str:
        return " ".join(self.cleaned_data["name"].split())
