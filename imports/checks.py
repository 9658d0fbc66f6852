"""Check step: every cell, every row, and the relations between rows, against what the kinds declare.

Every error is reported, not only the first. A value is read once however often it occurs, so that a hundred thousand rows
take seconds.
"""

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.scope import Scope
from imports.mapping import Mapping, in_source_terms
from imports.tables import Problem, Table, shortened
from partner_portal.lib.rows.column_types import CellError, Number
from partner_portal.lib.rows.facts import Column, FactKind, kinds
from partner_portal.lib.rows.facts import kind as kind_of
from partner_portal.lib.rows.spelling import Spellings
from partner_portal.lib.scope import OfScope

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

_TOTAL = re.compile(
    r"(grand |general )?(total|totals|totaal|eindtotaal|subtotal|subtotaal|summe|gesamt\w*|somme|summa|totalt)\b",
    re.IGNORECASE,
)
_SEVERAL = re.compile(r"\s*[;,|\n]\s*")

type Places = "pd.DataFrame"
type StoredKeys = Callable[[FactKind, Collection[str]], set[str]]
type Step = Callable[[str, int, int], None]

_MOST_REMARKS = 20  # of one source that are stored and shown


@dataclass(slots=True)
class Source:
    """One table of the batch."""

    label: str  # file and sheet, for people
    kind: FactKind
    table: Table  # with our headers
    unreadable: Problem | None = None  # why the file cannot be read; `table` is empty then
    asks: bool = False  # a person may say how the file is to be read
    mapping: Mapping | None = None  # what made `table` out of a file with other headers
    original: Table | None = None  # such a file's table as it was read


@dataclass(slots=True)
class CheckedKind:
    """All rows of one kind in the batch. Rows have the same labels in all frames and sets."""

    kind: FactKind
    texts: "pd.DataFrame"  # as in the files
    values: "pd.DataFrame"  # as the database reads them; None where a cell is wrong
    places: Places  # number of the source, and row in it
    bad: set[int] = field(default_factory=set)  # rows with an error
    unsplit: set[int] = field(default_factory=set)  # those whose cells may stand in the wrong columns
    repeated: set[int] = field(default_factory=set)  # rows that another file of the batch has too, with the same values

    @property
    def good(self) -> "pd.DataFrame":
        """The rows that can be written."""
        return self.values.drop(index=[*self.bad, *self.repeated])


@dataclass(slots=True)
class Checked:
    """Result of a check; all lists but `kinds` are by source."""

    kinds: list[CheckedKind]  # in the order of writing
    rows: list[int]  # how many
    problems: list[list[Problem]]
    bad_rows: list[set[int]]  # their numbers
    notices: list[list[str]]
    blocked: bool = False  # a source as a whole is unusable: leaving out rows does not help

    @classmethod
    def empty(cls) -> "Checked":
        """Result of a check of nothing."""
        return cls([], [], [], [], [])

    @property
    def errors(self) -> int:
        """Number of errors in all sources."""
        return sum(len(problems) for problems in self.problems)


def check(
    sources: Sequence[Source],
    *,
    scope: Scope,
    stored_keys: StoredKeys,
    step: Step = lambda *_: None,
    after_reading: Callable[[Checked], None] = lambda _: None,
) -> Checked:
    """Check the sources together. `stored_keys(kind, texts)` returns those texts that name a stored row of the kind.

    `after_reading` is called when all cells are read and nothing is compared with stored rows yet: it may withdraw some.

    Rows of a kind may refer to good rows of the batch; a row that refers to a bad one is bad too, since the bad one
    cannot be written.
    """
    problems = [list(source.table.problems) for source in sources]
    outcome = Checked(
        kinds=[],
        rows=[len(source.table.rows) for source in sources],
        problems=problems,
        bad_rows=[set() for _source in sources],
        notices=[list(source.table.notices) for source in sources],
    )
    for number, source in enumerate(sources):
        if source.unreadable:
            problems[number] = [source.unreadable]
            outcome.blocked = True
        else:
            _check_header(number, source, outcome)
    present = [kind for kind in kinds() if any(_readable(source, kind) for source in sources)]
    spellings: dict[OfScope[[], Spellings], Spellings] = {}
    checkers = []
    for done, kind in enumerate(present):
        step("checking", done, 2 * len(present))
        checker = _Checker(kind, sources, outcome, scope, stored_keys)
        checker.spellings = spellings
        checker.read()
        checkers.append(checker)
        outcome.kinds.append(checker.checked)
    after_reading(outcome)
    known: dict[str, CheckedKind] = {}
    for done, checker in enumerate(checkers):
        step("checking", len(present) + done, 2 * len(present))
        checker.relate(known)
        known[checker.kind.key] = checker.checked
    for number, source in enumerate(sources):
        of_source = problems[number]
        order = {name: place for place, name in enumerate(source.table.header)}
        of_source.sort(key=lambda problem: (problem.row, order.get(problem.column, -1)))
        _name_total_row(source, of_source)
        header_row = source.table.header_row
        outcome.bad_rows[number] |= {problem.row for problem in of_source if problem.row > header_row}
        if source.mapping and source.original:
            problems[number] = [in_source_terms(problem, source.original, source.mapping) for problem in of_source]
    return outcome


