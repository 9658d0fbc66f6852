"""Mapping step: turns a table with other headers into one with ours, before the ordinary checks run (`docs/points.md` 1).

Pure: no database and no request. A cell that a rule cannot read stays as it is, so that the ordinary check rejects it and
the error shows what is in the file; `in_source_terms` then names the column of the file instead of ours.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Dictionary
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, tzinfo
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

from django.utils.translation import gettext as _

from imports.cells.amounts import FORMS as DECIMALS
from imports.cells.amounts import Amount, marks, read_amount
from imports.cells.choices import country_of
from imports.cells.days import CENTURIES, DayForm, orders, read_day, read_month
from imports.cells.days import FORMS as DAY_FORMS
from imports.cells.vocabulary import folded
from imports.reading_options import ReadingData, ReadingOptions, options_from
from imports.tables import Problem, Table, shortened
from partner_portal.lib.rows.column_types import DateCell, NumberCell

if TYPE_CHECKING:
    import pandas as pd

READY_MADE = Path(__file__).parent / "mappings"
TYPED_TABLES = Path(__file__).parent / "typed_tables.toml"
SLASHED = ("day_first", "month_first")
MONTHS = "month"  # a form of dates: months by name or number
DATES = (*DAY_FORMS, MONTHS)
MIDNIGHTS = ("", "day", "moment")
NAMES = ("", "country")


class RuleData(TypedDict, total=False):
    """A rule as it is stored; what is missing has its default."""

    source: list[str]
    fallback: list[str]
    positive: bool
    constant: str
    words: dict[str, str]
    dates: str
    century: str
    decimals: str
    midnight_utc: str
    names: str


class MappingData(TypedDict, total=False):
    """A mapping as it is stored. `zone` is the time zone of its moments, where it is known."""

    name: str
    asked: list[str]
    columns: dict[str, RuleData]
    reading: ReadingData
    zone: str


class WrongMapping(ValueError):  # noqa: N818 -- it says what the mapping is
    """A mapping that cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Where one of our columns comes from: a column of the file, or a constant for every row.

    source:   names that the column may have; the first one in the file counts; capitals do not matter.
    fallback: further columns, in order: a row takes the first one that is not empty.
    positive: whether a number is above 0, as `yes` or `no`; an empty cell is not.
    constant: the text for every row, when there is no `source`.
    words:    meanings by word of the file; capitals do not matter. A word that is not listed stays as it is.
    dates:    how days are written (`imports.cells.days.DayForm`), or `month` for a month; "" leaves them alone.
    century:  of years with two digits; "" does not read them.
    decimals: how numbers are written (`imports.cells.amounts`); "" leaves them alone.
    names:    `country` to read countries by their names in any of the languages too.
    midnight_utc: what a moment that is exactly midnight UTC means: `day` or "" for that day, as HubSpot stores a plain day;
              `moment` for the day that it is in the partner's time zone.

    Raises WrongMapping for an unknown form of dates, decimals or midnights, and for a rule with a source and a constant.
    """

    source: tuple[str, ...] = ()
    fallback: tuple[str, ...] = ()
    positive: bool = False
    constant: str = ""
    words: Dictionary[str, str] = field(default_factory=dict)
    dates: str = ""
    century: str = ""
    decimals: str = ""
    midnight_utc: str = ""
    names: str = ""

    def __post_init__(self) -> None:
        for form, known in (
            (self.dates, DATES),
            (self.century, CENTURIES),
            (self.decimals, DECIMALS),
            (self.midnight_utc, MIDNIGHTS),
            (self.names, NAMES),
        ):
            if form not in known:
                raise WrongMapping(f"Unknown form: {form!r}.")
        if self.source and self.constant:
            raise WrongMapping("A column comes from the file or is a constant, not both.")

    def as_data(self) -> RuleData:
        """The rule as plain data, without what has its default."""
        settings = {
            name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items() if value
        }
        return cast("RuleData", settings)

    def place_in(self, header: Sequence[str]) -> int | None:
        """The place of the rule's column in the file; None when no name is there. Exact names go before similar ones.

        Raises WrongMapping when the file has the name twice: which of the two is meant cannot be told.
        """
        for same in (str, str.casefold):
            names = [same(name) for name in header]
            for wanted in map(same, self.source):
                if names.count(wanted) > 1:
                    raise WrongMapping(f"The file has the column {wanted!r} twice.")
                if wanted in names:
                    return names.index(wanted)
        return None

    def places_in(self, header: Sequence[str]) -> list[int]:
        """The places of the rule's column and of those that it falls back on. Raises WrongMapping."""
        rules = [self, *(Rule((name,)) for name in self.fallback)]
        return [place for rule in rules if (place := rule.place_in(header)) is not None]

    def read(self, text: str, zone: tzinfo = UTC) -> str:
        """The text as our files write it; the text itself when the rule cannot read it. zone: in which moments become days."""
        if self.positive:
            return _positive(text)
        if not text or isinstance(text, DateCell):
            return text
        words = {word.casefold(): meaning for word, meaning in self.words.items()}
        if text.casefold() in words:
            return words[text.casefold()]
        if self.dates == MONTHS:
            return read_month(text, self.century) or text
        if self.dates:
            day = read_day(text, DayForm(self.dates, self.century, self.midnight_utc), zone)
            return day.isoformat() if day else text
        if self.names and (code := country_of(text)):
            return code
        amount = self.amount(text)
        return amount.text if amount else text

    def amount(self, text: str) -> Amount | None:
        """The amount of a text that is written as the rule says; None for others, and for real number cells."""
        return read_amount(text, self.decimals) if self.decimals and not isinstance(text, NumberCell) else None

    def contradicted_by(self, texts: Iterable[str]) -> bool:
        """Whether a text can only be read in another form than the rule's: the file is written in another way."""
        others = [text for text in texts if text and not isinstance(text, DateCell | NumberCell)]
        if self.decimals:
            return any(fitting and self.decimals not in fitting for fitting in map(marks, others))
        if self.dates in DAY_FORMS[1:]:
            return any(fitting and self.dates not in fitting for fitting in map(orders, others))
        return False


