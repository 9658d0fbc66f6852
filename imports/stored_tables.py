"""Headers, samples and contents of the tables of uploaded files.

Stored files never change, so what pages read repeatedly is cached.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import IO, cast
from zoneinfo import ZoneInfo

from django.core.cache import cache
from django.core.files import File

from imports.assumptions import assumptions
from imports.cells.encodings import Candidate
from imports.cells.header_row import header_row
from imports.cells.invisible import without_invisible
from imports.checks import Source, Step
from imports.csv_text import encodings_of
from imports.mapping import mapped
from imports.mapping_preview import Sample, cached_sample, sample_of
from imports.models import ImportTable
from imports.pipeline import column_names, read_source
from imports.queries import mapping_of
from imports.reading import first_rows, read_headers, rows_of
from imports.reading_options import PREFIX, Questions, ReadingOptions, options_from
from imports.tables import UnreadableFile
from partner_portal.lib.rows.facts import kind

_SECONDS_CACHED = 3600


def plain_file(file: object) -> IO[bytes]:
    """The file inside Django's wrappers, which readers of text and workbooks cannot use."""
    while isinstance(file, File):
        file = file.file
    return cast("IO[bytes]", file)


def header_of(table: ImportTable) -> list[str]:
    """The likely header of a table's file; empty when it cannot be read."""
    return headers_of([table])[table.pk]


def header_as(table: ImportTable, options: ReadingOptions) -> list[str]:
    """The header of a table's file with these options; empty when it cannot be read so."""
    with (
        table.file.file.open("rb") as file,
        suppress(UnreadableFile),
        rows_of(plain_file(file), table.sheet, options) as rows,
    ):
        return rows.header
    return []


def headers_of(tables: Sequence[ImportTable]) -> dict[int, list[str]]:
    """Headers by table. A file is opened once for all of its sheets."""
    by_table: dict[int, list[str]] = {}
    by_file: dict[int, list[ImportTable]] = {}
    for table in tables:
        header = cache.get(f"import-header:{table.pk}")
        if header is None:
            by_file.setdefault(table.file_id, []).append(table)
        else:
            by_table[table.pk] = header
    for of_file in by_file.values():
        headers: dict[str, list[str]] = {}
        with of_file[0].file.file.open("rb") as file, suppress(UnreadableFile):
            headers = read_headers(plain_file(file), [table.sheet for table in of_file], column_names())
        for table in of_file:
            by_table[table.pk] = headers.get(table.sheet, [])
            if by_table[table.pk]:
                cache.set(f"import-header:{table.pk}", by_table[table.pk], _SECONDS_CACHED)
    return by_table


def sample_table(table: ImportTable, options: ReadingOptions) -> Sample:
    """The table's first rows and its words. Raises UnreadableFile."""

    def read() -> Sample:
        with (
            table.file.file.open("rb") as file,
            rows_of(plain_file(file), table.sheet, options, column_names()) as rows,
        ):
            return sample_of(rows)

    answers = [f"{name}={value}" for name, value in options.as_data().items() if (name, value) != ("header_row", 1)]
    return cached_sample(":".join([str(table.pk), *answers]), read)


def _encodings_of(table: ImportTable) -> list[Candidate]:
    """Encodings that fit a CSV file."""
    fitting: list[Candidate] | None = [] if table.sheet else cache.get(f"import-encodings:{table.pk}")
    if fitting is None:
        with table.file.file.open("rb") as file:
            fitting = encodings_of(plain_file(file))
        cache.set(f"import-encodings:{table.pk}", fitting, _SECONDS_CACHED)
    return fitting


def _first_rows(table: ImportTable, options: ReadingOptions) -> dict[int, list[str]]:
    """The first rows of a table by number. Raises UnreadableFile."""
    key = f"import-first-rows:{table.pk}:{options.encoding}"
    rows: dict[int, list[str]] | None = cache.get(key)
    if rows is None:
        with table.file.file.open("rb") as file:
            top = first_rows(plain_file(file), table.sheet, options)
        rows = {number: [without_invisible(cell) for cell in cells] for number, cells in top}
        cache.set(key, rows, _SECONDS_CACHED)
    return rows


def read_as_answered(table: ImportTable, answers: Mapping[str, str]) -> tuple[Questions, ReadingOptions, Sample]:
    """The questions about how a table is read, the answers so far, and its sample read with them. Raises UnreadableFile.

    answers: of the page, by name; what is not there has the table's answer, then the likeliest one.
    """
    options = mapping_of(table).reading
    if f"{PREFIX}header_row" in answers:
        options = options_from({name.removeprefix(PREFIX): value for name, value in answers.items()})
    fitting = _encodings_of(table)
    names = [candidate.encoding for candidate in fitting]
    options = replace(options, encoding=options.encoding if options.encoding in names else next(iter(names), ""))
    by_number = _first_rows(table, options)
    likely = header_row(
        [by_number.get(number, []) for number in range(1, max(by_number, default=0) + 1)], column_names()
    )
    options = replace(options, header_row=options.header_row or (likely if likely > 1 else 0))
    sample = sample_table(table, options)
    rows = list(by_number.items())
    return Questions(fitting, rows, likely, sample.hidden_rows, sample.hidden_columns), options, sample


def read_sources(tables: Sequence[ImportTable], step: Step) -> list[Source]:
    """The contents of tables, through their mappings, each with the problems met while reading it."""
    sources = []
    for place, table in enumerate(tables):
        step("reading", place, len(tables))
        with table.file.file.open("rb") as file:
            mapping = mapping_of(table) if table.mapping else None
            source = read_source(table.label, kind(table.kind), plain_file(file), table.sheet, mapping)
        if mapping and table.mapping and not source.unreadable:
            source.mapping, source.original = mapping, source.table
            source.table = mapped(source.table, mapping, ZoneInfo(table.mapping["zone"]))
            source.table.notices += assumptions(mapping, source.original)
        sources.append(source)
    return sources
