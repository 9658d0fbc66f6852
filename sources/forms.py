"""Forms of connections: connecting, and the answers to a connection's questions."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from partner_portal.formats.numbers import whole
from partner_portal.lib.rows.column_types import Choice, ColumnType
from partner_portal.lib.rows.facts import kind as kind_of
from partner_portal.lib.rows.facts import kinds
from sources.answers import EVERY_MINUTES, Guards, answer_data, every_minutes, guards_of, settings_of
from sources.source import Field, JsonObject, Question, Settings, Source
from sources.texts import question_title

CONSTANT = "="
PIPELINES = "pipeline:"
MOST_WORDS = 60  # values of a property for which the page asks the meaning


class ConnectForm(forms.Form):
    """Access to a vendor's account: a token, or a folder."""

    token = forms.CharField(
        label=gettext_lazy("Token"),
        max_length=500,
        strip=True,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy("It is stored encrypted, and nobody can read it here again."),
    )
    place = forms.CharField(
        label=gettext_lazy("Folder"),
        max_length=500,
        help_text=gettext_lazy("Its name below the folder that your operator has set up for you."),
    )

    def __init__(self, data: Mapping[str, object] | None = None, *, source: Source, token_only: bool = False) -> None:
        super().__init__(data)
        if not source.needs_token:
            del self.fields["token"]
        if token_only or not source.needs_place:
            del self.fields["place"]


@dataclass(frozen=True, slots=True)
class QuestionLine:
    """A question as the page shows it."""

    question: Question
    title: str
    source: forms.BoundField
    constant: forms.BoundField | None
    words: Sequence[tuple[str, forms.BoundField]]


