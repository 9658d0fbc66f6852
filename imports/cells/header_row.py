"""Which of the first rows of a file is the header."""

from collections.abc import Collection, Sequence

from imports.cells.vocabulary import folded

TOP_ROWS = 25  # of a file, among which the header is searched


def header_row(rows: Sequence[Sequence[str]], known: Collection[str]) -> int:
    """Number of the row that looks like the header, from 1; 1 when none looks more like it than the first.

    known: folded names of columns. A row counts when it has at least two known names, and more than the first one; without
    any known name, the first row with at least three texts and as many cells as the row below it, when the first row has
    only one cell.
    """
    first = names_in(rows[0], known) if rows else 0
    best, number = max(((names_in(row, known), -place) for place, row in enumerate(rows)), default=(0, 0))
    if best >= 2 and best > first:
        return 1 - number
    if rows and first == 0 and len(_filled(rows[0])) <= 1:
        for place, row in enumerate(rows[:-1]):
            texts = _filled(row)
            if (
                len(texts) >= 3
                and not any(_is_number(text) for text in texts)
                and len(set(map(folded, texts))) == len(texts)
            ):
                return place + 1
    return 1


def likely_row(top: Sequence[tuple[int, Sequence[str]]], known: Collection[str]) -> int:
    """Number of a row other than the first that looks like the header, of numbered rows; 0 for none."""
    by_number = dict(top)
    rows = [by_number.get(number, []) for number in range(1, max(by_number, default=0) + 1)]
    number = header_row(rows[:TOP_ROWS], known)
    return number if number > 1 else 0


def names_in(row: Sequence[str], known: Collection[str]) -> int:
    """How many of the known names a row has."""
    return len({name for name in map(folded, row) if name in known})


def _filled(row: Sequence[str]) -> list[str]:
    return [cell for cell in row if cell.strip()]


def _is_number(text: str) -> bool:
    return any(character.isdigit() for character in text) and not any(character.isalpha() for character in text)
