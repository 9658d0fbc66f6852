"""The pages of somebody who reads Dutch: words, numbers, days and the reasons that are stored in English."""

import re

import pytest


@pytest.fixture
def dutch(web, person):
    user = person("admin")
    user.language = "nl"
    user.save(update_fields=["language"])
    return web("admin")


def words(page):
    text = re.sub(r"(?s)<(script|style|svg).*?</\1>|<[^>]+>", " ", page.content.decode())
    return " ".join(text.split())


def test_the_front_page(dutch):
    page = dutch.get("/", follow=True)
    assert '<html lang="nl"' in page.content.decode()
    said = words(page)
    assert "Voortgang in het programma" in said
    assert re.search(r"\d{1,2} (jan|feb|mrt|apr|mei|jun|jul|aug|sep|okt|nov|dec) 20\d\d", said)
    assert not re.search(r"\b(Mrt|Okt|Dec|Mei) \d\d", said)
    assert re.search(r"US\$ \d{1,3}\.\d{3}", said)


def test_stored_reasons_on_the_tier_page(dutch):
    said = words(dutch.get("/tiers/"))
    assert "Beoordeling. Behouden: alle zes metingen voldeden aan" in said
    assert "Stijging. Totaal" in said
    assert "Review. " not in said
    assert "Rise. " not in said


def test_the_language_ends_with_the_page(dutch, web):
    dutch.get("/tiers/")
    assert "Review. Kept" in words(web("manager").get("/tiers/"))
