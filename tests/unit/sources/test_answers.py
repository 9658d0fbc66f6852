"""The answers of a connection: what a document may say, and the sentence for what it may not."""

from typing import Any

import pytest

from imports.mapping import Rule
from sources.answers import WrongAnswers, answer_data, answer_of, checked_answers, digest_of, mapping_of, settings_of
from sources.source import Answer, TableSpec


def test_a_document_in_its_stored_form() -> None:
    document = {
        "midnight_utc": "moment",
        "every_minutes": 15,
        "guards": {"withdrawn_rows": 3},
        "complete": ["clients"],
        "deals": {"take": {"pipelines": [" default "]}},
        "answers": {
            "deals.origin": {"property": "hs_origin", "fallback": ["other"], "words": {" Ours ": "sourced"}},
            "deals.currency": {"value": "EUR"},
            "deals.registered": {"property": "approved", "positive": True},
        },
    }
    assert checked_answers(document) == {
        **document,
        "deals": {"take": {"pipelines": ["default"]}},
        "answers": document["answers"]
        | {"deals.origin": {"property": "hs_origin", "fallback": ["other"], "words": {"Ours": "sourced"}}},
    }
    assert checked_answers({"deals": {"take": {"property": "won_by", "value": "us"}}}) == {
        "deals": {"take": {"property": "won_by", "value": "us"}}
    }
    assert checked_answers({}) == {}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ([], "The answers are one JSON object."),
        ({"colour": 1}, "Unknown: colour."),
        ({"midnight_utc": "noon"}, "midnight_utc is one of: day, moment."),
        ({"every_minutes": 4}, "every_minutes is a whole number from 5 to 10080."),
        ({"every_minutes": True}, "every_minutes is a whole number from 5 to 10080."),
        ({"guards": {"withdrawn_rows": -1}}, "withdrawn_rows is a whole number from 0 to 1000000."),
        ({"guards": {"mood": 1}}, "Unknown: guards.mood."),
        ({"guards": []}, "guards is an object."),
        ({"complete": "clients"}, "complete is a list."),
        ({"answers": {"deals.colour": {"value": "red"}}}, "Unknown: deals.colour."),
        ({"answers": {"planets.name": {"value": "Mars"}}}, "Unknown: planets.name."),
        ({"answers": {"deals.origin": {"value": "none", "size": 1}}}, "Unknown: deals.origin.size."),
        ({"answers": {"deals.origin": {}}}, "deals.origin needs either a property or a value."),
        (
            {"answers": {"deals.origin": {"property": "a", "value": "b"}}},
            "deals.origin needs either a property or a value.",
        ),
        ({"answers": {"deals.origin": {"value": 5}}}, "deals.origin has a value that is no text."),
        ({"deals": {"take": {"pipelines": "default"}}}, "deals is a list."),
        ({"deals": {"take": {"colour": "red"}}}, "Unknown: deals.take."),
        ({"deals": {"take": "some"}}, "deals.take is an object."),
    ],
)
def test_a_wrong_document_is_rejected_with_its_reason(document: Any, message: str) -> None:
    with pytest.raises(WrongAnswers) as caught:
        checked_answers(document)
    assert caught.value.messages == [message]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(value="EUR"),
        Answer(name="amount"),
        Answer(name="origin", fallback=("lead",), words={"Ours": "sourced"}),
        Answer(name="approved", positive=True),
    ],
)
def test_an_answer_comes_back_from_its_stored_form(answer: Answer) -> None:
    assert answer_of(answer_data(answer)) == answer


def test_the_digest_follows_what_is_read_and_not_how_often() -> None:
    first = digest_of({"every_minutes": 60, "answers": {"deals.currency": {"value": "EUR"}}})
    assert digest_of({"every_minutes": 15, "answers": {"deals.currency": {"value": "EUR"}}}) == first
    assert digest_of({"every_minutes": 60, "answers": {"deals.currency": {"value": "USD"}}}) != first


def test_answers_go_before_what_a_table_gives() -> None:
    spec = TableSpec(
        name="deals", kind="deals", header=("id", "amount", "money"),
        given={"deal_id": Answer(name="id"), "mrr": Answer(name="amount"), "currency": Answer(value="EUR")},
    )  # fmt: skip
    settings = settings_of({"answers": {"deals.mrr": {"property": "money"}}})
    mapping = mapping_of(spec, settings, name="hubspot")
    assert mapping.columns["deal_id"].source == ("id",)
    assert mapping.columns["mrr"].source == ("money",)
    assert mapping.columns["currency"] == Rule(constant="EUR")
