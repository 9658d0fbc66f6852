"""What the panes ask: how a file, a list, a report or a schedule is wanted."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

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