def _name_total_row(source: Source, problems: list[Problem]) -> None:
    """Replace the errors of a last row that looks like a total by one that says so. `problems` are in order."""
    rows = (source.original or source.table).rows
    last = int(rows.index[-1]) if len(rows) else 0
    of_last = [problem for problem in problems if problem.row == last]
    if len(of_last) < 2:
        return
    cells = [cell for cell in map(str, rows.iloc[-1]) if cell]
    keys = {column.name for column in source.kind.columns if column.required and not isinstance(column.type, Number)}
    without_keys = sum(problem.column in keys and not problem.value for problem in of_last) > 1
    if any(_TOTAL.match(cell) for cell in cells) or (without_keys and any(cell[-1:].isdigit() for cell in cells)):
        problems[:] = [problem for problem in problems if problem.row != last]
        message, accepted = (
            _("this row looks like a total, not like data"),
            _("leave the row out, or delete it in the file"),
        )
        problems.append(Problem(last, "", shortened(cells[0] if cells else ""), message, accepted))


def _readable(source: Source, kind: FactKind) -> bool:
    return source.kind is kind and source.unreadable is None


def reference_text(kind: FactKind, rows: "pd.DataFrame") -> "pd.Series":
    """The texts by which other rows refer to these: the key's values joined by "/"."""
    first, *others = kind.key_columns
    text = rows[first]
    for name in others:
        text = text + "/" + rows[name]
    return text


def _check_header(number: int, source: Source, outcome: Checked) -> None:
    """Missing and repeated columns block; unknown ones are ignored, with what was wrong in them."""
    kind, header = source.kind, source.table.header
    names = {column.name for column in kind.columns}
    problems = outcome.problems[number]
    problems[:] = [problem for problem in problems if not problem.column or problem.column in names]
    for column in kind.columns:
        if header.count(column.name) > 1:
            problems.append(
                Problem(1, column.name, column.name, _("the column is there twice"), _("one column of this name"))
            )
            outcome.blocked = True
        if column.required and column.name not in header:
            near = next((name for name in header if name.lower() == column.name), "")
            message = (
                _("the column is missing (“%(near)s” is spelled differently)") if near else _("the column is missing")
            )
            accepted = _("a column with exactly this name")
            problems.append(Problem(1, column.name, near, message % {"near": near}, accepted))
            outcome.blocked = True
    for name in dict.fromkeys(header):
        if name and name not in names:
            outcome.notices[number].append(_("column “%(name)s” ignored") % {"name": shortened(name)})


