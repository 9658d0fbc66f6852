"""`make bench`: generate partners, import them, open the pages, write the files, and say what it took.

    python -m bench [--quick] [--only NAME] [--fresh] [--record] [--partners N]

Everything happens under `var/bench`, or the folder that BENCH_VAR names, with an embedded PostgreSQL of its own that waits for
the disk at every commit, as any installation does. The partners of the pages are loaded once and used again, by other working
copies with the same BENCH_VAR too. Results are printed as one table and written to `results.json` there.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

from bench import pages
from bench.generate import IMPORT, LARGE, SMALL, generate
from bench.measurement import Measurement, expected, failures, record, table
from bench.place import DAY, ROOT, FailedError, Place

IMPORT_SECONDS = 60.0
IMPORT_MEMORY = 1024.0  # MiB
RECORD_SHARE = 30.0  # % of storage
EXPORT_ROWS = (100_000, 1_000_000)
CSV_SHARE = 0.5  # of the throughput of the bare COPY
XLSX_TIMES = 5.0  # openpyxl's write-only mode
EXPORT_MEMORY = 64.0  # MiB more than before


def main() -> int:
    """Measure, print and store the results.

    The exit code is 1 when a ratio is a third worse than `bench/expected.json` records, or a bar is not met that was.
    """
    arguments = _arguments()
    var = Path(os.environ.get("BENCH_VAR", ROOT / "var" / "bench")) / ("quick" if arguments.quick else "")
    if arguments.fresh:
        Place(var / "pages").clear()
    measurements: list[Measurement] = []
    try:
        for measurement in _all(var, arguments.only, arguments.partners, quick=arguments.quick):
            measurements.append(measurement)
            _say(f"  {measurement.name}, {measurement.what}: {measurement.value:,.2f} {measurement.unit}")
    except FailedError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    sys.stdout.write(f"\n{table(measurements)}\n")
    var.mkdir(parents=True, exist_ok=True)
    rows = [asdict(measurement) | {"met": measurement.met} for measurement in measurements]
    (var / "results.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    if arguments.record:
        record(measurements)
    failed = [] if arguments.quick else list(failures(measurements, expected()))
    sys.stdout.write("".join(f"{failure}\n" for failure in failed))
    return int(bool(failed))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure the portal on generated data.")
    parser.add_argument("--quick", action="store_true", help="small sizes, to try the measurements themselves")
    parser.add_argument("--only", default="", metavar="NAME", help="one name of the table, such as import or overview")
    parser.add_argument("--fresh", action="store_true", help="load the partners of the pages anew")
    parser.add_argument(
        "--partners", type=int, default=1_000, metavar="N", help="of the fleet; 10,000 take half an hour"
    )
    parser.add_argument("--record", action="store_true", help="record the ratios as what is expected from now on")
    return parser.parse_args()


def _all(var: Path, only: str, partners: int, *, quick: bool) -> Iterator[Measurement]:
    if only in ("", "import"):
        yield from _import(var / "import", quick=quick)
    if only in ("", "hostile"):
        from bench.hostile_uploads import measure

        yield from measure(Place(var / "hostile"), _say, quick=quick)
    if only in ("", "hubspot"):
        from bench.hubspot import measure as measure_hubspot

        yield from measure_hubspot(Place(var / "hubspot"), quick=quick)
    if only in ("", "live-day"):
        from bench.live_day import measure as measure_day

        yield from measure_day(Place(var / "live-day"), _say, quick=quick)
    if only in ("", "fleet"):
        from bench.fleet import measure as measure_fleet

        yield from measure_fleet(var, 600 if quick else partners, _say)
    names = {page.name for page in pages.PAGES}
    if only not in {"", "against", "export"} | names:
        return
    profiles = {
        "small": replace(SMALL, clients=10) if quick else SMALL,
        "large": replace(LARGE, clients=100) if quick else LARGE,
    }
    place = Place(var / "pages")
    place.with_partners(profiles, _say)
    os.environ.update(place.environment | {"API_REQUESTS_A_MINUTE": "1000000"})
    if only not in ("against", "export"):
        yield from pages.measure(place, *profiles, only, quick=quick)
    if only in ("", "against"):
        from bench.against import measure as measure_against

        pages.set_up(place)
        yield from measure_against(place, *profiles, quick=quick)
    if only in ("", "export"):
        yield from _export("large", quick=quick)


def _import(var: Path, *, quick: bool) -> Iterator[Measurement]:
    """Every file of a new partner at once, as the first import of a real one is; then the same files again."""
    profile = replace(IMPORT, clients=500) if quick else IMPORT
    place = Place(var)
    place.clear()
    rows = generate(var / "files", profile, DAY)
    place.prepare()
    place.partner("new")
    cost = place.imported("new", var / "files")
    what = f"{rows['deals']:,} deals"
    yield Measurement(
        "import", f"{what}, posted", cost.seconds, "s", IMPORT_SECONDS, note=f"{sum(rows.values()):,} rows of all kinds"
    )
    yield Measurement("import", "peak memory", cost.process, "MiB", IMPORT_MEMORY, note="the process that imports")
    yield Measurement("import", "peak memory, database", cost.database, "MiB", note="of its connection alone")
    again = place.imported("new", var / "files")
    yield Measurement("import", "the same files again", again.seconds, "s", note="changes nothing")
    own, others = place.storage("imports_importchange")
    note = f"of all other tables; {own / sum(rows.values()):.0f} bytes a row"
    yield Measurement("import", "storage of the record of changes", 100 * own / others, "%", RECORD_SHARE, note=note)
    undo = place.manage("undo_import", "new", "1")
    yield Measurement("import", "undone", undo.seconds, "s", cost.seconds, note="no longer than the import")
    yield Measurement("import", "peak memory of the undo", undo.process, "MiB", IMPORT_MEMORY)
    place.clear()


def _export(slug: str, *, quick: bool) -> Iterator[Measurement]:
    from bench.exports import measure

    for rows in (1_000,) if quick else EXPORT_ROWS:
        results = {result.name: result for result in measure(slug, rows)}
        floor, plain = results["CSV, bare COPY (libpq)"], results["XLSX, openpyxl write-only"]
        for name, result in results.items():
            what = f"{name}, {result.rows:,} rows"
            yield Measurement("export", what, result.seconds, "s", note=f"{result.rows / result.seconds:,.0f} rows/s")
            if not name.endswith("ours, decimal point") and name != "XLSX, ours":
                continue
            if name.startswith("CSV"):
                yield Measurement(
                    "export", f"{what}: of the bare COPY", floor.seconds / result.seconds, "x", CSV_SHARE, True
                )
                stored = results["CSV, bare COPY without Why"].seconds
                yield Measurement("export", f"{what}: of COPY without Why", stored / result.seconds, "x", at_least=True)
            else:
                yield Measurement(
                    "export", f"{what}: of openpyxl", plain.seconds / result.seconds, "x", XLSX_TIMES, True
                )
            yield Measurement("export", f"{what}: memory", result.grown, "MiB", EXPORT_MEMORY)


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    sys.exit(main())
