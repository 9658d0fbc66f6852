"""What people hand over: files, what the files hold, which errors they want to see, and the decision to write."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from imports.pipeline import ENDINGS, ending_of
from partner_portal.lib.rows.facts import kinds

MOST_FILES = 50
LEAVE_OUT = "-"


class _MultipleFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    """Several files at once; all that is wrong with any of them is said."""

    widget = _MultipleFilesInput

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = [each for each in data or [] if each]
        if not files:
            raise forms.ValidationError(_("Choose at least one file."))
        if len(files) > MOST_FILES:
            message = _("These are %(found)s files; one batch may have %(most)s. Upload them in several batches.")
            raise forms.ValidationError(message % {"found": len(files), "most": MOST_FILES})
        wrong = [
            _("%(name)s: only CSV (.csv) and Excel (.xlsx) files can be imported.") % {"name": each.name}
            for each in files
            if ending_of(each.name or "") not in ENDINGS
        ]
        size = sum(each.size or 0 for each in files)
        if size > settings.IMPORT_MAX_BYTES:
            most = filesizeformat(settings.IMPORT_MAX_BYTES)
            message = _("Together the files have %(size)s; one batch may have %(most)s.")
            wrong.append(message % {"size": filesizeformat(size), "most": most})
        if wrong:
            raise forms.ValidationError(wrong)
        return files


class UploadForm(forms.Form):
    files = _FilesField(label=gettext_lazy("CSV or Excel files"))  # type: ignore[assignment]


class KindsForm(forms.Form):
    """A choice for every table that does not say what it holds. `guesses`: kinds' keys by table, where the header tells."""

    def __init__(self, tables: Sequence[Any], *args: Any, guesses: dict[int, str] | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices = [("", _("Choose")), *((kind.key, kind.label) for kind in kinds()), (LEAVE_OUT, _("Leave it out"))]
        for table in tables:
            self.fields[f"table-{table.pk}"] = forms.ChoiceField(
                label=table.label,
                choices=choices,
                initial=(guesses or {}).get(table.pk, ""),
                error_messages={"required": _("Say what it holds, or leave it out.")},
            )

    @property
    def kinds(self) -> dict[int, str]:
        """The kinds' keys by table, "" for one that is left out."""
        return {
            int(name.removeprefix("table-")): "" if value == LEAVE_OUT else value
            for name, value in self.cleaned_data.items()
        }


class ProblemFilter(forms.Form):
    """Which errors to show. What does not fit is passed over: the address may be old."""

    table = forms.ChoiceField(label=gettext_lazy("File"), required=False)
    column = forms.ChoiceField(label=gettext_lazy("Column"), required=False)
    q = forms.CharField(
        label=gettext_lazy("Search"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"type": "search", "class": "search"}),
    )

    def __init__(self, data: Any, *, tables: Sequence[Any], columns: Sequence[str]) -> None:
        super().__init__(data)
        wrong = [(str(table.pk), table.label) for table in tables if table.errors]
        self.fields["table"].choices = [("", _("All files")), *wrong]  # type: ignore[attr-defined]
        self.fields["column"].choices = [("", _("All columns")), *((name, name) for name in columns)]  # type: ignore[attr-defined]

    @property
    def chosen(self) -> dict[str, Any]:
        """Arguments for `queries.problems`."""
        self.is_valid()
        table = self.cleaned_data.get("table")
        return {
            "table": int(table) if table else None,
            "column": self.cleaned_data.get("column", ""),
            "text": self.cleaned_data.get("q", "").replace("\0", "").strip(),
        }


class CommitForm(forms.Form):
    """The decision to write. With bad rows it has to be said that they are left out."""

    skip_bad_rows = forms.BooleanField(required=False)

    def __init__(self, data: Any = None, *, bad_rows: int = 0) -> None:
        super().__init__(data)
        field = self.fields["skip_bad_rows"]
        field.label = ngettext("Leave out the %(rows)s bad row", "Leave out the %(rows)s bad rows", bad_rows) % {
            "rows": bad_rows
        }
        field.help_text = _("They are written down in the batch, with their errors")