def _positive(text: str) -> str:
    try:
        return "yes" if text and Decimal(text) > 0 else "no"
    except ArithmeticError:
        return text


@dataclass(frozen=True, slots=True)
class Mapping:
    """How files of one sort become files of our `kind`."""

    kind: str
    name: str
    columns: Dictionary[str, Rule]  # by our column
    asked: tuple[str, ...] = ()  # columns that a person has to decide
    reading: ReadingOptions = field(default_factory=ReadingOptions)

    def missing(self, required: Sequence[str], header: Sequence[str]) -> list[str]:
        """Those of the required columns that would stay empty with such a file. Raises WrongMapping."""
        return [name for name in required if not self._filled(name, header)]

    def proposes(self, required: Sequence[str], header: Sequence[str]) -> bool:
        """Whether a file with this header looks like one of the sort: all that is not asked for is there."""
        try:
            return not set(self.missing(required, header)) - set(self.asked)
        except WrongMapping:
            return False

    def _filled(self, name: str, header: Sequence[str]) -> bool:
        rule = self.columns.get(name, Rule())
        return bool(rule.constant) or rule.place_in(header) is not None

    def as_data(self) -> MappingData:
        """The mapping as plain data, for `from_data`."""
        return {
            "name": self.name,
            "asked": list(self.asked),
            "columns": {name: rule.as_data() for name, rule in self.columns.items()},
            "reading": self.reading.as_data(),
        }


def from_data(kind: str, data: MappingData, known: Sequence[str]) -> Mapping:
    """A mapping from plain data. `known`: our columns. Raises WrongMapping for a column or a setting that is not known."""
    columns = data.get("columns", {})
    unknown = {*columns, *data.get("asked", ())} - set(known)
    if unknown:
        raise WrongMapping(f"{kind} has no column {', '.join(sorted(unknown))}.")
    try:
        rules = {name: _rule(rule) for name, rule in columns.items()}
    except TypeError as error:
        raise WrongMapping(str(error)) from None
    return Mapping(
        kind, data.get("name", ""), rules, tuple(data.get("asked", ())), options_from(data.get("reading", {}))
    )


def _rule(data: RuleData) -> Rule:
    """Raises TypeError for a setting that is not known."""
    lists = {"source": tuple(data.get("source", ())), "fallback": tuple(data.get("fallback", ()))}
    settings: dict[str, Any] = {**data, **lists}
    return Rule(**settings)


def proposed(kind: str, known: Sequence[str], header: Sequence[str]) -> Mapping:
    """The mapping proposed for a file that nobody mapped yet: by the names of the kind's ready-made mappings, then by ours,
    then by the usual ones of tables that people type.

    Capitals, and blanks in place of our underscores, do not matter. A column without a match has no rule.
    """
    shipped = [from_data(kind, data, known) for key, data in ready_made() if key == kind]
    same_names = Mapping(kind, "", {name: Rule((name, name.replace("_", " "))) for name in known})
    typed = from_data(kind, typed_tables().get(kind, {}), known)
    rules: dict[str, Rule] = {}
    for name in known:
        for rule in [mapping.columns[name] for mapping in (*shipped, same_names, typed) if name in mapping.columns]:
            with suppress(WrongMapping):
                if rule.place_in(header) is not None:
                    rules.setdefault(name, rule)
    return Mapping(kind, "", rules)


@cache
def ready_made() -> tuple[tuple[str, MappingData], ...]:
    """Kind and data of every mapping that ships, from `imports/mappings/`."""
    mappings: list[tuple[str, MappingData]] = []
    for path in sorted(READY_MADE.glob("*.toml")):
        mappings += tomllib.loads(path.read_text(encoding="utf-8")).items()
    return tuple(mappings)


@cache
def typed_tables() -> dict[str, MappingData]:
    """The usual headers of tables that people type, by kind."""
    return cast("dict[str, MappingData]", tomllib.loads(TYPED_TABLES.read_text(encoding="utf-8")))


