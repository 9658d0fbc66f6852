"""Form of how a file is read: its encoding, the row of its header, and whether what is hidden counts."""

from collections.abc import Sequence

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from imports.cells.encodings import ENCODINGS, Candidate
from imports.reading_options import COUNT, LEAVE_OUT, PREFIX, Questions, ReadingOptions
from imports.tables import shortened

_CELLS = 4  # of a row that show which one it is


class ReadingForm(forms.Form):
    """A field for every open question about how the file is read. The options are the answers so far."""

    def __init__(self, questions: Questions, options: ReadingOptions) -> None:
        self.questions, self.options = questions, options
        super().__init__({f"{PREFIX}{name}": value for name, value in self._answers().items()})
        if questions.encodings:
            choices = [(candidate.encoding, _encoding_label(candidate)) for candidate in questions.encodings]
            self._add("encoding", _("The file is not UTF-8. Read it as"), choices)
        rows = [(str(number), _row_label(number, cells)) for number, cells in questions.rows]
        self._add("header_row", _("Row with the names of the columns"), rows)
        if questions.likely_header > 1:
            hint = _("Row %(row)s looks like the header. Rows above it are not read.")
            self.fields[f"{PREFIX}header_row"].help_text = hint % {"row": questions.likely_header}
        treatment = [("", _("Choose")), (COUNT, _("Count them")), (LEAVE_OUT, _("Leave them out"))]
        if questions.hidden_rows:
            label = ngettext("%(rows)s row is hidden", "%(rows)s rows are hidden", questions.hidden_rows)
            self._add("hidden_rows", label % {"rows": questions.hidden_rows}, treatment)
        if questions.hidden_columns:
            names = ", ".join(map(shortened, questions.hidden_columns))
            self._add("hidden_columns", _("Hidden columns: %(names)s") % {"names": names}, treatment)

    @property
    def asks(self) -> bool:
        """Whether there are questions beyond the header in the first row."""
        return len(self.fields) > 1 or self.questions.likely_header > 1 or self.options.header_row > 1

    def _answers(self) -> dict[str, str]:
        return {
            "encoding": self.options.encoding,
            "header_row": str(self.options.header_row or 1),
            "hidden_rows": self.options.hidden_rows,
            "hidden_columns": self.options.hidden_columns,
        }

    def _add(self, name: str, label: str, choices: Sequence[tuple[str, str]]) -> None:
        missing = {"required": _("Choose whether they count.")}
        self.fields[f"{PREFIX}{name}"] = forms.ChoiceField(label=label, choices=choices, error_messages=missing)


def _encoding_label(candidate: Candidate) -> str:
    name = ENCODINGS[candidate.encoding]
    if not candidate.sample:
        return name
    return _("%(encoding)s: “%(sample)s”, is this right?") % {"encoding": name, "sample": candidate.sample}


def _row_label(number: int, cells: Sequence[str]) -> str:
    filled = [cell for cell in cells if cell]
    text = ", ".join(filled[:_CELLS]) + (", …" if len(filled) > _CELLS else "")
    return _("Row %(row)s: %(cells)s") % {"row": number, "cells": shortened(text)}
