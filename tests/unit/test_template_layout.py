"""Layout of templates: lines short enough to review, and no blanks that show on the page."""

import re
from pathlib import Path

LIMIT = 140
TEMPLATES = Path(__file__).parents[2] / "templates"
FILES = [path for path in TEMPLATES.rglob("*") if path.is_file()]

# Tags that print nothing: what stands behind them is the edge of the link as the browser sees it.
CONTROL = re.compile(
    r"\{#.*?#\}|\{%\s*(?:if|elif|else|endif|with|endwith|for|endfor|empty|url|icon|spaceless|endspaceless)\b.*?%\}"
)
ATTRIBUTES = r"""(?:\{[{%#].*?[}%#]\}|"[^"]*"|[^>"{])*"""
LINK = re.compile(rf"<a\b({ATTRIBUTES})>(.*?)</a>", re.DOTALL)
# Links that are boxes (flex or grid): the browser drops blanks at their edges.
BOX = re.compile(r'class="(?:btn|counter|cluster|brand|bell)\b')
BLANK_BEFORE_PUNCTUATION = re.compile(r"\s</(?:a|abbr|b|code|em|small|span|strong|time)>[.,;:!?)]")


def line_of(text: str, position: int) -> int:
    return text.count("\n", 0, position) + 1


def underlined_blanks(text: str) -> list[int]:
    """Return the lines of links whose text starts or ends with white space, in any branch."""
    lines = []
    for link in LINK.finditer(text):
        attributes, content = link.groups()
        pieces = [piece for piece in CONTROL.split(content) if piece]
        branches = CONTROL.match(content) and re.search(rf"(?:{CONTROL.pattern})$", content)
        first, last = (pieces, pieces) if branches else (pieces[:1], pieces[-1:])
        blank = any(piece[0].isspace() for piece in first) or any(piece[-1].isspace() for piece in last)
        if blank and not BOX.search(attributes):
            lines.append(line_of(text, link.start()))
    return lines


def test_no_template_line_is_too_long_for_a_review():
    long = [
        f"{path.relative_to(TEMPLATES)}:{number}"
        for path in FILES
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > LIMIT
    ]
    assert len(FILES) > 200
    assert long == []


def test_no_link_underlines_a_blank_before_or_after_its_text():
    assert underlined_blanks("<a href='x'>\n  text</a>, <a href='y'>text</a>, <a href='z'>text </a>") == [1, 2]
    assert underlined_blanks('<a {% opens "x" %}>{% if y %}text{% else %}\n text{% endif %}</a>') == [1]
    assert underlined_blanks('<a class="btn" href="x">\n  text\n</a>') == []
    lines = [f"{path.relative_to(TEMPLATES)}:{line}" for path in FILES for line in underlined_blanks(path.read_text())]
    assert lines == []


def test_no_blank_stands_before_punctuation_that_follows_an_element():
    lines = [
        f"{path.relative_to(TEMPLATES)}:{line_of(text, match.start())}"
        for path in FILES
        for text in [path.read_text()]
        for match in BLANK_BEFORE_PUNCTUATION.finditer(text)
    ]
    assert lines == []
