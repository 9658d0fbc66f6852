"""Ids in addresses: ordinary ones as they are, hard ones escaped, and every one read back as it was."""

import pytest
from django.urls import resolve, reverse

from partner_portal.lib.web.id_converter import IdConverter


@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("C001", "C001"),
        ("S-2026Q3", "S-2026Q3"),
        ("Ångström & Co.", "Ångström & Co."),
        ("v1.2", "v1.2"),
        (".", "~2E"),
        ("..", "~2E~2E"),
        ("...", "~2E~2E~2E"),
        ("a/b/print", "a~2Fb~2Fprint"),
        ("%2e%2e", "~252e~252e"),
        ("a?b#c", "a~3Fb~23c"),
        ("~2F", "~7E2F"),
        ("a\\b;c\nd", "a~5Cb~3Bc~0Ad"),
    ],
)
def test_an_id_and_its_segment(value, segment):
    assert IdConverter().to_url(value) == segment
    assert IdConverter().to_python(segment) == value


@pytest.mark.parametrize("value", ["a/b", "~", "~zz", "a~b"])
def test_addresses_made_elsewhere_are_understood(value):
    assert IdConverter().to_python(value) == value


@pytest.mark.parametrize("value", ["C001", "..", "a/b/print", "a/b/7", "x\ny", "é ü", "~2E", "a. "])
@pytest.mark.parametrize(
    ("route", "more"),
    [
        ("client", []),
        ("tier_client", []),
        ("renewal_client", []),
        ("commission_client", []),
        ("commission_statement", []),
        ("commission_statement_print", []),
        ("commission_question", [7]),
    ],
)
def test_a_link_leads_back_to_its_own_route(value, route, more):
    from urllib.parse import unquote, urljoin

    address = reverse(route, args=[value, *more])
    assert urljoin("http://portal.example/", address) == f"http://portal.example{address}"  # as a browser resolves it
    found = resolve(unquote(address))
    assert found.url_name == route
    assert (value, *more) == tuple(found.kwargs.values())
