"""Backup and restore of the embedded server as docs/operations.md says, with real commands."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from partner_portal.local.postgres import ensure_running, release
from partner_portal.local.shared_server import EmbeddedServerError
from tests.integration.reports.processes import copy_database

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
CLIENTS = "client_id,name,country,currency\nC1,Élan Conseil,FR,USD\nC2,adidas Test,DE,USD\n"


@pytest.fixture
def folders() -> Iterator[tuple[Path, Path]]:
    """Two empty folders for PORTAL_VAR, reachable by the server's user, gone afterwards."""
    both = Path(tempfile.mkdtemp(prefix="portal-test-")), Path(tempfile.mkdtemp(prefix="portal-test-"))
    yield both
    for folder in both:
        release(folder)
        shutil.rmtree(folder)


def environment(var: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "PORTAL_DATABASE_ROLE"}}
    return kept | {"PORTAL_VAR": str(var), "PORTAL_EMBEDDED_DURABLE": "no", "PORTAL_TODAY": "2026-11-23"}


def manage(var: Path, *arguments: str, code: int = 0) -> str:
    result = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=PROJECT,
        env=environment(var),
        capture_output=True,
        text=True,
        timeout=180,
    )
    assert result.returncode == code, result.stdout + result.stderr
    return result.stdout + result.stderr


def what_is_there(var: Path) -> dict[str, object]:
    address = ensure_running(var)
    with psycopg.connect(host=address.host, user=address.superuser, dbname=address.database) as connection:

        def all_of(query: str) -> list[tuple]:
            return connection.execute(query).fetchall()

        return {
            "owners": all_of("SELECT tablename, tableowner FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"),
            "forced": all_of("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity ORDER BY 1"),
            "policies": all_of("SELECT tablename, policyname, qual FROM pg_policies ORDER BY 1, 2"),
            "triggers": all_of("SELECT tgname, tgrelid::regclass::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 2, 1"),
            "points": all_of("SELECT sum(points), count(*) FROM ledger_pointentry"),
            "ledger": all_of("SELECT md5(string_agg(entry::text, chr(10) ORDER BY id)) FROM ledger_pointentry AS entry"),
            "names": all_of("SELECT name_sort_key, name_search_key FROM clients_client ORDER BY 1"),
        }  # fmt: skip


@pytest.mark.sweep
def test_a_dump_restores_into_an_empty_server(folders: tuple[Path, Path], template_database: str) -> None:
    old, new = folders
    copy_database(template_database, ensure_running(old))  # a portal that runs beside the dump
    (old / "clients.csv").write_text(CLIENTS, encoding="utf-8")
    manage(old, "import_data", "southwind", str(old / "clients.csv"))
    file = new / "portal.dump"
    assert f"is in {file}." in manage(old, "database", f"--dump={file}")
    assert [path.name for path in new.iterdir()] == ["portal.dump"]
    assert "is restored" in manage(new, "database", f"--restore={file}")
    before, after = what_is_there(old), what_is_there(new)
    assert after == before
    assert len(after["forced"]) > 30
    assert {owner for _table, owner in after["owners"]} == {"portal_owner"}
    assert {("adidas test", "adidas test"), ("elan conseil", "elan conseil")} <= set(after["names"])
    assert after["points"][0][1] > 0
    refused = manage(new, "database", f"--restore={file}", code=3)
    assert "is not empty, and a restore would mix two" in refused
    assert "Traceback" not in refused


def test_the_empty_server_runs_until_it_is_interrupted(folders: tuple[Path, Path], settings: Any) -> None:
    var = folders[0]
    process = subprocess.Popen(
        [sys.executable, "manage.py", "database"],
        cwd=PROJECT,
        env=environment(var),
        stdout=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where tests run in the background
    )
    assert process.stdout is not None
    assert "until Ctrl-C" in process.stdout.readline()
    assert f"--host={var}/postgres/run --username=postgres portal" in process.stdout.readline()
    with psycopg.connect(host=f"{var}/postgres/run", user="postgres", dbname="portal") as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=60)[0] == "Stopped.\n"
    assert process.returncode == 0
    with pytest.raises(EmbeddedServerError, match=r"nothing\.dump is not a file\."):
        call_command("database", restore_from=var / "nothing.dump")
    settings.PORTAL_EMBEDDED_DATABASE = False
    with pytest.raises(CommandError, match=r"^DATABASE_URL names a server of your own"):
        call_command("database")
