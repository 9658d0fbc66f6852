"""The help page says how points are earned by the rules in force, and what terms mean."""

import re
from decimal import Decimal

import pytest


def text(html):
    return re.sub(r" (?=[,:.])", "", " ".join(re.sub(r"<[^>]+>", " ", html).split()))


def test_the_rates_are_those_of_the_rulebook(web):
    page = text(web("member").get("/help/").text)
    assert "Standard market 5 3 1" in page
    assert "Growth market 10 6 2" in page
    assert "Products first sold before 27 Feb 2024 keep the rates of that time: 3 sourced, 3 assisted." in page
    assert "Sold points count for 12 months" in page
    assert "EUR 88" in page
    assert "Review on 15 Jan 2027: 6 readings since 15 Aug 2026" in page


def test_another_rate_is_another_answer(web):
    from program.models import Program, SoldRate

    SoldRate.objects.filter(sourced=5).update(sourced=Decimal("7.5"))
    Program.objects.update(revision=99)
    page = text(web("member").get("/help/").text)
    assert "Standard market 7.5 3 1" in page


def test_terms_have_their_names_in_both_languages_and_addresses_of_their_own(web):
    page = web("member").get("/help/").text
    assert re.search(r'id="term-managed">\s*<dt>\s*Managed\s*<span class="sub" lang="nl">Beheerd</span>', page)
    assert "/help/#term-managed" in web("member").get("/search/?q=managed").text
    assert "Help and terms" in web("member").get("/search/?q=help").text


def test_the_manual_leads_to_pages_that_the_reader_may_open(web):
    assert "Go to Commission App" in web("admin").get("/help/").text
    assert "Go to Commission App" not in web("member").get("/help/").text


@pytest.mark.parametrize("path", ["/dashboard/", "/tiers/", "/renewals/", "/commissions/"])
def test_a_term_is_a_button_whose_meaning_is_on_the_page_once(web, path):
    page = web("admin").get(path).text
    opened = set(re.findall(r'<button type="button" class="term" popovertarget="([^"]+)">', page))
    cards = re.findall(r'<span class="term-card" id="([^"]+)" popover>', page)
    assert opened
    assert sorted(opened) == sorted(cards)


def test_a_part_brings_its_meanings_along_under_ids_of_its_own(web):
    page = web("admin").get("/dashboard/").text
    part = web("admin").get("/dashboard/", headers={"HX-Request": "true", "HX-Target": "shared"}).text
    opened = re.findall(r'popovertarget="(meaning-[^"]+)"', part)
    assert opened
    assert all(f'id="{key}"' in part and f'id="{key}"' not in page for key in opened)
