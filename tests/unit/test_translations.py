"""Every text of the source has a Dutch translation with the same placeholders, and the compiled file is the written one.

The texts are found here without GNU gettext, so that the check runs wherever the tests run.
"""

import ast
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import polib
import pytest
from django.utils import translation
from django.utils.formats import date_format
from django.utils.translation.template import templatize

ROOT = Path(__file__).parents[2]
MESSAGES = ROOT / "locale" / "nl" / "LC_MESSAGES"
SINGULAR = {"_", "gettext", "gettext_lazy", "gettext_noop"}
PLURAL = {"ngettext", "ngettext_lazy"}
IN_CONTEXT = {"pgettext", "pgettext_lazy"}
CONTEXT = "\x04"  # between a context and its text, as in the compiled file
# What templatize writes for a tag: gettext('…'), _('…') or ngettext('…', '…', count).
TEXT = r"""u?('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
IN_TEMPLATE = re.compile(rf"\b(?:_|gettext)\({TEXT}\)|\b(n|p)gettext\({TEXT},\s*{TEXT}")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w*\}|</?\w+>")


def texts_of_module(source):
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        texts = [each.value for each in node.args if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        if name in SINGULAR and texts:
            yield texts[0]
        elif name in IN_CONTEXT and len(texts) > 1:
            yield CONTEXT.join(texts[:2])
        elif name in PLURAL and len(texts) > 1:
            yield texts[0], texts[1]


def texts_of_template(source):
    for text, kind, *pair in IN_TEMPLATE.findall(templatize(source)):
        if text:
            yield ast.literal_eval(text)
        else:
            first, second = map(ast.literal_eval, pair)
            yield (first, second) if kind == "n" else CONTEXT.join((first, second))


def tracked(*patterns):
    listed = subprocess.run(["git", "ls-files", "--", *patterns], cwd=ROOT, check=True, capture_output=True, text=True)
    return [name for name in listed.stdout.splitlines() if (ROOT / name).exists()]


def source_texts():
    for name in tracked("*.py", "*.html", "*.txt", ":!tests", ":!bench"):
        path = ROOT / name
        if path.suffix != ".py" and "templates" not in path.parts:
            continue
        found = texts_of_module if path.suffix == ".py" else texts_of_template
        for text in found(path.read_text("utf-8")):
            yield text, name


def written(path):
    found = {}
    for entry in path:
        if entry.obsolete:
            continue
        text = entry.msgid if entry.msgctxt is None else CONTEXT.join((entry.msgctxt, entry.msgid))
        if entry.msgid_plural:
            found[text, entry.msgid_plural] = list(entry.msgstr_plural.values())
        else:
            found[text] = [entry.msgstr]
    return found


@pytest.fixture(scope="module")
def dutch():
    return polib.pofile(str(MESSAGES / "django.po"))


def test_the_texts_are_found_in_modules_and_templates():
    module = "_('one')\ntranslation.gettext('two')\nngettext('%d row', '%d rows', n)\n_(name)\npgettext('mail', 'To')\n"
    template = (
        '{% load i18n %}{% translate "it\'s" %}{% blocktranslate count n=n trimmed %}\n{{ n }} row\n'
        '{% plural %}{{ n }} rows{% endblocktranslate %}{{ _("last") }}{% translate "To" context "mail" %}'
    )
    assert list(texts_of_module(module)) == ["one", "two", ("%d row", "%d rows"), "mail\x04To"]
    assert list(texts_of_template(template)) == ["it's", ("%(n)s row", "%(n)s rows"), "last", "mail\x04To"]


def test_every_text_of_the_source_is_in_dutch(dutch):
    known = written(dutch)
    missing = {}
    for text, name in source_texts():
        if not all(known.get(text, [""])):
            missing.setdefault(text, name)
    assert not missing, "run make messages and translate in locale/nl"
    assert len(known) > 1500


def test_no_translation_is_a_guess_of_the_merge(dutch):
    assert [entry.msgid for entry in dutch if entry.fuzzy] == []
    assert [entry.msgid for entry in dutch.untranslated_entries()] == []


def test_translations_have_the_placeholders_of_their_text(dutch):
    different = []
    for entry in dutch:
        if not entry.msgid_plural:
            if sorted(PLACEHOLDER.findall(entry.msgid)) != sorted(PLACEHOLDER.findall(entry.msgstr)):
                different.append(entry.msgid)
            continue
        wanted = sorted(PLACEHOLDER.findall(entry.msgid_plural))
        for text in entry.msgstr_plural.values():
            found = sorted(PLACEHOLDER.findall(text))
            # One of something may be worded without its number, in English and in Dutch.
            if found != wanted and found != sorted(PLACEHOLDER.findall(entry.msgid)):
                different.append(entry.msgid)
    assert different == []


def test_translations_end_and_break_like_their_text(dutch):
    """A full stop or a line break that one language has and the other lacks shows on the page."""
    different = [
        entry.msgid
        for entry in dutch
        if not entry.msgid_plural
        and (
            entry.msgid.count("\n") != entry.msgstr.count("\n")
            or entry.msgid.endswith((".", ":", ",")) != entry.msgstr.endswith((".", ":", ","))
        )
    ]
    assert different == []


def test_the_compiled_texts_are_the_written_ones(dutch):
    compiled = polib.mofile(str(MESSAGES / "django.mo"))
    assert written(compiled) == written(dutch)
    assert compiled.metadata["Plural-Forms"] == "nplurals=2; plural=(n != 1);"


def test_every_form_of_a_day_has_a_small_month_in_dutch():
    """`23 nov 2026`, as Dutch writes it, whatever the order: no form with `M` is left to Django."""
    forms = set()
    for name in tracked("*.py", "*.html", "*.txt", ":!tests", ":!bench"):
        text = (ROOT / name).read_text("utf-8")
        forms |= set(re.findall(r"""date:['"]([^'"]*)['"]""", text))
        forms |= set(re.findall(r"""date_format\([^"']*['"]([^'"]*)['"]""", text))
    with_month = {form for form in forms if "M" in form}
    assert "j M Y" in with_month
    moment = datetime(2026, 3, 9, 14, 5, tzinfo=UTC)
    with translation.override("nl"):
        assert [form for form in with_month if "mrt" not in date_format(moment, form)] == []
        assert date_format(moment, "j M Y, H:i") == "9 mrt 2026, 14:05"
    with translation.override("en"):
        assert date_format(moment, "j M Y") == "9 Mar 2026"
