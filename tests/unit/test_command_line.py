"""A command whose reader has seen enough, such as `manage.py figures northwind | head`, ends without a complaint."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WRITES_MORE_THAN_A_PIPE_HOLDS = """
import sys
import django.core.management
django.core.management.execute_from_command_line = lambda argv: [sys.stdout.write("line\\n") for _ in range(200_000)]
from partner_portal.local.command_line import run
run(["manage.py", "figures"])
"""


def test_a_closed_pipe_is_no_failure():
    with subprocess.Popen(
        [sys.executable, "-c", WRITES_MORE_THAN_A_PIPE_HOLDS], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        assert command.stdout.readline() == b"line\n"
        command.stdout.close()
        complaint = command.stderr.read()
        assert (command.wait(30), complaint) == (0, b"")
