"""Sample of a table for the page that maps its columns, and its preview through a mapping.

Files never change, so samples are cached.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.core.cache import cache
from django.utils.translation import gettext as _

from imports.cells.days import MOMENTS, midnight_utc
from imports.cells.proposals import MOST_EXAMPLES, Example, shape
from imports.mapping import Mapping, in_source_terms, mapped
from imports.reading import Rows
from imports.tables import Problem, Table, shortened
from partner_portal.lib.rows.column_types import CellError
from partner_portal.lib.rows.facts import FactKind

if TYPE_CHECKING:
    from datetime import tzinfo

ROWS = 8  # that the preview shows
WORDS = 30  # different ones of a column that can be given a meaning on the page
MOST_WORDS = 300  # that are read
_SECONDS_CACHED = 3600
_BEGINS_A_MOMENT = frozenset("-0123456789")
_SHORTEST_MOMENT = 10  # characters of a plain day; a moment has more
_MOST_SEEN = 2_000  # spellings of a column's words that are skipped at once


@dataclass(frozen=True, slots=True)
class Sample:
    """The beginning of a table, and the different words of its columns."""

    header: list[str]
    numbers: list[int]  # of the first rows
    rows: list[list[str]]
    problems: list[Problem]  # of these rows, met while reading
    words: dict[int, list[str]]  # by place of the column, without regard to capitals: MOST_WORDS and one more at most
    midnights: dict[int, dict[str, str]]  # by place and form of dates: the file's first cell that is midnight UTC
    examples: dict[int, list[Example]]  # by place: cells that stand for all days and numbers of the column
    likely_header: int = 0
    hidden_rows: int = 0
    hidden_columns: tuple[str, ...] = ()

    @property
    def table(self) -> Table:
        """The first rows as a table."""
        import pandas as pd

        columns = {place: [row[place] for row in self.rows] for place in range(len(self.header))}
        return Table("", self.header, pd.DataFrame(columns, index=self.numbers, dtype=object), list(self.problems))


def sample_of(rows: Rows) -> Sample:
    """The sample of a table that is being read; its size does not grow with the rows."""
    numbers: list[int] = []
    first: list[list[str]] = []
    different: list[dict[str, str]] = [{} for _name in rows.header]
    seen: list[set[str]] = [{""} for _name in rows.header]
    midnights: dict[int, dict[str, str]] = {place: {} for place in range(len(rows.header))}
    shapes: list[dict[str, Example]] = [{} for _name in rows.header]
    open_ = list(range(len(rows.header)))  # columns that may have more words
    for number, row in rows.rows:
        cells = [cell.strip() if type(cell) is str else cell for cell in row] if len(first) < ROWS else row
        if len(first) < ROWS:
            numbers.append(number)
            first.append(cells)
        full = False
        for place, cell in enumerate(cells):
            if type(cell) is str and cell[:1] in _BEGINS_A_MOMENT and len(midnights[place]) < len(MOMENTS):
                _note_midnight(cell.strip(), midnights[place])
        for place, cell in enumerate(cells):
            if type(cell) is str and len(shapes[place]) < MOST_EXAMPLES and cell not in seen[place]:
                _add_example(cell.strip(), number, shapes[place])
        for place in open_:
            if (cell := cells[place]) not in seen[place]:
                full |= _add_word(cell, different[place], seen[place])
        if full:
            open_ = [place for place in open_ if len(different[place]) <= MOST_WORDS]
    shown = set(numbers)
    problems = [problem for problem in rows.problems if problem.row in shown]
    words = {place: list(by_key.values()) for place, by_key in enumerate(different)}
    examples = {place: list(by_shape.values()) for place, by_shape in enumerate(shapes)}
    hidden = tuple(rows.hidden_columns)
    return Sample(
        rows.header, numbers, first, problems, words, midnights, examples, rows.likely_header, rows.hidden_rows, hidden
    )


def _note_midnight(text: str, first: dict[str, str]) -> None:
    """Store the first cell of a column that is midnight UTC, by form of dates; cheap for all other cells."""
    form = "iso" if ":" in text else "epoch_ms"
    if form not in first and len(text) > _SHORTEST_MOMENT and midnight_utc(text, form):
        first[form] = text


def _add_example(text: str, number: int, by_shape: dict[str, Example]) -> None:
    if any(character.isdigit() for character in text[:60]):
        by_shape.setdefault(shape(text[:60]), Example(number, text))


def _add_word(cell: str, different: dict[str, str], seen: set[str]) -> bool:
    """Add a word of a column; returns whether it has enough of them now."""
    if len(seen) < _MOST_SEEN:
        seen.add(cell)
    word = str(cell).strip()
    if word:
        different.setdefault(word.casefold(), word)
    return len(different) > MOST_WORDS


def cached_sample(key: str, read: Callable[[], Sample]) -> Sample:
    """The sample that `read()` returns, read at most once an hour."""
    name = f"import-sample-3:{key}"  # another number when `Sample` changes
    sample: Sample | None = cache.get(name)
    if sample is None:
        sample = read()
        cache.set(name, sample, _SECONDS_CACHED)
    return sample


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the preview."""

    text: str
    wrong: bool  # not accepted


@dataclass(frozen=True, slots=True)
class Preview:
    """The first rows as they would be checked, cell by cell; relations between rows are not checked."""

    header: list[tuple[str, str]]  # our columns, with those of the file ("" for a constant)
    rows: list[tuple[int, list[Cell]]]  # with their numbers
    problems: list[Problem]  # in the file's terms


def preview(kind: FactKind, mapping: Mapping, sample: Sample, zone: "tzinfo") -> Preview:
    """The sample through a mapping. Raises WrongMapping for one that does not fit the header."""
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