class _Checker:
    """Checks the rows of one kind."""

    def __init__(
        self, kind: FactKind, sources: Sequence[Source], outcome: Checked, scope: Scope, stored_keys: StoredKeys
    ) -> None:
        self.kind = kind
        self.sources = sources
        self.outcome = outcome
        self.scope = scope
        self.stored_keys = stored_keys
        self.spellings: dict[OfScope[[], Spellings], Spellings] = {}
        texts, places = _together(kind, sources)
        self.checked = CheckedKind(kind, texts, texts.copy(deep=False), places)
        self._source_of = places["source"].to_numpy()
        self._row_of = places["row"].to_numpy()
        self._reported = {
            (number, problem.row, problem.column)
            for number, problems in enumerate(outcome.problems)
            for problem in problems
            if problem.row > sources[number].table.header_row and problem.column
        }

    def read(self) -> None:
        """Read every cell, and compare the rows' keys with each other."""
        self._mark_unsplit_rows()
        for column in self.kind.columns:
            self._read(column)
        self._repeated_keys()

    def relate(self, known: dict[str, CheckedKind]) -> None:
        """Compare the rows with each other, with stored rows, and with those of the kinds in `known`."""
        for check in self.kind.checks:
            rows = self._acceptable({*self.kind.key_columns, *check.columns})
            for finding in check.find(self.scope, rows):
                self._report([finding.row], finding.column, finding.message, finding.accepted)
        for name, target in self.kind.references.items():
            self._resolve(name, target, known)

    def _report(self, labels: Iterable[int], column: str, message: str, accepted: str) -> None:
        texts = self.checked.texts[column]
        for label in labels:
            self.checked.bad.add(label)
            row = int(self._row_of[label])
            if (self._source_of[label], row, column) in self._reported:
                continue  # the problem met while reading explains it
            value = shortened(str(texts.iat[label]))
            self.outcome.problems[self._source_of[label]].append(Problem(row, column, value, message, accepted))

    def _mark_unsplit_rows(self) -> None:
        """Mark the rows that had a problem when they were read."""
        wrong = {
            (number, problem.row)
            for number, problems in enumerate(self.outcome.problems)
            for problem in problems
            if problem.row > self.sources[number].table.header_row
        }
        if wrong:
            self.checked.unsplit = {
                label
                for label, place in enumerate(zip(self._source_of, self._row_of, strict=True))
                if (int(place[0]), int(place[1])) in wrong
            }
            self.checked.bad |= self.checked.unsplit

    def _read(self, column: Column) -> None:
        """Read every cell of a column; equal texts are read once."""
        import numpy as np
        import pandas as pd

        codes, different = pd.factorize(self.checked.texts[column.name])
        read = column.type.reader()
        if column.spellings:
            names = self.spellings.get(column.spellings)
            if names is None:
                names = self.spellings[column.spellings] = column.spellings(self.scope)
            read = _in_shown_spelling(read, names)
        values: list[str | None] = []
        wrong: dict[int, str] = {}
        for code, text in enumerate(different):
            try:
                if text:
                    values.append(read(text))
                    continue
                if column.required:
                    raise CellError(_("empty"))
                values.append("")
            except CellError as error:
                values.append(None)
                wrong.setdefault(code, str(error))
        if wrong:
            self._report_cells(column, codes, wrong)
        if values != list(different):
            self.checked.values[column.name] = np.array(values, dtype=object)[codes]

    def _report_cells(self, column: Column, codes: "np.ndarray", wrong: dict[int, str]) -> None:
        """Report the cells with a wrong text, but not in a file without the column: that is reported once."""
        import numpy as np

        accepted = column.type.accepted
        for label in np.flatnonzero(np.isin(codes, list(wrong))).tolist():
            if column.name in self.sources[self._source_of[label]].table.header:
                self._report([label], column.name, wrong[int(codes[label])], accepted)

    def _acceptable(self, columns: Collection[str]) -> "pd.DataFrame":
        values = self.checked.values
        usable = values[list(columns)].notna().all(axis=1)
        if self.checked.repeated:
            usable &= ~values.index.isin(self.checked.repeated)
        return values.loc[usable]

    def _repeated_keys(self) -> None:
        """A key twice in one file is an error on the later row; in two files only when they say different things."""
        keys = list(self.kind.key_columns)
        rows = self._acceptable(keys)
        again = rows.index[rows.duplicated(keys)]
        if again.empty:
            return
        ids = rows.groupby(keys, sort=False).ngroup()
        firsts = ids.index.to_series().groupby(ids).first()
        earlier = firsts.reindex(ids.loc[again]).to_numpy()
        values = self.checked.values
        same = (values.loc[again].to_numpy() == values.loc[earlier].to_numpy()).all(axis=1)
        accepted = _("each %(key)s once") % {"key": " + ".join(keys)}
        for label, first, equal in zip(again, earlier, same, strict=True):
            other = self._source_of[first]
            names = {"key": " + ".join(keys), "row": self._row_of[first], "file": self.sources[other].label}
            if other == self._source_of[label]:
                message = _("the same %(key)s as in row %(row)s") % names
            elif equal:
                self.checked.repeated.add(label)
                continue
            else:
                message = _("the same %(key)s as in row %(row)s of %(file)s, with other values") % names
            self._report([label], keys[-1], message, accepted)

    def _resolve(self, name: str, target: str, known: dict[str, CheckedKind]) -> None:
        """Report references to rows that are neither stored nor brought by a good row of the batch."""
        rows = self._acceptable([name])
        named = rows.loc[rows[name] != "", name]
        wanted = set(named.unique())
        if not wanted:
            return
        own = target == self.kind.key
        brought = self.checked if own else known.get(target)
        texts = _brought(brought)
        stored = self.stored_keys(kind_of(target), wanted)
        accepted = self.kind.column(name).type.accepted
        if own:
            itself = named.index[named == texts.reindex(named.index)]
            self._report(itself, name, _("names itself"), accepted)
            named = named.drop(index=itself)
        unknown = named.index[~named.isin(set(texts) | stored)]
        ids = {label: list(filter(None, _SEVERAL.split(str(named.at[label])))) for label in unknown}
        several = [label for label, keys in ids.items() if len(keys) > 1]
        for label in several:
            keys = ids[label]
            message = _("%(count)s ids in one cell: %(ids)s") % {"count": len(keys), "ids": shortened(", ".join(keys))}
            self._report([label], name, message, _("one id in each cell, such as a column with the primary one"))
        named = named.drop(index=several)
        unknown = unknown.drop(several)
        message = _("not known: no such row of %(kind)s is stored or in these files") % {"kind": target}
        self._report(unknown, name, message, accepted)
        named = named.drop(index=unknown)
        # A line that is left out takes with it the lines that adjust it, and so on.
        while brought is not None:
            good = set(texts[~texts.index.isin(brought.bad)])
            lost = named.index[~named.isin(good | stored)]
            self._report(lost, name, _("the row of this import that it names has errors"), accepted)
            named = named.drop(index=lost)
            if not own or lost.empty:
                break


