"""Form of a mapping: where each of our columns comes from in a file with other headers, and how its cells are written."""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING

from django import forms
from django.forms.utils import flatatt
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from imports.mapping import Mapping as ColumnMapping
from imports.mapping import Rule, midnight_utc
from imports.mapping_preview import WORDS, Sample
from imports.tables import shortened
from partner_portal.formats.days import day_text
from partner_portal.lib.cldr import country_codes
from partner_portal.lib.rows.column_types import CellError, Choice, ColumnType, Country, Day, Flag, Number
from partner_portal.lib.rows.facts import Column, FactKind

if TYPE_CHECKING:
    from django.forms.renderers import BaseRenderer

CONSTANT = "="
_SELECTED = mark_safe(" selected")
_DATES = [
    ("iso", gettext_lazy("2026-11-23, also with a time")),
    ("day_first", gettext_lazy("23/11/2026, the day first")),
    ("month_first", gettext_lazy("11/23/2026, the month first")),
    ("epoch_ms", gettext_lazy("Milliseconds since 1970, as an API gives them")),
]
_DECIMALS = [("", "1234.56"), ("point", "1,234.56"), ("comma", "1.234,56")]
_PLAIN_WORDS = {"true": "yes", "false": "no"}  # how programs write a flag


class _LongSelect(forms.Select):
    """A select rendered without a template per option: a page has one with hundreds of options for every column."""

    def render(
        self, name: str, value: object, attrs: dict[str, object] | None = None, renderer: "BaseRenderer | None" = None
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
    midnight: forms.BoundField | None = None
    decimals: forms.BoundField | None = None
    words: list[tuple[str, forms.BoundField]] = field(
        default_factory=list
    )  # of the file, with fields for their meanings
    more: bool = False  # the file has more words than are listed
    source_name: str = ""  # of the file's column

    @property
    def wrong(self) -> bool:
        """Whether an answer about the column cannot be used."""
        fields = (self.source, self.constant, *(meaning for _word, meaning in self.words))
        return any(field_.errors for field_ in fields if field_)


class MappingForm(forms.Form):
    """The answers about all columns of the kind; what is not in `data` is taken from `base`.

    `mapping` is the mapping so far, and can be used when the form is valid. zone: in which moments become days.
    """

    def __init__(
        self,
        kind: FactKind,
        sample: Sample,
        base: ColumnMapping,
        data: Mapping[str, object] | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        self.kind, self.sample, self.base, self.zone = kind, sample, base, zone
        self.answers: dict[str, object] = dict(data.items()) if data else {}
        self.rules: dict[str, Rule] = {}
        super().__init__(self.answers)
        self._sources = [
            (str(place), self._source_label(name))
            for place, name in enumerate(sample.header)
            if name and sample.header.index(name) == place
        ]
        self._places = {place for place, _name in self._sources}
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
            for part in ("constant", "dates", "midnight", "decimals"):
                if f"{part}-{name}" in self.fields:
                    setattr(line, part, self[f"{part}-{name}"])
            place = self._place(name)
            if place is not None:
                line.source_name = self.sample.header[place]
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

    def _add(self, column: Column) -> None:
        name, kind = column.name, column.type
        rule = self.base.columns.get(name, Rule())
        nothing = _("Choose") if column.required else _("Leave it empty")
        choices = [("", nothing), (CONSTANT, _("The same for every row")), *self._sources]
        self._field(
            f"from-{name}", forms.ChoiceField(label=name, choices=choices, widget=_LongSelect), self._source_of(rule)
        )
        place = self._place(name)
        if self.answers[f"from-{name}"] == CONSTANT:
            label = _("Value for every row")
            values = _values(kind)
            constant: forms.Field = (
                forms.ChoiceField(label=label, choices=[("", _("Choose")), *((value, value) for value in values)])
                if values
                else forms.CharField(label=label, max_length=1000, widget=_typed())
            )
            self._field(f"constant-{name}", constant, rule.constant)
        if place is None:
            return
        if isinstance(kind, Day):
            dates = forms.ChoiceField(label=_("How days are written"), choices=_DATES)
            self._field(f"dates-{name}", dates, rule.dates or "iso")
            self._add_midnight(name, place, rule)
        if isinstance(kind, Number):
            decimals = forms.ChoiceField(label=_("How numbers are written"), choices=_DECIMALS)
            self._field(f"decimals-{name}", decimals, rule.decimals)
        known = {word.casefold(): meaning for word, meaning in rule.words.items()}
        for word, key in self._words(name, kind, place):
            folded = word.casefold()
            label = _("%(word)s means") % {"word": shortened(word)}
            if isinstance(kind, Country):
                meaning = known.get(folded) or (word.upper() if word.upper() in country_codes() else "")
                self._field(key, forms.CharField(label=label, max_length=2, widget=_typed()), meaning)
            else:
                meaning = known.get(folded) or next((v for v in _values(kind) if v == folded), "")
                if isinstance(kind, Flag):
                    meaning = meaning or _PLAIN_WORDS.get(folded, "")
                options = [("", _("not said: an error")), *((value, value) for value in _values(kind))]
                self._field(key, forms.ChoiceField(label=label, choices=options), meaning)

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

    def _source_of(self, rule: Rule) -> str:
        """The choice of a rule in this file. A column that is there twice is chosen too, and rejected later."""
        if rule.constant:
            return CONSTANT
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
        ]

    def _rule(self, column: Column) -> Rule | None:
        name = column.name
        chosen = self.cleaned_data.get(f"from-{name}", "")
        if chosen == CONSTANT:
            return self._constant(column)
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
        return Rule(
            (source,),
            words=self._meanings(column, place),
            dates=self.cleaned_data.get(f"dates-{name}", ""),
            decimals=self.cleaned_data.get(f"decimals-{name}", ""),
            midnight_utc=self._midnight(column, source),
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
            self.add_error(key, _("Say the value."))
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
            if isinstance(column.type, Country) and meaning:
                meaning = meaning.upper()
                if meaning not in country_codes():
                    self.add_error(key, _("Not the code of a country, such as NL or GB."))
                    continue
            if meaning and meaning != word:
                words[word] = meaning
        return words


def _is_behind_utc(zone: tzinfo, year: int) -> bool:
    """Whether midnight UTC falls on the day before in the zone, in winter or in summer."""
    return any(datetime(year, month, 15, tzinfo=UTC).astimezone(zone).day != 15 for month in (1, 7))


def _values(kind: ColumnType) -> tuple[str, ...]:
    """The words that a column accepts, when there are only a few."""
    if isinstance(kind, Choice):
        return kind.values
    return ("yes", "no") if isinstance(kind, Flag) else ()


def _has_words(kind: ColumnType) -> bool:
    return isinstance(kind, Choice | Flag | Country)


def _typed() -> forms.TextInput:
    """A text field that htmx leaves alone while the answer to an earlier change comes in."""
    return forms.TextInput(attrs={"hx-preserve": "true"})
