"""Every class and variable that the style sheets name is used."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
# htmx sets the first itself, review packs that were kept hold the second.
SET_ELSEWHERE = {"htmx-request", "pack-bars"}
# Classes that templates and charts make from a value: "lines-{{ bar.lines }}".
MADE_FROM_VALUES = re.compile(r"(?:l|lines)-(?:first|second|\d)|(?:y|no-)\d")


def test_style_sheets_hold_no_selector_and_no_variable_that_nothing_uses():
    sheets = "".join(path.read_text() for path in sorted((ROOT / "static/css").glob("*.css")))
    rules = re.sub(r"/\*.*?\*/", "", sheets, flags=re.DOTALL)
    selectors = re.sub(r"\{[^{}]*\}", "{}", rules)
    classes = set(re.findall(r"\.([a-zA-Z][\w-]*)", selectors))
    paths = [*ROOT.glob("templates/**/*.html"), *ROOT.glob("static/js/*.js")]
    paths += [
        path for app in ROOT.glob("*/__init__.py") if app.parent.name != "tests" for path in app.parent.rglob("*.py")
    ]
    words = set(re.findall(r"[\w-]+", "\n".join(path.read_text() for path in paths)))
    unused = {name for name in classes - words - SET_ELSEWHERE if not MADE_FROM_VALUES.fullmatch(name)}
    variables = set(re.findall(r"(--[\w-]+)\s*:", rules)) - set(re.findall(r"var\((--[\w-]+)", rules)) - words

    assert len(classes) > 150
    assert unused == set()
    assert variables == set()
