"""Texts for people use the words of the field, in both languages, and write per cent and dollars as the language does."""

import re

import polib

from tests.unit.test_translations import MESSAGES, source_texts

ENGLISH = re.compile(
    r"\bbatch(?:es)?\b|\bcommits?\b|\blots?\b|\bbinding\b|\blook again\b|passed over|told apart|written down|by the clock"
    r"|\bneeds? a look\b|\banew\b|cost most|\bput at stake\b|second factor|\bkept (?:on|until|reports)\b|questioned lines?"
    r"|recompute|must be filled|\bworkers?\b|what was said"
    r"|the unwanted mail|\bis it you\b|\bno such page\b|use in list|come in with an import",
    re.IGNORECASE,
)
DUTCH = re.compile(
    r"\bbatch(?:es)?\b|\blots?\b|\bbepalend\b|op het spel|over tijd\b|\bmanag(?:ed|ing)\b|weggeschre|wegschrij|tweede factor"
    r"|bevraagde|auditlogboek|\bworkers?\b|\boperators?\b|pijplijn|beslistermijn"
    r"|volgens de klok|beoordelingspakket|op weg naar een tier|verloopprognose",
    re.IGNORECASE,
)
# `86.2 %` and `US$ 12`; what a conversion like `%(part)s%%` is followed by is its own.
SPACED = re.compile(r"[\d)s}] %%?(?![\w(%])|US\$ (?=[\d%])")
# A placeholder is no text.
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|\{\w*\}")


def english():
    for text, _name in source_texts():
        yield from text if isinstance(text, tuple) else (text,)


def dutch():
    for entry in polib.pofile(str(MESSAGES / "django.po")):
        if not entry.obsolete:
            yield from (entry.msgstr, *entry.msgstr_plural.values())


def test_no_english_text_uses_a_word_that_a_colleague_would_not():
    texts = set(english())
    assert len(texts) > 2000
    assert {text for text in texts if ENGLISH.search(PLACEHOLDER.sub("", text))} == set()
    assert {text for text in texts if SPACED.search(text)} == set()


def test_no_dutch_text_uses_a_word_that_a_colleague_would_not():
    texts = set(dutch())
    assert {text for text in texts if DUTCH.search(PLACEHOLDER.sub("", text))} == set()
    assert {text for text in texts if re.search(r"[\d)s}] %%?(?![\w(%])|US\$(?=[\d%])", text)} == set()
