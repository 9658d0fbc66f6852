"""The beginning of a table and the words in it: what the page that maps columns shows. Files never change, so it is cached."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.utils.translation import gettext as _

from imports.mapping import MOMENTS, Mapping, in_source_terms, mapped, midnight_utc
from imports.reading import Rows
from imports.tables import Problem, Table, shortened
from partner_portal.lib.rows.column_types import CellError
from partner_portal.lib.rows.facts import FactKind

if TYPE_CHECKING:
    from datetime import tzinfo

ROWS = 8  # that the preview shows
WORDS = 30  # different ones of a column that can be given a meaning on the page
_SECONDS_KEPT = 3600
_BEGINS_A_MOMENT = frozenset("-0123456789")
_SHORTEST_MOMENT = 10  # characters of a plain day; a moment has more
_MOST_SEEN = 200  # spellings of a column's words that are skipped at once


@dataclass(frozen=True, slots=True)
class Sample:
    """The header, the first rows with their numbers and what reading found in them, and each column's different words.

    words: by the column's place, in the order of the file, capitals aside, at most WORDS and one more.
    midnights: by the column's place and form of dates, the first cell of the whole file that is exactly midnight UTC.
    """

    header: list[str]
    numbers: list[int]
    rows: list[list[str]]
    problems: list[Problem]
    words: dict[int, list[str]]
    midnights: dict[int, dict[str, str]]

    @property
    def table(self) -> Table:
        """The first rows as a table."""
        import pandas as pd

        columns = {place: [row[place] for row in self.rows] for place in range(len(self.header))}
        return Table("", self.header, pd.DataFrame(columns, index=self.numbers, dtype=object), list(self.problems))


def sample_of(rows: Rows) -> Sample:
    """The sample of a table that is being read. What it holds does not grow with the rows."""
    numbers: list[int] = []
    first: list[list[str]] = []
    different: list[dict[str, str]] = [{} for _name in rows.header]
    seen: list[set[str]] = [{""} for _name in rows.header]
    midnights: dict[int, dict[str, str]] = {place: {} for place in range(len(rows.header))}
    open_ = list(range(len(rows.header)))  # columns that may have more different words
    for number, row in rows.rows:
        cells = [cell.strip() if type(cell) is str else cell for cell in row] if len(first) < ROWS else row
        if len(first) < ROWS:
            numbers.append(number)
            first.append(cells)
        full = False
        for place, cell in enumerate(cells):
            if type(cell) is str and cell[:1] in _BEGINS_A_MOMENT and len(midnights[place]) < len(MOMENTS):
                _note_midnight(cell.strip(), midnights[place])
        for place in open_:
            if (cell := cells[place]) not in seen[place]:
                full |= _add_word(cell, different[place], seen[place])
        if full:
            open_ = [place for place in open_ if len(different[place]) <= WORDS]
    shown = set(numbers)
    problems = [problem for problem in rows.problems if problem.row in shown]
    words = {place: list(found.values()) for place, found in enumerate(different)}
    return Sample(rows.header, numbers, first, problems, words, midnights)


def _note_midnight(text: str, first: dict[str, str]) -> None:
    """Note the first cell of a column that is exactly midnight UTC, by form of dates; cheap for all other cells."""
    form = "iso" if ":" in text else "epoch_ms"
    if form not in first and len(text) > _SHORTEST_MOMENT and midnight_utc(text, form):
        first[form] = text


def _add_word(cell: str, different: dict[str, str], seen: set[str]) -> bool:
    """Whether the column has enough words with this one."""
    if len(seen) < _MOST_SEEN:
        seen.add(cell)
    word = str(cell).strip()
    if word:
        different.setdefault(word.casefold(), word)
    return len(different) > WORDS


def cached_sample(key: str, read: Callable[[], Sample]) -> Sample:
    """The sample that `read()` gives, read once an hour at most."""
    name = f"import-sample-2:{key}"  # another number when `Sample` changes
    found: Sample | None = cache.get(name)
    if found is None:
        found = read()
        cache.set(name, found, _SECONDS_KEPT)
    return found


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the preview, and whether it is refused."""

    text: str
    wrong: bool


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows as they would be checked. header: our columns, with the file's ("" for a constant).

    problems: of single cells, in the file's terms; what rows have to do with each other and with what is stored is not
    looked at.
    """

    header: list[tuple[str, str]]
    rows: list[tuple[int, list[Cell]]]
    problems: list[Problem]


def preview(kind: FactKind, mapping: Mapping, sample: Sample, zone: "tzinfo") -> Preview:
    """How the sample looks through the mapping, a form's own. Raises WrongMapping for one that does not fit the header."""
    source = sample.table
    result = mapped(source, mapping, zone)
    wrong = {(problem.row, problem.column): problem for problem in result.problems}
    for place, name in enumerate(result.header):
        column = kind.column(name)
        read = column.type.reader()
        for number, text in zip(sample.numbers, result.rows[place], strict=True):
            message = ""
            if text:
                try:
                    read(text)
                except CellError as error:
                    message = str(error)
            elif column.required:
                message = _("empty")
            if message:
                problem = Problem(number, name, shortened(str(text)), message, column.type.accepted)
                wrong.setdefault((number, name), problem)
    header = []
    for name in result.header:
        at = mapping.columns[name].place_in(sample.header)
        header.append((name, "" if at is None else sample.header[at]))
    rows = []
    for number in sample.numbers:
        texts = ((name, shortened(str(result.rows.at[number, place]))) for place, name in enumerate(result.header))
        rows.append((number, [Cell(text, (number, name) in wrong) for name, text in texts]))
    in_order = sorted(wrong.values(), key=lambda problem: problem.row)
    return Preview(header, rows, [in_source_terms(problem, source, mapping) for problem in in_order])
