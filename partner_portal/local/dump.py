"""Dumps and restores the embedded database with the programs that came with it, as its superuser.

The owner of the tables is bound by row-level security itself, so it could not dump them.
"""

import subprocess
from pathlib import Path

from partner_portal.local.postgres import Address, ensure_running, program_folder
from partner_portal.local.shared_server import EmbeddedServerError


def dump(var: Path, file: Path) -> None:
    """Write the whole database under `var` to `file`, which appears when it is complete. Raises EmbeddedServerError."""
    address = ensure_running(var)
    part = file.with_name(f"{file.name}.part")
    try:
        _run("pg_dump", address, "--format=custom", f"--file={part}", address.database)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)


def restore(var: Path, file: Path) -> None:
    """Fill the database under `var`, which must be empty, from a dump: wholly or not at all. Raises EmbeddedServerError."""
    if not file.is_file():
        raise EmbeddedServerError(f"{file} is not a file.")
    address = ensure_running(var)
    if not is_empty(address):
        raise EmbeddedServerError(
            f"The database in {var} is not empty, and a restore would mix two: stop the portal and move {var / 'postgres'} away, "
            "or set PORTAL_VAR to an empty folder."
        )
    _run("pg_restore", address, "--exit-on-error", "--single-transaction", f"--dbname={address.database}", str(file))


def is_empty(address: Address) -> bool:
    """Whether the database has no table yet."""
    import psycopg

    with psycopg.connect(
        host=address.host, port=address.port, user=address.superuser, dbname=address.database
    ) as connection:
        return connection.execute("SELECT FROM pg_tables WHERE schemaname = 'public' LIMIT 1").fetchone() is None


def _run(program: str, address: Address, *arguments: str) -> None:
    to = [f"--host={address.host}", f"--port={address.port}", f"--username={address.superuser}"]
    result = subprocess.run(  # noqa: S603
        [program_folder() / program, *to, *arguments], check=False, capture_output=True, text=True
    )
    if result.returncode:
        lines = result.stderr.strip().splitlines() or ["no reason given"]
        raise EmbeddedServerError(f"{program} failed: {lines[0]}")
