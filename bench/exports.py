"""Files at size: CSV beside the bare COPY of the same query, workbooks beside openpyxl's write-only mode, and memory.

    from bench.exports import measure, table
    print(table(measure(scope, rows=100_000)))

`measure` needs the partner's scope in a transaction (`reports.snapshot.snapshot`). Each contender runs in a process of its own
when called through `python -m bench.exports SLUG ROWS`, so that its peak memory is its own.
"""

import gc
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from accounts.scope import Scope
    from partner_portal.lib.rows.datasets import Column, Selection

CHOSEN = [
    "client",
    "client_id",
    "on",
    "cause",
    "points",
    "track",
    "deal_id",
    "deal",
    "product_line",
    "expires_on",
    "amount",
    "currency",
]
DATASET = "changes-new-sold"
WHOLE = {"changes_from": "2000-01-01", "changes_to": "2100-01-01"}


@dataclass(frozen=True, slots=True)
class Result:
    """seconds: the fastest of the runs. grown: MiB of resident memory beyond what the process had before."""

    name: str
    rows: int
    seconds: float
    grown: float
    size: int


def selection_of(scope: "Scope", rows: int) -> "Selection":
    """The first `rows` entries of the partner, of every track and cause, with the default columns, so with *Why*."""
    from dataclasses import replace

    from ledger.queries import entries_in
    from partner_portal.lib.rows.datasets import select

    selection = select(DATASET, scope, WHOLE)
    entries = entries_in(scope, selection.params["period"])
    limit = entries.order_by("pk").values_list("pk", flat=True)[rows : rows + 1].first()
    if limit is not None:
        entries = entries.filter(pk__lt=limit)
    return replace(selection, dataset=replace(selection.dataset, rows=lambda scope, params: entries.all()))


def bare_copy(selection: "Selection", path: Path) -> int:
    """The floor: COPY of the same query as libpq hands it over, without guard, labels or dialect, into a file."""
    from django.db import connection
    from psycopg import ClientCursor

    from reports.csv_copy import _receive

    rows, params = selection.ordered(_columns(selection)).query.sql_with_params()
    raw: Any = connection.connection
    raw = raw if raw is not None else connection.ensure_connection()
    with path.open("wb") as out:
        return _receive(
            raw.pgconn, ClientCursor(raw).mogrify(f"COPY ({rows}) TO STDOUT (FORMAT csv)", params).encode(), out, _quiet
        )


def bare_copy_without_why(selection: "Selection", path: Path) -> int:
    """The same of the default columns that are stored: without the sentences, which the database has to write too."""
    return bare_copy(selection.with_columns([column.name for column in selection.columns if not column.written]), path)


def psql_copy(selection: "Selection", path: Path) -> int:
    """The floor of the floor: psql writes the same COPY. Needs psql on the path."""
    import subprocess

    from django.db import connection
    from psycopg import ClientCursor

    rows, params = selection.ordered(_columns(selection)).query.sql_with_params()
    raw: Any = connection.connection
    query = ClientCursor(raw).mogrify(f"COPY ({rows}) TO STDOUT (FORMAT csv)", params)
    partner = str(selection.scope.partner.pk)
    script = f"SELECT set_config('portal.partner', '{partner}', false) \\g /dev/null\n{query};\n"
    info = raw.info
    with path.open("wb") as out:
        subprocess.run(
            ["psql", "-qXAt", "-h", info.host, "-p", str(info.port), "-U", info.user, "-d", info.dbname, "-v", "ON_ERROR_STOP=1"],
            input=script.encode(), stdout=out, check=True,
        )  # fmt: skip
    return selection.count


def our_csv(dialect: str) -> "Callable[[Selection, Path], int]":
    """Ours, in one dialect."""

    def write(selection: "Selection", path: Path) -> int:
        from reports.dialects import DIALECTS
        from reports.writers import write_csv

        with path.open("wb") as out:
            return write_csv(selection, out, DIALECTS[dialect]).rows

    return write


def our_python_csv(selection: "Selection", path: Path) -> int:
    """Ours for rows that need Python."""
    from reports.dialects import DIALECTS
    from reports.writers import write_csv_in_python

    with path.open("wb") as out:
        return write_csv_in_python(selection, out, DIALECTS["point"]).rows


def our_xlsx(selection: "Selection", path: Path) -> int:
    """Ours: typed cells, formats, receipt."""
    from reports.writers import write_xlsx

    return write_xlsx(selection, path, lambda written: [("Rows", written.rows)]).rows


