"""Reads every file of a folder in a process of its own and prints what that said and took; run by test_hostile_files.py."""

import json
import os
import resource
import sys
import time
from pathlib import Path

import django

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))
os.environ["DJANGO_SETTINGS_MODULE"] = "partner_portal.settings"
django.setup()

from imports.reading import read_table, workbook_contents  # noqa: E402
from imports.tables import UnreadableFile  # noqa: E402


def said(path: Path) -> str:
    """The sentence about the file, the first problem in it, or nothing when it was read."""
    with path.open("rb") as file:
        try:
            table = (
                read_table(file, "") if path.suffix == ".csv" else read_table(file, workbook_contents(file).sheets[0])
            )
        except UnreadableFile as error:
            return error.problem.message
    return f"row {table.problems[0].row}: {table.problems[0].message}" if table.problems else ""


import pandas  # noqa: E402, F401 -- a process that imports has it

idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for each in sorted(Path(sys.argv[1]).iterdir()):
    start = time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])
    message = said(each)
    seconds = time.process_time() + sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]) - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - idle) / 1024
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    sys.stdout.write(json.dumps([each.name, message, seconds, grown, child]) + "\n")
