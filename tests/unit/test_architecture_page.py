"""`docs/architecture.md` sends readers to files that are there."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_file_that_the_map_names_exists():
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|css|toml|html))[:`]", page))
    assert len(named) > 40
    missing = {name for name in named if not (ROOT / name).exists()}
    assert not missing