def our_csv_of_chosen_columns(selection: "Selection", path: Path) -> int:
    """Ours with 12 chosen columns instead of the default ones: without *Why*."""
    return our_csv("point")(selection.with_columns(CHOSEN), path)


def openpyxl_write_only(selection: "Selection", path: Path) -> int:
    """openpyxl as its documentation recommends it for large workbooks, from the same rows."""
    from openpyxl import Workbook

    book = Workbook(write_only=True)
    sheet = book.create_sheet("Rows")
    sheet.append([str(column.label) for column in _columns(selection)])
    count = 0
    for row in selection.iterate(_columns(selection)):
        sheet.append(row)
        count += 1
    book.save(path)
    return count


CONTENDERS: dict[str, "Callable[[Selection, Path], int]"] = {
    "CSV, psql COPY (floor)": psql_copy,
    "CSV, bare COPY (libpq)": bare_copy,
    "CSV, bare COPY without Why": bare_copy_without_why,
    "CSV, ours, decimal point": our_csv("point"),
    "CSV, ours, decimal comma": our_csv("comma"),
    "CSV, ours, chosen columns": our_csv_of_chosen_columns,
    "CSV, ours, in Python": our_python_csv,
    "XLSX, ours": our_xlsx,
    "XLSX, openpyxl write-only": openpyxl_write_only,
}


def measure_one(name: str, scope: "Scope", rows: int, runs: int = 3) -> Result:
    """One contender, some runs in this process; memory is what its first run added."""
    from dataclasses import replace

    selection = selection_of(scope, rows)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        # What any process that has ever written a file holds: modules, a connection, a warm query.
        CONTENDERS[name](selection_of(scope, 100), path)
        gc.collect()
        Path("/proc/self/clear_refs").write_text("5")
        before, times, count = _resident(), [], 0
        for _run in range(runs):
            start = time.perf_counter()
            count = CONTENDERS[name](replace(selection), path)
            times.append(time.perf_counter() - start)
        return Result(name, count, min(times), _peak() - before, path.stat().st_size)


def table(results: list[Result]) -> str:
    """The results with their ratios: CSV to the floor, XLSX to openpyxl."""
    fastest = {result.name: result.seconds for result in results}
    lines = ["contender                     rows       seconds   rows/s     ratio   grown MiB  file MiB"]
    for result in results:
        base = fastest.get("XLSX, openpyxl write-only" if result.name.startswith("XLSX") else "CSV, psql COPY (floor)")
        ratio = f"{base / result.seconds:.2f}x" if base else "-"
        pace = result.rows / result.seconds
        lines.append(
            f"{result.name:<28}{result.rows:>11,}{result.seconds:>10.2f}{pace:>11,.0f}{ratio:>8}{result.grown:>10.1f}"
            f"{result.size / 2**20:>10.1f}"
        )
    return "\n".join(lines)


def _columns(selection: "Selection") -> "list[Column]":
    """The columns of the file, the sentences as the database makes them."""
    from reports.writers import columns_of

    return [selection.written(column) for column in columns_of(selection)]


def _quiet(rows: int) -> None:
    """Report no progress."""


def _status(name: str) -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def _resident() -> float:
    return _status("VmRSS")


def _peak() -> float:
    return _status("VmHWM")


def measure(slug: str, rows: int, runs: int = 3, only: str = "") -> list[Result]:
    """Every contender in a process of its own. psql is left out where there is none."""
    import json
    import shutil
    import subprocess

    results = []
    for name in CONTENDERS:
        if only not in name or ("psql" in name and not shutil.which("psql")):
            continue
        done = subprocess.run(
            # openpyxl needs minutes for a million rows: one run says enough.
            [
                sys.executable,
                "-m",
                "bench.exports",
                slug,
                str(rows),
                str(1 if "openpyxl" in name and rows > 100_000 else runs),
                name,
            ],
            check=True,
            capture_output=True,
            text=True,
        )
        results.append(Result(**json.loads(done.stdout.splitlines()[-1])))
    return results


def main(slug: str, rows: str, runs: str = "3", name: str = "") -> None:
    """Without a name: the whole table."""
    if not name:
        sys.stdout.write(table(measure(slug, int(rows), int(runs))) + "\n")
        return
    import json
    from dataclasses import asdict

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "partner_portal.settings")
    import django

    django.setup()
    from accounts.models import Partner
    from accounts.scope import system_scope
    from reports.snapshot import snapshot

    partner = Partner.objects.get(slug=slug)
    with snapshot(partner):
        result = measure_one(name, system_scope(partner), int(rows), int(runs))
    sys.stdout.write(json.dumps(asdict(result)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
