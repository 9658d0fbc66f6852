"""The document and its page; and the API asked, at random, everything that its own document says may be asked."""

from contextlib import contextmanager

import pytest
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, assume, given, settings

from partner_portal.lib.rows.datasets import all_datasets

FIXED = ["progress", "changes", "forecast", "statements", "connections", "breakdown", "datasets"]
ADDRESSES = [f"/api/v1/{name}" for name in FIXED] + [f"/api/v1/datasets/{each.key}" for each in all_datasets()]


@contextmanager
def one_connection():
    """As Django's own test client has it: a request neither opens nor closes the connection that the test works in."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.fixture
def document(token_of, get):
    """What an admin's program is told may be asked."""
    return get(token_of(name="Document"), "openapi.json").json()


def test_it_names_every_address(document):
    assert set(document["paths"]) == set(ADDRESSES)
    for methods in document["paths"].values():
        assert list(methods) == ["get"]
        assert methods["get"]["security"]


def test_it_names_every_refusal_and_says_what_a_day_may_be(document):
    """400 and 414 come before anything else (tests/integration/test_refused_requests.py); 413 from whoever stands in front."""
    for methods in document["paths"].values():
        refusals = set(methods["get"]["responses"]) - {"200"}
        assert refusals == {"400", "401", "403", "404", "405", "413", "414", "422", "429", "503"}
        for status in refusals:
            assert list(methods["get"]["responses"][status]["content"]) == ["application/json"]
        for parameter in methods["get"]["parameters"]:
            if parameter["name"] == "on":
                assert "today" in parameter["description"]
                assert "ahead is refused" in parameter["description"]


@pytest.mark.parametrize(
    "query",
    [
        "on=2026-11-23&on=2026-11-23",
        "page_size=5&page_size=5",
        "page_size=",
        "unknown=1",
        "on=tomorrow",
        "page=1&page=2",
    ],
)
def test_nothing_that_breaks_the_document_is_accepted(token_of, get, query):
    assert get(token_of(), f"datasets/expiring?{query}").status_code == 422


def test_an_empty_value_is_as_good_as_none_and_the_document_says_so(token_of, get, document):
    empty = get(token_of(), "datasets/expiring?on=&track=&sort=&columns=&q=&list=")
    assert empty.status_code == 200
    for parameter in document["paths"]["/api/v1/datasets/expiring"]["get"]["parameters"]:
        if parameter["name"] in ("on", "track", "sort", "list"):
            assert {"type": "string", "maxLength": 0} in parameter["schema"]["anyOf"]


def test_it_names_no_address_that_its_reader_may_not_read(token_of, get):
    found = get(token_of("member"), "openapi.json").json()["paths"]
    assert not [address for address in found if "/datasets/commission" in address]
    assert not [
        parameter
        for methods in found.values()
        for parameter in methods["get"]["parameters"]
        if parameter["name"] == "columns" and "amount" in parameter["schema"]["items"]["enum"]
    ]


def test_the_page_lists_what_the_document_does(web, document):
    page = web("admin").get("/api/v1/")
    text = page.content.decode()
    for address in document["paths"]:
        assert f"<code>{address}</code>" in text
    for words in (
        '<td class="state">a day, such as <code>2026-11-23</code>',
        "a whole number from 1 to 1000",
        "<code>last-90-days</code>",
    ):
        assert words in text
    assert text.count("Several, with commas:") == text.count("<code>columns</code>")
    assert "<script>" not in text
    assert "style=" not in text


def test_strangers_are_sent_to_sign_in_from_the_page(web):
    assert web(None).get("/api/v1/")["Location"].startswith("/accounts/login/")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("address", "examples"),
    [
        *((address, 2) for place, address in enumerate(ADDRESSES) if place < len(FIXED) or place % 4 == 0),
        *(pytest.param(address, 20, marks=pytest.mark.sweep) for address in ADDRESSES),
    ],
)
def test_it_keeps_what_its_document_promises(token_of, get, address, examples):
    """Right and wrong parameters at random: never a fault, nothing wrong accepted, always an answer of the promised shape.

    A parameter of the right shape may still mean nothing (a day that is ahead, a client that is none): that is refused, so
    the check that expects acceptance is left out. All datasets read their parameters by one code: in make test every fourth is
    asked, one what its document allows, the next what it does not.
    """
    both = address.removeprefix("/api/v1/") in FIXED
    modes = slice(None) if both or examples > 2 else slice(ADDRESSES.index(address) // 4 % 2, None, 2)
    _fuzz(token_of(), address, get, "admin", modes, examples)


@pytest.mark.slow
@pytest.mark.parametrize("examples", [2, pytest.param(20, marks=pytest.mark.sweep)])
@pytest.mark.parametrize("name", ["progress", "breakdown", "datasets/changes-lost-sold", "datasets/renewals"])
def test_it_keeps_what_it_promises_a_member(token_of, get, name, examples):
    _fuzz(token_of("member"), f"/api/v1/{name}", get, "member", slice(None), examples)


DOCUMENTS = {}  # by role: a document takes longer than all that a test asks


def _fuzz(token, address, get, role, modes, examples):
    import schemathesis

    if role not in DOCUMENTS:
        DOCUMENTS[role] = get(token, "openapi.json").json()
    with one_connection():
        _ask_at_random(schemathesis.openapi.from_dict(DOCUMENTS[role]), address, token, modes, examples)


def _ask_at_random(schema, address, token, modes, examples):
    import schemathesis  # here, since it takes a second that the other workers need not spend
    from schemathesis.specs.openapi.checks import positive_data_acceptance

    schema.app = get_wsgi_application()
    operation = schema[address]["GET"]
    headers = {"Authorization": f"Bearer {token}", "Accept-Encoding": "identity"}  # it does not unpack answers

    for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE)[modes]:

        @given(case=operation.as_strategy(generation_mode=mode))
        @settings(
            max_examples=examples, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def ask(case):
            assume(not _vanishes(case.query or {}))
            case.call_and_validate(headers=headers, excluded_checks=[positive_data_acceptance])

        ask()


def _vanishes(query):
    """Whether a parameter is never sent, wrong as it may be: one without a value has no place in an address, and a list of
    columns without a name looks as an empty list does, which the document allows."""
    without_value = any(value is None or value in ([], {}) for value in query.values())
    return without_value or query.get("columns") in ("", [""])
