"""Templates can be reviewed line by line; the linter knows no limit of a line."""

from pathlib import Path

LIMIT = 140
TEMPLATES = Path(__file__).parents[2] / "templates"


def test_no_template_line_is_too_long_for_a_review():
    files = [path for path in TEMPLATES.rglob("*") if path.is_file()]
    long = [
        f"{path.relative_to(TEMPLATES)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if len(line) > LIMIT
    ]
    assert len(files) > 200
    assert long == []
