"""Every command of the operations page is said to be run by a test, tried by hand, or not run."""

import re
import shlex
from pathlib import Path

PAGE = Path(__file__).resolve().parents[2] / "docs" / "operations.md"
#: What only prepares a command, or is part of the shell.
SHELL = {
    "export", "cd", "echo", "printf", "sed", "cp", "install", "env", "grep", "cat", "useradd", "runuser", "openssl", "python3",
    "python3.13", "portal()", "portal", "}",
}  # fmt: skip
OURS = re.compile(r"(?:manage\.py|^portal) (\w+)")


def commands():
    """Program, and what it is asked to do where one program does several things."""
    for block in re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        lines = re.sub(r"<<'SQL'\n.*?\nSQL\n", "\n", block, flags=re.DOTALL).splitlines()
        for line in (part for whole in lines for part in re.split(r" && |\s+\| ", whole)):
            words = shlex.split(re.sub(r"\w+=\$\(.*?\)", "", line), comments=True)
            while words and re.match(r"\w+=", words[0]):
                words = words[1:]
            if not words or words[0] in SHELL:
                continue
            if ours := OURS.search(line):
                yield ours[1]
            elif words[0] in {"docker", "git"}:
                yield " ".join(words[:2])
            else:
                yield words[0].rpartition("/")[2]


def test_every_command_of_the_page_is_listed():
    text = PAGE.read_text(encoding="utf-8")
    listed = set(re.findall(r"`([^`]+)`", text.partition("## What of this page the tests run")[2]))
    listed |= {name.partition(" ")[0] for name in listed if not name.startswith(("docker", "git"))}
    found = set(commands())
    assert {"migrate", "export_partner", "gunicorn", "helm", "docker compose", "systemctl", "nginx"} <= found
    assert found - listed == set()
