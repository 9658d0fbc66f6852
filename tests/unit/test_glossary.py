"""Every term that pages show has one meaning, and each use of `{% term %}` names one that exists."""

import re
from pathlib import Path

import pytest

from program import terms
from program.glossary import GLOSSARY, TERMS

TEMPLATES = Path(__file__).parents[2] / "templates"
USED = re.compile(r"""\{% term "([^"]+)\"""")
TAG = re.compile(r"\{%.*?%\}", re.DOTALL)
ATTRIBUTE = re.compile(r"<[a-z]+\b[^>]*\stitle=")


@pytest.mark.parametrize(
    "vocabulary",
    [
        terms.Track,
        terms.Cause,
        terms.DealKind,
        terms.Market,
        terms.LineStatus,
        terms.PaymentStanding,
        terms.RenewalStatus,
    ],
)
def test_every_member_that_people_read_has_a_meaning(vocabulary):
    assert {member.value for member in vocabulary} <= TERMS.keys()


def test_no_term_and_no_meaning_stands_twice():
    entries = [term for chapter in GLOSSARY for term in chapter.terms]
    assert len(entries) == len(TERMS) == len({str(term.meaning) for term in entries}) > 50


def test_templates_explain_only_terms_that_exist():
    used = {key for path in TEMPLATES.rglob("*.html") for key in USED.findall(path.read_text())}
    assert len(used) > 20
    assert used <= TERMS.keys()


def test_no_template_has_a_meaning_in_a_title_only():
    titles = [path.name for path in TEMPLATES.rglob("*.html") if ATTRIBUTE.search(TAG.sub("", path.read_text()))]
    assert titles == []
