"""What `make test` leaves out is run by `make sweep`, and CI runs both (ADR 163)."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_two_commands_run_every_test_and_ci_runs_both() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    selections = {
        target: re.findall(rf"^{target}: .*\n\t.* -m pytest .*-m (\"[^\"]+\"|\S+) ", makefile, re.MULTILINE)
        for target in ("test", "sweep")
    }
    assert selections == {"test": ['"not sweep"'], "sweep": ["sweep"]}
    run = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    assert [line for line in run if line.startswith("make ")] == [
        f"make {target} || status=1" for target in ("test", "sweep", "lint")
    ]
