"""Form of a mapping: where each of our columns comes from in a file with other headers, and how its cells are written."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo

from django import forms
from django.forms.renderers import BaseRenderer
from django.forms.utils import flatatt
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from imports.cells.amounts import currency_of
from imports.cells.choices import choice_of, country_of, flag_of
from imports.cells.days import has_short_year, midnight_utc, read_month
from imports.cells.proposals import Example, Proposal, propose_days, propose_decimals
from imports.mapping import MONTHS, Rule
from imports.mapping import Mapping as ColumnMapping
from imports.mapping_preview import WORDS, Sample
from imports.tables import shortened
from partner_portal.formats.days import day_text
from partner_portal.lib.cldr import country_codes, country_name, currency_codes
from partner_portal.lib.rows.column_types import (
    CellError,
    Choice,
    ColumnType,
    Country,
    Currency,
    Day,
    Flag,
    Month,
    Number,
)
from partner_portal.lib.rows.facts import Column, FactKind

CONSTANT = "="
_SELECTED = mark_safe(" selected")
_ASK = "?"  # no proposal: a person has to choose
_DATES = [
    ("iso", gettext_lazy("2026-11-23, also with a time")),
    ("day_first", gettext_lazy("23/11/2026, the day first")),
    ("month_first", gettext_lazy("11/23/2026, the month first")),
    ("epoch_ms", gettext_lazy("Milliseconds since 1970, as an API gives them")),
]
_DECIMALS = [("", "1234.56"), ("point", "1,234.56"), ("comma", "1.234,56")]
_MONTHS = [("", "2026-11"), (MONTHS, gettext_lazy("Nov 2026, nov-26, 11-2026 or 2026/11"))]
_CENTURIES = [
    ("2000", gettext_lazy("2000 to 2099")),
    ("1930", gettext_lazy("1930 to 2029, as Excel reads them")),
]


class _LongSelect(forms.Select):
    """A select rendered without a template per option: a page has one with hundreds of options for every column."""

    def render(
        self, name: str, value: object, attrs: dict[str, object] | None = None, renderer: BaseRenderer | None = None
    ) -> SafeString:
        chosen = "" if value is None else str(value)
        attributes = self.build_attrs(self.attrs, attrs) | {"name": name}
        options = format_html_join(
            "\n",
            '<option value="{}"{}>{}</option>',
            ((key, _SELECTED if str(key) == chosen else "", label) for key, label in self.choices),
        )
        return format_html("<select{}>\n{}\n</select>", flatatt(attributes), options)


@dataclass(slots=True)
class Line:
    """The fields of one of our columns."""

    column: Column
    source: forms.BoundField
    constant: forms.BoundField | None = None
    dates: forms.BoundField | None = None
    century: forms.BoundField | None = None
    midnight: forms.BoundField | None = None
    decimals: forms.BoundField | None = None
    words: list[tuple[str, forms.BoundField]] = field(
        default_factory=list
    )  # of the file, with fields for their meanings
    more: bool = False  # the file has more words than are listed
    source_name: str = ""  # of the file's column
    please_check: bool = False  # the column was proposed by a name that is not ours

    @property
    def wrong(self) -> bool:
        """Whether an answer about the column cannot be used."""
        fields = (
            self.source,
            self.constant,
            self.dates,
            self.century,
            self.decimals,
            *(meaning for _word, meaning in self.words),
        )
        return any(field_.errors for field_ in fields if field_)


class MappingForm(forms.Form):
    """The answers about all columns of the kind; what is not in `data` is taken from `base`.

    `mapping` is the mapping so far, and can be used when the form is valid. zone: in which moments become days.
    proposed: whether `base` is a proposal that nobody has confirmed.
    """

    def __init__(
        self,
        kind: FactKind,
        sample: Sample,
        base: ColumnMapping,
        data: Mapping[str, object] | None = None,
        zone: tzinfo = UTC,
        *,
        proposed: bool = False,
    ) -> None:
        self.kind, self.sample, self.base, self.zone, self.proposed = kind, sample, base, zone, proposed
        self.answers: dict[str, object] = dict(data.items()) if data else {}
        self.rules: dict[str, Rule] = {}
        super().__init__(self.answers)
        self._sources = [
            (str(place), self._source_label(name))
            for place, name in enumerate(sample.header)
            if name and sample.header.index(name) == place
        ]
        self._constants: dict[ColumnType, list[tuple[str, str]]] = {}
        self._places = {place for place, _name in self._sources}
        for column in kind.columns:
            self._add_source(column)
        self._file_forms = {part: self._form_of_file(part) for part in ("dates", "decimals")}
        for column in kind.columns:
            self._add(column)

    @property
    def mapping(self) -> ColumnMapping:
        """The mapping of the columns with an answer."""
        self.is_valid()
        return ColumnMapping(self.kind.key, "", self.rules)

    @property
    def open(self) -> list[str]:
        """Required columns without an answer."""
        self.is_valid()
        return [column.name for column in self.kind.columns if column.required and column.name not in self.rules]

    def lines(self) -> Iterator[Line]:
        """The fields by column."""
        for column in self.kind.columns:
            name = column.name
            line = Line(column, self[f"from-{name}"])
            for part in ("constant", "dates", "century", "midnight", "decimals"):
                if f"{part}-{name}" in self.fields:
                    setattr(line, part, self[f"{part}-{name}"])
            place = self._place(name)
            if place is not None:
                line.source_name = self.sample.header[place]
                certain = (name, name.replace("_", " "), *self.base.columns.get(name, Rule()).source[:1])
                line.please_check = self.proposed and line.source_name.casefold() not in certain
                line.words = [
                    (word, self[key]) for word, key in self._words(name, column.type, place) if key in self.fields
                ]
                line.more = _has_words(column.type) and len(self.sample.words[place]) > WORDS
            yield line

    def clean(self) -> dict[str, object]:
        for column in self.kind.columns:
            rule = self._rule(column)
            if rule:
                self.rules[column.name] = rule
        return self.cleaned_data

    def _source_label(self, name: str) -> str:
        times = self.sample.header.count(name)
        if times == 1:
            return shortened(name)
        return _("%(name)s (%(times)s columns)") % {"name": shortened(name), "times": times}

    def _add_source(self, column: Column) -> None:
        name, kind = column.name, column.type
        rule = self.base.columns.get(name, Rule())
        nothing = _("Choose") if column.required else _("Leave it empty")
        values = self._values_of(kind)
        same = [(CONSTANT, _("The same for every row"))]
        if values:
            same = [(CONSTANT + value, _("Every row: %(value)s") % {"value": label}) for value, label in values]
        choices = [("", nothing), *self._sources, *same]
        self._field(
            f"from-{name}",
            forms.ChoiceField(label=name, choices=choices, widget=_LongSelect),
            self._source_of(rule, kind),
        )

    def _proposal(self, column: Column) -> Proposal | None:
        """How the days or numbers of a column are written; None for other columns."""
        name, kind, place = column.name, column.type, self._place(column.name)
        if place is None or not isinstance(kind, Day | Number):
            return None
        examples, rule = self.sample.examples.get(place, []), self.base.columns.get(name, Rule())
        if isinstance(kind, Day):
            return propose_days(examples, rule.dates)
        usual = rule.decimals if self._is_source(rule, place) else ""
        return propose_decimals(examples, lambda text: _accepts(kind, text), usual)

    def _form_of_file(self, part: str) -> tuple[str, str]:
        """The form that another column of the file proves, or that a person chose for it, and that column; "" for none or several.

        One program wrote all columns of a file.
        """
        proven: dict[str, str] = {}
        for column in self.kind.columns:
            if isinstance(column.type, Day if part == "dates" else Number) and (proposal := self._proposal(column)):
                answer = str(self.answers.get(f"{part}-{column.name}", ""))
                form = proposal.form if proposal.proof else answer if proposal.doubt and answer != _ASK else ""
                if form:
                    proven.setdefault(form, self.sample.header[self._place(column.name) or 0])
        return next(iter(proven.items())) if len(proven) == 1 else ("", "")

    def _add(self, column: Column) -> None:
        name, kind = column.name, column.type
        rule = self.base.columns.get(name, Rule())
        place = self._place(name)
        if self.answers[f"from-{name}"] == CONSTANT:
            constant = forms.CharField(label=_("Value for every row"), max_length=1000, widget=_typed())
            self._field(f"constant-{name}", constant, rule.constant)
        if place is None:
            return
        examples = self.sample.examples.get(place, [])
        if isinstance(kind, Day):
            self._add_form("dates", column, _("Date format"), _DATES)
            self._add_century(name, rule, [example for example in examples if has_short_year(example.text)])
            self._add_midnight(name, place, rule)
        if isinstance(kind, Month):
            written = any(read_month(example.text, "2000") for example in examples)
            months = forms.ChoiceField(label=_("How months are written"), choices=_MONTHS)
            self._field(f"dates-{name}", months, rule.dates or (MONTHS if written else ""))
            short = [
                example for example in examples if read_month(example.text, "2000") != read_month(example.text, "")
            ]
            self._add_century(name, rule, short)
        if isinstance(kind, Number):
            self._add_form("decimals", column, _("How numbers are written"), _DECIMALS)
        known = {word.casefold(): meaning for word, meaning in rule.words.items()}
        options = [("", _("not matched: these rows will be errors")), *self._values_of(kind)]
        for word, key in self._words(name, kind, place):
            label = _("%(word)s means") % {"word": shortened(word)}
            meaning = known.get(word.casefold()) or _meaning(
                kind, word, [value for value, _label in self._values_of(kind)]
            )
            self._field(key, forms.ChoiceField(label=label, choices=options, widget=_LongSelect), meaning)

    def _values_of(self, kind: ColumnType) -> list[tuple[str, str]]:
        """`_constants`, looked up once."""
        if kind not in self._constants:
            self._constants[kind] = _constants(kind)
        return self._constants[kind]

    def _is_source(self, rule: Rule, place: int) -> bool:
        """Whether a rule is about the column of the file at this place."""
        return self.sample.header[place].casefold() in {source.casefold() for source in rule.source}

    def _add_century(self, name: str, rule: Rule, short: list[Example]) -> None:
        """Ask for the century where a year has two digits."""
        if short:
            label = _("Years of two digits, as in %(text)s, are") % {"text": shortened(short[0].text)}
            choices = [("", _("Choose")), *_CENTURIES]
            self._field(f"century-{name}", forms.ChoiceField(label=label, choices=choices), rule.century)

    def _add_form(self, part: str, column: Column, label: str, choices: Sequence[tuple[str, object]]) -> None:
        """A choice between the ways to write, with the cell that proves one or that leaves it open."""
        proposal = self._proposal(column)
        if proposal is None:
            return
        key, hint, (of_file, proved_by) = f"{part}-{column.name}", "", self._file_forms[part]
        proposed = proposal.form
        if proposal.proof:
            cell = {"text": shortened(proposal.proof.text), "row": proposal.proof.row}
            hint = _("“%(text)s” in row %(row)s can only be read so.") % cell
        if proposal.doubt and not proposal.against and of_file:
            proposed = of_file
            hint = _("As in the column “%(name)s”.") % {"name": shortened(proved_by)}
            if self.answers.get(key) == _ASK:
                self.answers[key] = of_file
        elif proposal.doubt:
            hint = _hint_of_doubt(proposal.doubt, proposal.against)
            choices, proposed = [(_ASK, _("Choose")), *choices], _ASK
        self._field(key, forms.ChoiceField(label=label, choices=choices, help_text=hint), proposed)

    def _add_midnight(self, name: str, place: int, rule: Rule) -> None:
        """Ask what midnight UTC means where a cell of the file has it and the time zone would make another day of it."""
        form = str(self.answers[f"dates-{name}"])
        text = self.sample.midnights.get(place, {}).get(form, "")
        day = midnight_utc(text, form) if text else None
        if day is None or not _is_behind_utc(self.zone, day.year):
            return
        local = datetime(day.year, day.month, day.day, tzinfo=UTC).astimezone(self.zone)
        moment = {"zone": str(self.zone), "moment": date_format(local, "j M Y, H:i")}
        meanings = [
            ("day", _("That day: %(day)s") % {"day": day_text(day)}),
            ("moment", _("A moment: %(moment)s in %(zone)s") % moment),
        ]
        label = _("What midnight UTC means, as in %(text)s") % {"text": shortened(text)}
        self._field(f"midnight-{name}", forms.ChoiceField(label=label, choices=meanings), rule.midnight_utc or "day")

    def _field(self, key: str, form_field: forms.Field, proposed: str) -> None:
        form_field.required = False
        self.fields[key] = form_field
        self.answers.setdefault(key, proposed)

    def _source_of(self, rule: Rule, kind: ColumnType) -> str:
        """The choice of a rule in this file. A column that is there twice is chosen too, and rejected later."""
        if rule.constant:
            return CONSTANT + rule.constant if self._values_of(kind) else CONSTANT
        for same in (str, str.casefold):
            names = [same(name) for name in self.sample.header]
            for wanted in map(same, rule.source):
                if wanted in names:
                    return str(self.sample.header.index(self.sample.header[names.index(wanted)]))
        return ""

    def _place(self, name: str) -> int | None:
        """The place of the chosen column of the file; None for none."""
        chosen = str(self.answers.get(f"from-{name}", ""))
        return int(chosen) if chosen in self._places else None

    def _words(self, name: str, kind: ColumnType, place: int) -> list[tuple[str, str]]:
        """The words of the file that have a meaning to choose, with the names of their fields."""
        if not _has_words(kind):
            return []
        return [
            (word, f"word-{name}-{hashlib.sha256(word.casefold().encode()).hexdigest()[:16]}")
            for word in self.sample.words[place][:WORDS]
            if not (isinstance(kind, Country) and word in country_codes())
            and not (isinstance(kind, Currency) and word in currency_codes())
        ]

    def _rule(self, column: Column) -> Rule | None:
        name = column.name
        chosen = self.cleaned_data.get(f"from-{name}", "")
        if chosen == CONSTANT:
            return self._constant(column)
        if chosen.startswith(CONSTANT):
            return Rule(constant=chosen.removeprefix(CONSTANT))
        if not chosen:
            if column.required and f"from-{name}" not in self.errors:
                self.add_error(f"from-{name}", _("Choose a column of the file, or the same value for every row."))
            return None
        place = int(chosen)
        source = self.sample.header[place]
        times = self.sample.header.count(source)
        if times > 1:
            message = _("The file has the column “%(name)s” %(times)s times. Give each a name of its own in the file.")
            self.add_error(f"from-{name}", message % {"name": shortened(source), "times": times})
            return None
        for key in (f"dates-{name}", f"decimals-{name}", f"century-{name}"):
            if key in self.fields and self.cleaned_data.get(key) in ((_ASK, "") if key.startswith("c") else (_ASK,)):
                self.add_error(key, _("Choose how it is to be read."))
        answers = {part: str(self.cleaned_data.get(f"{part}-{name}", "")) for part in ("dates", "century", "decimals")}
        dates, century, decimals = ("" if answer == _ASK else answer for answer in answers.values())
        beyond = isinstance(column.type, Country) and len(self.sample.words[place]) > WORDS
        return Rule(
            (source,),
            words=self._meanings(column, place),
            midnight_utc=self._midnight(column, source),
            names="country" if beyond else "",
            dates=dates,
            century=century,
            decimals=decimals,
        )

    def _midnight(self, column: Column, source: str) -> str:
        """What midnight UTC means: the answer, or the earlier one for the same column when this file has no midnight."""
        base = self.base.columns.get(column.name, Rule())
        earlier = base.midnight_utc if source.casefold() in {name.casefold() for name in base.source} else ""
        return str(self.cleaned_data.get(f"midnight-{column.name}", "") or earlier)

    def _constant(self, column: Column) -> Rule | None:
        key = f"constant-{column.name}"
        text = self.cleaned_data.get(key, "")
        if key in self.errors:
            return None
        if not text:
            self.add_error(key, _("Enter the value."))
            return None
        try:
            column.type.read(text)
        except CellError as error:
            message = _("%(wrong)s. Accepted: %(what)s.")
            self.add_error(key, message % {"wrong": capfirst(str(error)), "what": column.type.accepted})
            return None
        return Rule(constant=text)

    def _meanings(self, column: Column, place: int) -> dict[str, str]:
        """Meanings by word: the answers for this file, and earlier ones for other words of the same column."""
        words = {}
        base = self.base.columns.get(column.name, Rule())
        if self.sample.header[place].casefold() in {name.casefold() for name in base.source}:
            here = {word.casefold() for word, _key in self._words(column.name, column.type, place)}
            words = {word: meaning for word, meaning in base.words.items() if word.casefold() not in here}
        for word, key in self._words(column.name, column.type, place):
            meaning = self.cleaned_data.get(key, "")
            if meaning and meaning != word:
                words[word] = meaning
        return words


def _hint_of_doubt(doubt: Example, against: Example | None) -> str:
    """Why a person has to choose how a column is written."""
    cells = {"text": shortened(doubt.text), "row": doubt.row}
    if against is None:
        return _("“%(text)s” in row %(row)s can be read in two ways, and nothing in the file tells which.") % cells
    cells |= {"other": shortened(against.text), "other_row": against.row}
    text = _("“%(text)s” in row %(row)s and “%(other)s” in row %(other_row)s are written in two ways.") % cells
    advice = _("Choose what most rows use; the others become errors.")  # apart: makemessages does not read f-strings
    return f"{text} {advice}"


def _is_behind_utc(zone: tzinfo, year: int) -> bool:
    """Whether midnight UTC falls on the day before in the zone, in winter or in summer."""
    return any(datetime(year, month, 15, tzinfo=UTC).astimezone(zone).day != 15 for month in (1, 7))


def _values(kind: ColumnType) -> tuple[str, ...]:
    """The words that a column accepts, when there are only a few."""
    if isinstance(kind, Choice):
        return kind.values
    return ("yes", "no") if isinstance(kind, Flag) else ()


def known_currencies(kind: Currency) -> list[str]:
    """The codes that a column of currencies accepts."""
    return sorted(kind.known() if kind.known else currency_codes())


def _constants(kind: ColumnType) -> list[tuple[str, str]]:
    """The values that a column accepts with their names, when they can be listed."""
    if isinstance(kind, Country):
        language = get_language() or "en"
        named = [(code, f"{country_name(code, language)} ({code})") for code in country_codes()]
        return sorted(named, key=lambda choice: choice[1])
    if isinstance(kind, Currency):
        return [(code, code) for code in known_currencies(kind)]
    return [(value, value) for value in _values(kind)]


def _meaning(kind: ColumnType, word: str, values: Sequence[str]) -> str:
    """The value that a word of the file probably stands for; "" when it is not known."""
    if isinstance(kind, Country):
        return country_of(word)
    if isinstance(kind, Currency):
        code = currency_of(word)
        return code if code in values else ""
    return flag_of(word) if isinstance(kind, Flag) else choice_of(word, tuple(values))


def _accepts(kind: ColumnType, text: str) -> bool:
    try:
        kind.read(text)
    except CellError:
        return False
    return True


def _has_words(kind: ColumnType) -> bool:
    return isinstance(kind, Choice | Flag | Country | Currency)


def _typed() -> forms.TextInput:
    """A text field that htmx does not replace when the response to an earlier change arrives."""
    return forms.TextInput(attrs={"hx-preserve": "true"})
