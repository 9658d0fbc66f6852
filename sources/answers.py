"""Answers of a connection: the document of docs/contract.md, checked, and turned into settings and mappings."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from imports.mapping import Mapping as ColumnMapping
from imports.mapping import Rule
from partner_portal.lib.rows.column_types import Day
from partner_portal.lib.rows.facts import find_kind, kinds
from partner_portal.lib.rows.facts import kind as kind_of
from sources.source import Account, Answer, Field, JsonObject, Question, Settings, TableSpec

EVERY_MINUTES = (15, 60, 240, 720, 1440)
LEAST_MINUTES, MOST_MINUTES = 5, 7 * 1440
MIDNIGHTS = ("day", "moment")


class WrongAnswers(ValidationError):  # noqa: N818 -- it says what the answers are
    """The document cannot be used; the message says why."""


@dataclass(frozen=True, slots=True)
class Guards:
    """How much a run may change without approval. A run that exceeds a limit waits for a person."""

    withdrawn_percent: int = 5  #: of the stored rows of a kind
    withdrawn_rows: int = 10  #: up to this number, whatever their share
    changed_percent: int = 60  #: of the stored rows of a kind
    changed_rows: int = 50
    points_percent: int = 20  #: the total has to change by less than this


def checked_answers(document: object) -> JsonObject:
    """The document in its stored form, without what it leaves out. Raises WrongAnswers."""
    if not isinstance(document, Mapping):
        raise WrongAnswers(_("The answers are one JSON object."))
    known = {"answers", "midnight_utc", "every_minutes", "guards", "complete", "more"} | {kind.key for kind in kinds()}
    if unknown := sorted(set(document) - known):
        raise WrongAnswers(_("Unknown: %(name)s.") % {"name": unknown[0]})
    stored: JsonObject = {}
    for name, value in document.items():
        if name == "answers":
            stored[name] = {key: _checked_answer(key, answer) for key, answer in _object(name, value).items()}
        elif name == "more":
            stored[name] = {key: _day(key, day) for key, day in _object(name, value).items()}
        elif name == "midnight_utc":
            stored[name] = _one_of(name, value, MIDNIGHTS)
        elif name == "every_minutes":
            stored[name] = _number(name, value, LEAST_MINUTES, MOST_MINUTES)
        elif name == "guards":
            limits = _object(name, value)
            stored[name] = {key: _number(key, limit, 0, 10**6) for key, limit in limits.items()}
            if unknown := sorted(set(limits) - set(Guards.__dataclass_fields__)):
                raise WrongAnswers(_("Unknown: %(name)s.") % {"name": f"guards.{unknown[0]}"})
        elif name == "complete":
            stored[name] = [_one_of(name, key, [kind.key for kind in kinds()]) for key in _list(name, value)]
        else:
            stored[name] = {"take": _checked_take(name, _object(name, value).get("take"))}
    return stored


def _checked_answer(key: str, answer: object) -> JsonObject:
    kind, _dot, column = key.partition(".")
    of_kind = find_kind(kind)
    if of_kind is None or column not in {known.name for known in of_kind.columns}:
        raise WrongAnswers(_("Unknown: %(name)s.") % {"name": key})
    fields = _object(key, answer)
    if unknown := sorted(set(fields) - {"property", "fallback", "words", "positive", "value"}):
        raise WrongAnswers(_("Unknown: %(name)s.") % {"name": f"{key}.{unknown[0]}"})
    if ("property" in fields) == ("value" in fields):
        raise WrongAnswers(_("%(name)s needs either a property or a value.") % {"name": key})
    checked: JsonObject = {}
    for name, value in fields.items():
        if name == "words":
            checked[name] = {_text(key, word): _text(key, ours) for word, ours in _object(key, value).items()}
        elif name == "fallback":
            checked[name] = [_text(key, text) for text in _list(key, value)]
        elif name == "positive":
            checked[name] = value is True
        else:
            checked[name] = _text(key, value)
            if not checked[name]:
                raise WrongAnswers(_("%(name)s needs either a property or a value.") % {"name": key})
    return checked


def _checked_take(name: str, take: object) -> object:
    if take in ("registered", "all"):
        return take
    fields = _object(f"{name}.take", take)
    if set(fields) == {"pipelines"}:
        return {"pipelines": [_text(name, text) for text in _list(name, fields["pipelines"])]}
    if set(fields) == {"property", "value"}:
        return {key: _text(name, value) for key, value in fields.items()}
    raise WrongAnswers(_("Unknown: %(name)s.") % {"name": f"{name}.take"})


def _day(key: str, value: object) -> str:
    """Since when a further kind is on."""
    try:
        return date.fromisoformat(_text(key, value)).isoformat()
    except ValueError as error:
        raise WrongAnswers(_("%(name)s is a date such as 2026-11-23.") % {"name": key}) from error


def _object(name: str, value: object) -> JsonObject:
    if not isinstance(value, Mapping):
        raise WrongAnswers(_("%(name)s is an object.") % {"name": name})
    return dict(value)


def _list(name: str, value: object) -> Sequence[Any]:
    if not isinstance(value, list):
        raise WrongAnswers(_("%(name)s is a list.") % {"name": name})
    return value


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > 1000:
        raise WrongAnswers(_("%(name)s has a value that is no text.") % {"name": name})
    return value.strip()


def _number(name: str, value: object, least: int, most: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise WrongAnswers(
            _("%(name)s is a whole number from %(least)s to %(most)s.") % {"name": name, "least": least, "most": most}
        )
    return value


def _one_of(name: str, value: object, accepted: Sequence[str]) -> str:
    if not isinstance(value, str) or value not in accepted:
        raise WrongAnswers(_("%(name)s is one of: %(accepted)s.") % {"name": name, "accepted": ", ".join(accepted)})
    return value


def answer_of(data: JsonObject) -> Answer:
    """One stored answer."""
    return Answer(
        name=data.get("property", ""),
        fallback=tuple(data.get("fallback", ())),
        words=data.get("words", {}),
        positive=data.get("positive", False),
        value=data.get("value", ""),
    )


def answer_data(answer: Answer) -> JsonObject:
    """An answer in its stored form."""
    if not answer.name:
        return {"value": answer.value}
    data: JsonObject = {"property": answer.name}
    data |= {"fallback": list(answer.fallback)} if answer.fallback else {}
    data |= {"words": dict(answer.words)} if answer.words else {}
    return data | ({"positive": True} if answer.positive else {})


def settings_of(
    document: JsonObject,
    account: Account | None = None,
    assigned: Mapping[str, str] | None = None,
    accepted: Mapping[str, Mapping[str, Mapping[str, str]]] | None = None,
) -> Settings:
    """The settings of a stored document. assigned: our id of the client by the deal's id. accepted: as of `Settings`."""
    return Settings(
        answers={key: answer_of(data) for key, data in document.get("answers", {}).items()},
        take={key: value["take"] for key, value in document.items() if isinstance(value, Mapping) and "take" in value},
        midnight_utc=document.get("midnight_utc", "day"),
        assigned=assigned or {},
        account=account,
        more=document.get("more", {}),
        accepted=accepted or {},
    )


