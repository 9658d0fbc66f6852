"""Spellings that mean the same name (points.md 13)."""

import pytest

from partner_portal.lib.rows.spelling import Spellings, spelling_key


@pytest.mark.parametrize(
    "text",
    [
        "Marketing Hub",
        "marketing hub",
        "MARKETING HUB",
        "  Marketing \t Hub ",
        "Marketing\u00a0Hub",
        "Marketing\u2009Hub",
        "\uff2darketing Hub",  # full width M
    ],
)
def test_these_spell_the_same_line(text):
    assert spelling_key(text) == "marketing hub"


def test_folding_reaches_letters_that_a_small_form_does_not():
    assert spelling_key("STRASSE") == spelling_key("Straße")
    assert spelling_key("Cafe\u0301") == spelling_key("CAFÉ")
    assert spelling_key("ﬁne") == spelling_key("Fine")
    assert spelling_key("İ") == spelling_key("i̇")


@pytest.mark.parametrize("text", ["MarketingHub", "Marketing Hub Pro", "Marketing-Hub", "Marketíng Hub"])
def test_these_are_other_lines(text):
    assert spelling_key(text) != "marketing hub"


def test_the_first_spelling_is_shown_and_an_empty_name_stays_empty():
    spellings = Spellings([("sales hub", "Sales HUB")])
    assert spellings.shown("sales hub") == "Sales HUB"
    assert spellings.shown("service  Hub") == "service  Hub"
    assert spellings.shown("Service Hub") == "service  Hub"
    assert spellings.shown("") == ""