class AnswersForm(forms.Form):
    """The answers to a connection's questions. Fields that depend on a choice appear when the form is shown again.

    fields: the properties of each table. stored: the answers so far. fixed: `once` questions can no longer be changed.
    """

    def __init__(
        self,
        data: Mapping[str, object] | None,
        *,
        source: Source,
        questions: Sequence[Question],
        fields: Mapping[str, Sequence[Field]],
        stored: JsonObject,
        fixed: bool,
        counts: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(data.copy() if isinstance(data, QueryDict) else data)
        self._words: dict[str, list[str]] = {}  # values of the chosen property, by question
        fixed_keys = {question.key for question in questions if question.once and fixed}
        self.questions = [question for question in questions if question.key not in fixed_keys]
        self.stored = stored
        answers = stored.get("answers", {})
        self._fixed_answers = {key: answer for key, answer in answers.items() if key in fixed_keys}
        self._tables = {spec.kind: fields.get(spec.schema, ()) for spec in source.tables(self._settings())}
        self._counts = counts or {}
        if "deals" in source.kinds and source.needs_token:
            self._add_take()
        for question in self.questions:
            self._add_question(question)
        if not source.needs_token:
            self.fields["complete"] = forms.MultipleChoiceField(
                label=_("Of these the files have every row: withdraw what is missing"),
                choices=[(kind.key, kind.label) for kind in kinds()],
                required=False,
                initial=stored.get("complete", []),
                widget=forms.CheckboxSelectMultiple,
            )
        self._add_rhythm()

    def _settings(self) -> Settings:
        """Those whose tables the questions are about."""
        return settings_of(self.stored)

    # What to take

    def _add_take(self) -> None:
        pipeline = _named(self._tables.get("deals", ()), "pipeline")
        choices = [
            ("registered", self._counted("registered", _("Deals that are registered with the vendor"))),
            ("all", self._counted("all", _("All deals"))),
            *(
                (PIPELINES + value, self._counted(PIPELINES + value, text % {"name": label}))
                for text in [_("Deals of the pipeline %(name)s")]
                for value, label in (pipeline.options.items() if pipeline else ())
            ),
            (CONSTANT, _("Deals of which a property has a value")),
        ]
        take = self.stored.get("deals", {}).get("take", "registered")
        initial = take if isinstance(take, str) else ""
        if isinstance(take, dict) and "pipelines" in take:
            initial = PIPELINES + (take["pipelines"] or [""])[0]
        of_property = take if isinstance(take, dict) and "property" in take else {}
        if of_property:
            initial = CONSTANT
        self.fields["take"] = forms.ChoiceField(
            label=_("Which deals?"),
            choices=choices,
            initial=initial,
            help_text=_("Your account also holds your own sales, which earn no points."),
        )
        if str(self.data.get("take", initial) if self.is_bound else initial) == CONSTANT:
            names = [(field.name, f"{field.label} ({field.name})") for field in self._tables.get("deals", ())]
            self._add(
                "take_property",
                forms.ChoiceField(
                    label=_("Property"), choices=[("", _("Choose")), *names], initial=of_property.get("property", "")
                ),
            )
            self._add(
                "take_value",
                forms.CharField(
                    label=_("Value"), max_length=200, initial=of_property.get("value", ""),
                    help_text=_("As the vendor’s programs write it. Capitals do not matter."),
                ),
            )  # fmt: skip

    def _counted(self, choice: str, text: str) -> str:
        """The choice with how many deals it takes, where that was counted at the last test."""
        count = self._counts.get(f"deals:{choice}")
        return f"{text} ({whole(int(count))})" if count else text

    def _take(self) -> Any:
        chosen = self.cleaned_data["take"]
        if chosen == CONSTANT:
            return {"property": self.cleaned_data["take_property"], "value": self.cleaned_data["take_value"]}
        if chosen.startswith(PIPELINES):
            return {"pipelines": [chosen.removeprefix(PIPELINES)]}
        return chosen

    # Questions

    def _add_question(self, question: Question) -> None:
        stored = self.stored.get("answers", {}).get(question.key)
        if stored is None and question.proposal is not None:
            stored = answer_data(question.proposal)
        stored = stored or {}
        name = question.key
        properties = self._tables.get(question.kind, ())
        initial = stored.get("property") or (CONSTANT if "value" in stored else "")
        self.fields[name] = forms.ChoiceField(
            label=question_title(question),
            required=not question.may_be_empty,
            choices=[
                ("", _("Leave it empty") if question.may_be_empty else _("Choose")),
                (CONSTANT, _("The same for all")),
                *((property_.name, f"{property_.label} ({property_.name})") for property_ in properties),
            ],
            initial=initial,
            help_text=str(question.why),
            error_messages={"required": _("Choose a property, or enter a value that holds for all.")},
        )
        chosen = str(self.data.get(name, initial)) if self.is_bound else initial
        column = kind_of(question.kind).column(question.column)
        if chosen == CONSTANT:
            self._add(f"{name}-value", _ours(column.type, str(stored.get("value", ""))))
        elif chosen and isinstance(column.type, Choice):
            chosen_field = _named(properties, chosen)
            words: dict[str, str] = dict(stored.get("words", {})) if stored.get("property") == chosen else {}
            options = dict(chosen_field.options) if chosen_field else {}
            for number, (value, label) in enumerate(list((options | dict.fromkeys(words, "")).items())[:MOST_WORDS]):
                field = _ours(column.type, words.get(value) or (value if value in column.type.values else ""))
                field.label, field.required = label or value, False
                self._add(f"{name}-word-{number}", field)
                self._words.setdefault(name, []).append(value)

    def _add(self, name: str, field: forms.Field) -> None:
        """Add a field that depends on a choice. The request does not have it yet, so it shows its initial value."""
        self.fields[name] = field
        if isinstance(self.data, QueryDict) and name not in self.data:
            self.data[name] = field.initial

    def lines(self) -> Iterator[QuestionLine]:
        """The questions in order, with their fields."""
        for question in self.questions:
            name = question.key
            yield QuestionLine(
                question,
                question_title(question),
                self[name],
                self[f"{name}-value"] if f"{name}-value" in self.fields else None,
                [(value, self[f"{name}-word-{number}"]) for number, value in enumerate(self._words.get(name, ()))],
            )

    def _answer(self, question: Question) -> JsonObject:
        name = question.key
        chosen = self.cleaned_data[name]
        if chosen == CONSTANT:
            return {"value": self.cleaned_data[f"{name}-value"]}
        if not chosen:
            return {}
        answer: JsonObject = {"property": chosen}
        before = self.stored.get("answers", {}).get(name, {})
        if before.get("property") == chosen:
            answer |= {key: before[key] for key in ("fallback", "positive") if key in before}
        elif question.proposal and question.proposal.name == chosen:
            answer = answer_data(question.proposal)
        words = {
            value: self.cleaned_data[f"{name}-word-{number}"]
            for number, value in enumerate(self._words.get(name, ()))
            if self.cleaned_data.get(f"{name}-word-{number}")
        }
        return answer | ({"words": words} if words else {})

    # Rhythm and guards

    def _add_rhythm(self) -> None:
        every = every_minutes(self.stored)
        guards = guards_of(self.stored)
        self.fields["every_minutes"] = forms.TypedChoiceField(
            label=_("How often?"),
            coerce=int,
            choices=[(minutes, _rhythm(minutes)) for minutes in sorted({*EVERY_MINUTES, every})],
            initial=every,
        )
        for name, label in (
            ("withdrawn_percent", _("Most rows that may be withdrawn, in percent of a kind")),
            ("withdrawn_rows", _("Rows that may be withdrawn whatever their share")),
            ("changed_percent", _("Most rows that may be changed, in percent")),
            ("points_percent", _("Points may change by less than so many percent")),
        ):
            self.fields[name] = forms.IntegerField(
                label=label, min_value=0, max_value=1_000_000, initial=getattr(guards, name)
            )

    @property
    def guards(self) -> list[forms.BoundField]:
        """The fields of the guards."""
        return [self[name] for name in Guards.__dataclass_fields__ if name in self.fields]

    @property
    def answers(self) -> JsonObject:
        """The answers to the questions, by key; without columns that are left empty. Needs a valid form."""
        answers = {question.key: self._answer(question) for question in self.questions}
        return {key: answer for key, answer in answers.items() if answer}

    @property
    def document(self) -> JsonObject:
        """The answers in their stored form. Needs a valid form."""
        document: JsonObject = {name: self.stored[name] for name in ("midnight_utc", "more") if name in self.stored}
        if "take" in self.fields:
            document["deals"] = {"take": self._take()}
        if "complete" in self.fields:
            document["complete"] = self.cleaned_data["complete"]
        if answers := self._fixed_answers | self.answers:
            document["answers"] = answers
        document["every_minutes"] = self.cleaned_data["every_minutes"]
        document["guards"] = self.stored.get("guards", {}) | {
            name: self.cleaned_data[name] for name in Guards.__dataclass_fields__ if name in self.fields
        }
        return document


def _named(properties: Sequence[Field], name: str) -> Field | None:
    return next((property_ for property_ in properties if property_.name == name), None)


def _ours(column_type: ColumnType, initial: str) -> forms.Field:
    """A field for a value of ours."""
    if isinstance(column_type, Choice):
        labels = [(value, capfirst(value.replace("_", " "))) for value in column_type.values]
        return forms.ChoiceField(label=_("Value"), choices=[("", _("Choose")), *labels], initial=initial)
    return forms.CharField(label=_("Value"), max_length=200, initial=initial, help_text=column_type.accepted)


def _rhythm(minutes: int) -> str:
    if minutes % 60:
        return ngettext("Every minute", "Every %(count)s minutes", minutes) % {"count": minutes}
    hours = minutes // 60
    return ngettext("Every hour", "Every %(count)s hours", hours) % {"count": hours}


class KindForm(AnswersForm):
    """The answers to the questions about a further kind."""

    def __init__(self, data: Mapping[str, object] | None, *, kind: str, **given: Any) -> None:
        self._kind = kind
        super().__init__(data, fixed=False, **given)

    def _settings(self) -> Settings:
        return Settings(more={self._kind: ""})

    def _add_take(self) -> None:
        """Leave out which deals to take."""

    def _add_rhythm(self) -> None:
        """Leave out rhythm and guards."""


class AssignForm(forms.Form):
    """Assign clients to the rows that have none."""

    def __init__(
        self,
        data: Mapping[str, object] | None = None,
        *,
        rows: Sequence[Any],
        clients: Sequence[tuple[str, str]],
    ) -> None:
        super().__init__(data)
        self.rows = rows
        known = dict(clients)
        for row in rows:
            fitting = [(key, known.get(key, key)) for key in row.candidates]
            others = [(key, name) for key, name in clients if key not in row.candidates]
            choices: list[Any] = [("", _("Not assigned"))]
            choices += [(_("They fit"), fitting), (_("All clients"), others)] if fitting else others
            if row.client_id and row.client_id not in known:
                choices.append((row.client_id, row.client_id))
            self.fields[f"row-{row.pk}"] = forms.ChoiceField(
                label=row.name or row.vendor_id, choices=choices, required=False, initial=row.client_id
            )

    @property
    def chosen(self) -> dict[int, str]:
        """Our client ids by primary key of the row; "" for none."""
        return {row.pk: self.cleaned_data[f"row-{row.pk}"] for row in self.rows}

    def lines(self) -> Iterator[tuple[Any, forms.BoundField]]:
        """The rows with their fields."""
        for row in self.rows:
            yield row, self[f"row-{row.pk}"]