def guards_of(document: JsonObject) -> Guards:
    """The guards of a stored document."""
    return Guards(**document.get("guards", {}))


def every_minutes(document: JsonObject) -> int:
    """How often the connection runs."""
    return int(document.get("every_minutes", 60))


def digest_of(document: JsonObject) -> str:
    """Digest of the answers that decide which rows are read, and how they are mapped. Schedule and guards do not count."""
    lasting = {name: value for name, value in document.items() if name not in ("every_minutes", "guards")}
    return hashlib.sha256(json.dumps(lasting, sort_keys=True).encode()).hexdigest()


def open_questions(questions: Sequence[Question], document: JsonObject) -> list[Question]:
    """The required questions that nobody has answered."""
    answers = document.get("answers", {})
    return [
        question
        for question in questions
        if not (question.optional or question.may_be_empty) and question.key not in answers
    ]


def mapping_of(spec: TableSpec, settings: Settings, name: str) -> ColumnMapping:
    """The column mapping that turns a table's file into rows of our kind. name: the connection's."""
    kind = kind_of(spec.kind)
    answers = dict(spec.given)
    answers |= {column.name: settings.answers[key] for column in kind.columns
                if (key := f"{spec.kind}.{column.name}") in settings.answers}  # fmt: skip
    rules = {}
    for column, answer in answers.items():
        is_day = isinstance(kind.column(column).type, Day)
        rules[column] = Rule(
            source=(answer.name,) if answer.name else (),
            fallback=tuple(answer.fallback),
            positive=answer.positive,
            constant=answer.value if not answer.name else "",
            words=answer.words,
            dates="iso" if is_day and answer.name else "",
            midnight_utc=settings.midnight_utc if is_day and answer.name else "",
        )
    return ColumnMapping(spec.kind, name, rules)


def field_data(field: Field) -> JsonObject:
    """A property in its stored form."""
    return {"name": field.name, "label": field.label, "type": field.type, "options": dict(field.options)}


def fields_of(schema: JsonObject) -> dict[str, list[Field]]:
    """The properties of each table of a stored schema."""
    return {table: [Field(**field) for field in fields] for table, fields in schema.items()}


def account_data(account: Account) -> JsonObject:
    """An account in its stored form."""
    return {
        "id": account.id, "name": account.name, "zone": account.zone, "currency": account.currency,
        "scopes": dict(account.scopes), "details": dict(account.details),
    }  # fmt: skip


def account_of(data: JsonObject) -> Account | None:
    """The account of a stored form; None before the first test."""
    return Account(**data) if data else None