def _in_shown_spelling(read: Callable[[str], str], names: Spellings) -> Callable[[str], str]:
    """A reader that answers with the spelling that is shown."""
    return lambda text: names.shown(read(text))


def add_remarks(scope: Scope, checked: Checked) -> None:
    """Add possible mistakes in the good rows to the notices of their sources. The rows must have been written."""
    for rows in checked.kinds:
        sources, numbers = rows.places["source"], rows.places["row"]
        by_source: dict[int, list[str]] = {}
        for find in rows.kind.remarks:
            for remark in find(scope, rows.good):
                message = _("row %(row)s: %(remark)s") % {"row": numbers[remark.row], "remark": remark.message}
                by_source.setdefault(int(sources[remark.row]), []).append(message)
        for source, messages in by_source.items():
            checked.notices[source] += messages[:_MOST_REMARKS]
            more = len(messages) - _MOST_REMARKS
            if more > 0:
                text = ngettext("%(count)s more row like these", "%(count)s more rows like these", more)
                checked.notices[source].append(text % {"count": more})


def _brought(brought: CheckedKind | None) -> "pd.Series":
    """By label the texts that refer to the rows of a kind in the batch; rows with an unreadable key are left out."""
    import pandas as pd

    if brought is None:
        return pd.Series(dtype=object)
    readable = brought.values.loc[brought.values[list(brought.kind.key_columns)].notna().all(axis=1)]
    return reference_text(brought.kind, readable)


def _together(kind: FactKind, sources: Sequence[Source]) -> "tuple[pd.DataFrame, pd.DataFrame]":
    """The rows of all sources of a kind as one frame with all declared columns, and their places."""
    import pandas as pd

    names = [column.name for column in kind.columns]
    frames, places = [], []
    for number, source in enumerate(sources):
        if not _readable(source, kind):
            continue
        rows = source.table.rows
        positions = {name: place for place, name in reversed(list(enumerate(source.table.header)))}
        columns = {name: rows[positions[name]] if name in positions else "" for name in names}
        frames.append(pd.DataFrame(columns, index=rows.index, dtype=object))
        places.append(pd.DataFrame({"source": number, "row": rows.index}))
    return pd.concat(frames, ignore_index=True), pd.concat(places, ignore_index=True)
