"""Whose a deal is."""

import pytest

from sources.hubspot.deals_to_clients import Match, clients_by_company, match
from sources.hubspot.reading import Link

OF_COMPANY = {"A": ["1"], "B": ["2"], "AB": ["1", "2"], "A2": ["1"]}


@pytest.mark.parametrize(
    ("companies", "client", "why_not"),
    [
        ([Link("A")], "1", "several"),
        ([Link("A"), Link("B", primary=True)], "2", "several"),
        ([Link("A"), Link("A2")], "1", "several"),  # one client by two of its companies
        ([Link("A"), Link("B")], "", "several"),
        ([Link("AB", primary=True), Link("A")], "", "several"),
        ([Link("none", primary=True), Link("B")], "2", "several"),  # the primary company is no partner client's
        ([Link("none")], "", "none"),
        ([], "", "none"),
    ],
)
def test_the_primary_company_decides_if_it_can(companies, client, why_not):
    fit = match([], companies, OF_COMPANY)
    assert (fit.client, fit.why_not) == (client, why_not)


def test_a_direct_association_goes_before_companies():
    assert match([Link("3")], [Link("A", primary=True)], OF_COMPANY) == Match(("3",))
    assert match([Link("3"), Link("4")], [Link("A")], OF_COMPANY).client == ""


def test_companies_that_clients_share():
    assert clients_by_company({"1": [Link("A"), Link("S")], "2": [Link("S")]}) == {"A": ["1"], "S": ["1", "2"]}
