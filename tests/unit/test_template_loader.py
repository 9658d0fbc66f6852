"""Templates of our own are loaded without indentation, and nothing else of them changes."""

import re
from pathlib import Path

from django.template.loader import get_template, render_to_string

TEMPLATES = Path(__file__).parents[2] / "templates"


def test_pages_have_no_indentation():
    html = render_to_string("404.html", {})
    assert "<h1" in html
    assert not re.findall(r"^[ \t]+<", html, re.MULTILINE)


def test_texts_and_templates_of_others_are_as_they_are():
    text = TEMPLATES / "account/messages/email_confirmed.txt"
    assert get_template("account/messages/email_confirmed.txt").template.source == text.read_text()
    foreign = get_template("admin/base.html").template
    assert re.search(r"^[ \t]+<", foreign.source, re.MULTILINE)


def test_no_template_holds_what_indentation_is_part_of():
    """Nor a translated text, whose key would change."""
    for path in TEMPLATES.rglob("*.html"):
        source = path.read_text()
        assert not re.search(r"<(pre|textarea)\b", source), path
        for tag, body in re.findall(r"{% blocktranslate([^%]*)%}(.*?){% endblocktranslate %}", source, re.DOTALL):
            assert "trimmed" in tag or "\n" not in body, path
