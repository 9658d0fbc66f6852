"""Template workbook: a sheet a kind with lists to choose from, real day and number cells, an example row and notes.

Imported only when somebody asks for it: openpyxl is slow to import.
"""

from io import BytesIO

from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.styles import Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from imports.examples import example_row
from partner_portal.lib.cldr import country_codes, country_name
from partner_portal.lib.rows.column_types import Choice, ColumnType, Country, Currency, Day, Flag, Number, Whole
from partner_portal.lib.rows.facts import Column, FactKind, kinds

LISTS = "Lists"
_ROWS = 2000  # that have lists to choose from
_WIDTHS = {Day: 13, Number: 13, Whole: 13, Flag: 11}


def template_workbook(language: str) -> bytes:
    """The workbook, its notes in a language."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for kind in kinds():
        _add_kind(book.create_sheet(kind.key), kind)
    _add_notes(book.create_sheet(_("Notes")[:31]))
    _add_lists(book.create_sheet(LISTS), language)
    file = BytesIO()
    book.save(file)
    return file.getvalue()


def _add_kind(sheet: Worksheet, kind: FactKind) -> None:
    example = example_row(kind)
    sheet.freeze_panes = "A2"
    for place, column in enumerate(kind.columns, 1):
        letter = get_column_letter(place)
        head = sheet.cell(1, place, column.name)
        head.font = Font(bold=True)
        cell = sheet.cell(2, place, example.get(column.name))
        cell.font = Font(italic=True, color="808080")
        number_format = _number_format(column.type)
        cell.number_format = number_format
        sheet.column_dimensions[letter].number_format = number_format
        sheet.column_dimensions[letter].width = max(_WIDTHS.get(type(column.type), 20), len(column.name) + 2)
        choices = _choices(column.type)
        if choices:
            _add_choices(sheet, f"{letter}2:{letter}{_ROWS}", choices)


def _number_format(kind: ColumnType) -> str:
    """Keys and texts are text cells, so that a spreadsheet neither rounds nor reformats them."""
    if isinstance(kind, Day):
        return "yyyy-mm-dd"
    if isinstance(kind, Number):
        return "0." + "0" * min(kind.places, 2)
    return "0" if isinstance(kind, Whole) else "@"


def _choices(kind: ColumnType) -> str:
    """The formula of a list to choose from; "" for a column that is typed."""
    if isinstance(kind, Choice):
        return f'"{",".join(kind.values)}"'
    if isinstance(kind, Flag):
        return '"yes,no"'
    if isinstance(kind, Country):
        return f"{LISTS}!$A$2:$A${len(country_codes()) + 1}"
    if isinstance(kind, Currency) and kind.known:
        return f'"{",".join(sorted(kind.known()))}"'
    return ""


def _add_choices(sheet: Worksheet, cells: str, formula: str) -> None:
    validation = DataValidation(type="list", formula1=formula, allow_blank=True)
    validation.add(cells)
    sheet.add_data_validation(validation)


def _add_notes(sheet: Worksheet) -> None:
    lines = [
        _("Each sheet holds one kind of data. Fill in what you have; sheets may stay empty or be deleted."),
        _("Row 2 of each sheet is an example. It is never imported."),
        _("Do not rename the columns. Their order is free, and other columns are ignored."),
        _("Uploading the same workbook twice changes nothing. A row with a known id and other values is updated."),
    ]
    for line in lines:
        sheet.append([line])
    sheet.append([])
    sheet.append([_("Sheet"), _("Column"), _("Required"), _("What is accepted")])
    for cell in sheet[sheet.max_row]:
        cell.font = Font(bold=True)
    for kind in kinds():
        for column in kind.columns:
            sheet.append([kind.key, column.name, _("yes") if column.required else "", _accepted(column)])
    for letter, width in zip("ABCD", (20, 24, 12, 90), strict=True):
        sheet.column_dimensions[letter].width = width


def _accepted(column: Column) -> str:
    return f"{column.type.accepted}; {column.hint}" if column.hint else column.type.accepted


def _add_lists(sheet: Worksheet, language: str) -> None:
    sheet.append([_("Country code"), _("Country")])
    for code in sorted(country_codes()):
        sheet.append([code, country_name(code, language)])
