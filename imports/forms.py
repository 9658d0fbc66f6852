"""Forms of an import: the files, their kinds, the filter of errors, and the decision to write."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from imports.pipeline import ENDINGS, ending_of
from imports.queries import ProblemChoice
from partner_portal.lib.rows.facts import FactKind, kinds

MOST_FILES = 50
LEAVE_OUT = "-"


class TableLike(Protocol):
    """What the forms need to know of an `ImportTable`."""

    pk: int
    errors: int

    @property
    def label(self) -> str: ...


class _MultipleFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    """Several files at once; the errors of all of them are shown together."""

    widget = _MultipleFilesInput

    def clean(self, data: Sequence[UploadedFile] | None, initial: object = None) -> list[UploadedFile]:
        files = [file for file in data or [] if file]
        if not files:
            raise forms.ValidationError(_("Choose at least one file."))
        if len(files) > MOST_FILES:
            message = _("These are %(found)s files; one import may have %(most)s. Upload them in parts.")
            raise forms.ValidationError(message % {"found": len(files), "most": MOST_FILES})
        wrong = [
            _rejected(file.name or "") % {"name": file.name}
            for file in files
            if ending_of(file.name or "") not in ENDINGS
        ]
        size = sum(file.size or 0 for file in files)
        if size > settings.IMPORT_MAX_BYTES:
            most = filesizeformat(settings.IMPORT_MAX_BYTES)
            message = _("Together the files have %(size)s; one import may have %(most)s.")
            wrong.append(message % {"size": filesizeformat(size), "most": most})
        if wrong:
            raise forms.ValidationError(wrong)
        return files


def _rejected(name: str) -> str:
    """Why a file of this name cannot be imported, and what to do."""
    return {
        ".xls": _("%(name)s is in the old Excel format. Open it and save it as an Excel workbook (.xlsx)."),
        ".xlsb": _("%(name)s is a binary workbook. Open it and save it as an Excel workbook (.xlsx)."),
        ".ods": _("%(name)s is an OpenDocument spreadsheet. Open it and save it as an Excel workbook (.xlsx)."),
        ".numbers": _("%(name)s is a Numbers document. Open it and export it as an Excel workbook (.xlsx)."),
    }.get(ending_of(name)) or _("%(name)s: only CSV (.csv) and Excel (.xlsx) files can be imported.")


class UploadForm(forms.Form):
    files = _FilesField(label=gettext_lazy("CSV or Excel files"))  # type: ignore[assignment]  # Form.files, which nobody reads here


class KindsForm(forms.Form):
    """A choice of kind for every table whose name does not give it. guesses: keys of kinds by table."""

    def __init__(
        self,
        tables: Sequence["TableLike"],
        data: Mapping[str, object] | None = None,
        *,
        guesses: dict[int, str] | None = None,
    ) -> None:
        super().__init__(data)
        choices = [("", _("Choose")), *((kind.key, kind.label) for kind in kinds()), (LEAVE_OUT, _("Leave it out"))]
        for table in tables:
            self.fields[f"table-{table.pk}"] = forms.ChoiceField(
                label=table.label,
                choices=choices,
                initial=(guesses or {}).get(table.pk, ""),
                error_messages={"required": _("Choose what is in it, or leave it out.")},
            )

    @property
    def kinds(self) -> dict[int, str]:
        """Keys of kinds by table; "" for one that is left out."""
        return {
            int(name.removeprefix("table-")): "" if value == LEAVE_OUT else value
            for name, value in self.cleaned_data.items()
        }


class ProblemFilter(forms.Form):
    """Which errors to show. Values that do not fit are ignored: the link may be old."""

    q = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "class": "search"}),
    )

    def __init__(self, data: Mapping[str, object], *, tables: Sequence[TableLike], columns: Sequence[str]) -> None:
        super().__init__(data)
        wrong = [(str(table.pk), table.label) for table in tables if table.errors]
        by_name = [(name, name) for name in columns]
        self.fields["table"] = forms.ChoiceField(
            label=_("File"), required=False, choices=[("", _("All files")), *wrong]
        )
        self.fields["column"] = forms.ChoiceField(
            label=_("Column"), required=False, choices=[("", _("All columns")), *by_name]
        )
        self.order_fields(["table", "column", "q"])

    @property
    def chosen(self) -> ProblemChoice:
        """The errors to show."""
        self.is_valid()
        table = self.cleaned_data.get("table")
        return ProblemChoice(
            table=int(table) if table else None,
            column=self.cleaned_data.get("column", ""),
            text=self.cleaned_data.get("q", "").replace("\0", "").strip(),
        )


class CompleteForm(forms.Form):
    """The kinds of which the files have every row: what is stored and not in them is withdrawn."""

    complete = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(
        self, kinds: Sequence[FactKind], data: Mapping[str, object] | None = None, *, chosen: Sequence[str] = ()
    ) -> None:
        super().__init__(data, initial={"complete": list(chosen)})
        field = self.fields["complete"]
        if isinstance(field, forms.MultipleChoiceField):
            field.choices = [(kind.key, kind.label) for kind in kinds]


class CommitForm(forms.Form):
    """The decision to write. Bad rows are left out only when that is ticked.

    allowed_withdrawals: the confirmed number of rows to withdraw. rest: undo the rows that nobody changed since.
    """

    skip_bad_rows = forms.BooleanField(required=False)
    allowed_withdrawals = forms.IntegerField(required=False, min_value=0, max_value=2**31 - 1)
    rest = forms.BooleanField(required=False)

    def __init__(self, data: Mapping[str, object] | None = None, *, bad_rows: int = 0) -> None:
        super().__init__(data)
        field = self.fields["skip_bad_rows"]
        field.label = ngettext("Leave out the %(rows)s bad row", "Leave out the %(rows)s bad rows", bad_rows) % {
            "rows": bad_rows
        }
        field.help_text = _("They stay listed with this import, with the reasons")