def known_names(columns: Iterable[str]) -> frozenset[str]:
    """Folded names by which a header is known: our columns, and the sources of the mappings that ship."""
    names = {name for column in columns for name in (column, column.replace("_", " "))}
    for data in (*(data for _key, data in ready_made()), *typed_tables().values()):
        names |= {source for rule in data["columns"].values() for source in rule.get("source", ())}
    return frozenset(map(folded, names))


def fingerprint(header: Sequence[str]) -> str:
    """The same for headers with the same names, whatever their order and capitals."""
    names = sorted(name.casefold() for name in header if name)
    return hashlib.sha256("\0".join(names).encode()).hexdigest()


def mapped(table: Table, mapping: Mapping, zone: tzinfo = UTC) -> Table:
    """The table with our headers; row numbers stay. Raises WrongMapping."""
    import pandas as pd

    columns: dict[str, pd.Series] = {}
    ours: dict[str, list[str]] = {}
    problems: list[Problem] = []
    for name, rule in mapping.columns.items():
        places = rule.places_in(table.header)
        if places:
            ours.setdefault(table.header[places[0]], []).append(name)
            texts = table.rows[places[0]]
            for place in places[1:]:
                texts = texts.where(texts != "", table.rows[place])
            # Equal texts are read once; a number cell is not the same as a text with its digits.
            readings: dict[tuple[type, str], str] = {}
            cells = []
            for text in texts:
                key = (type(text), text)
                if key not in readings:
                    readings[key] = rule.read(text, zone)
                cells.append(readings[key])
            columns[name] = pd.Series(cells, index=table.rows.index, dtype=object)
            unread = {text for (_type, text), reading in readings.items() if text == reading}
            problems += _written_otherwise(name, rule, texts, unread)
        elif rule.constant:
            columns[name] = pd.Series(rule.constant, index=table.rows.index, dtype=object)
    problems += _currency_problems(table, mapping, columns)
    frame = pd.DataFrame(dict(enumerate(columns.values())), index=table.rows.index, dtype=object)
    problems += [
        replace(problem, column=name)
        for problem in table.problems
        for name in (ours.get(problem.column, []) if problem.column else [""])
    ]
    return replace(table, header=list(columns), rows=frame, problems=problems, notices=list(table.notices))


def _currency_problems(table: Table, mapping: Mapping, columns: Dictionary[str, "pd.Series"]) -> list[Problem]:
    """Amounts with the sign or code of another currency than the row's."""
    problems = []
    for name, rule in mapping.columns.items():
        place = rule.place_in(table.header)
        unit = columns.get("payout_currency" if name == "commission" else "currency")
        if not rule.decimals or place is None or unit is None:
            continue
        amounts = {text: rule.amount(text) for text in set(table.rows[place])}
        marked = {text: amount for text, amount in amounts.items() if amount and amount.currencies}
        for number, text, currency in zip(table.rows.index, table.rows[place], unit, strict=True) if marked else ():
            amount = marked.get(text)
            if amount and currency and currency not in (amount.currencies or ()):
                names = {"mark": amount.mark, "currency": currency}
                message = _("the amount is in %(mark)s, but the row's currency is %(currency)s") % names
                accepted = _("an amount in %(currency)s, or the other currency in its column") % names
                problems.append(Problem(int(number), name, shortened(str(text)), message, accepted))
    return problems


def _written_otherwise(name: str, rule: Rule, cells: "pd.Series", unread: set[str]) -> Iterator[Problem]:
    """Days and numbers of a column that can only be read in another way than the rule says. unread: texts it cannot read."""
    if rule.decimals not in DECIMALS[1:] and rule.dates not in SLASHED:
        return
    contradicting = {text for text in unread if rule.contradicted_by([text]) and "epoch_ms" not in orders(text)}
    if not contradicting:
        return
    message, accepted = {
        "comma": (_("written with a decimal point, but the column with a decimal comma"), _("a number as in 1.234,56")),
        "point": (_("written with a decimal comma, but the column with a decimal point"), _("a number as in 1,234.56")),
        "day_first": (
            _("written with the month first, but the column with the day first"),
            _("a date as in 23/11/2026"),
        ),
        "month_first": (
            _("written with the day first, but the column with the month first"),
            _("a date as in 11/23/2026"),
        ),
    }[rule.decimals or rule.dates]
    for number, text in cells.items():
        if text in contradicting and not isinstance(text, NumberCell):
            yield Problem(int(str(number)), name, shortened(str(text)), message, accepted)


def in_source_terms(problem: Problem, table: Table, mapping: Mapping) -> Problem:
    """An error of the mapped table as one of the file: its column and the value that is there. `table`: as it was read."""
    rule = mapping.columns.get(problem.column)
    place = rule.place_in(table.header) if rule else None
    if place is None:
        return problem
    value = problem.value
    if problem.row in table.rows.index:
        value = shortened(str(table.rows.at[problem.row, place]))
    return replace(problem, column=table.header[place], value=value)
