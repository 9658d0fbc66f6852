"""Imports a made-up partner through the real command and holds `figures` against the reference, day by day."""

import contextlib
import csv
import io
import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.db import transaction
from generator import Made, Stage, make, sample_days, stages
from reference import Reference, read_programme

PROGRAMME = Path(__file__).resolve().parents[2] / "program" / "data" / "programme.toml"


class Undo(Exception):  # noqa: N818
    pass


def compare(seed: int, *, days: int = 8, staged: bool = False) -> tuple[int, list[str]]:
    """The number of days compared and every difference found, for the partner of this seed. Leaves nothing behind.

    `staged`: the files come in several imports, with mistakes that later ones correct, and every state is compared.
    """
    made = make(seed, read_programme(PROGRAMME))
    steps = stages(made) if staged else [Stage(made.today, made.tables, made.tables)]
    later = made.today + timedelta(days=(1, 30, 200, 400)[seed // 2 % 4])
    steps.append(Stage(later, {}, made.tables))  # nothing comes in, but days go by: `figures` catches up
    compared, found = 0, []
    with contextlib.suppress(Undo), transaction.atomic():
        use_programme(made.programme)
        slug = f"made-{seed}"
        call_command("create_partner", slug, name=slug, currency="USD", stdout=io.StringIO())
        for number, step in enumerate(steps):
            last = number == len(steps) - 2
            where = f"seed {seed}{f', import {number + 1} of {len(steps)}' if staged else ''}"
            told = io.StringIO()
            try:
                if step.files:
                    bring_in(slug, step)
                for difference in _differences(slug, made, step, days if last else 2):
                    compared += difference is None
                    if difference is not None:
                        found.append(f"{where}: {difference}")
                with moved_to(step.today):
                    call_command("verify_ledger", slug, stdout=told)
            except Exception as error:
                found.append(f"{where}: {type(error).__name__}: {error} {told.getvalue()}")
                break
        raise Undo
    return compared, found


def moved_to(day: date) -> Any:
    """The clock on that day, until the end of the block."""
    from partner_portal.lib.dates import clock

    return clock.moved_to(day)


def use_programme(wanted: dict[str, Any]) -> None:
    """Make these the rules, until the transaction is rolled back."""
    from program.loading import store
    from program.rulebook import parse_rulebook
    from program.services import rules_changed

    def model(name: str) -> Any:
        return apps.get_model("program", name)

    old = model("Program").objects.order_by("pk").first()
    new = store(parse_rulebook(wanted), "made", model)
    for name in ("SoldRate", "CurrencyTable", "GrowthMarket", "Review", "RuleSet"):
        model(name).objects.filter(program=old).delete()
        model(name).objects.filter(program=new).update(program=old)
    rules_changed(program=old)


def bring_in(slug: str, step: Stage) -> None:
    """Import the files of a stage on its day. Raises AssertionError with every error in them."""
    with tempfile.TemporaryDirectory() as folder:
        paths = []
        for kind, rows in step.files.items():
            if not rows:
                continue
            path = Path(folder) / f"{kind}.csv"
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
            paths.append(str(path))
        errors = io.StringIO()
        try:
            call_command("import_data", slug, *paths, on=step.today, stdout=io.StringIO(), stderr=errors)
        except Exception as error:
            raise AssertionError(f"{error}\n{errors.getvalue()}") from error


def _differences(slug: str, made: Made, step: Stage, count: int) -> Iterator[str | None]:
    """None for each day compared, a sentence for each difference."""
    reference = Reference(step.state, made.programme, step.today)
    for day, first, last in sample_days(replace(made, today=step.today), count):
        printed = io.StringIO()
        with moved_to(step.today), contextlib.redirect_stdout(printed):
            call_command("figures", slug, on=day, first=first, last=last, clients=True)
        shown = json.loads(printed.getvalue())
        shown.pop("partner")
        wanted = reference.figures(day, first, last, clients=True)
        yield None
        for place, theirs, ours in _unequal(shown, wanted):
            yield f"on {day} ({first} to {last}, today {step.today}){place}: figures {theirs!r}, reference {ours!r}"


def _unequal(shown: Any, wanted: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    if isinstance(shown, dict) and isinstance(wanted, dict):
        for name in [*wanted, *(key for key in shown if key not in wanted)]:
            yield from _unequal(shown.get(name, "absent"), wanted.get(name, "absent"), f"{place} {name}")
    elif isinstance(shown, list) and isinstance(wanted, list) and len(shown) == len(wanted):
        for number, pair in enumerate(zip(shown, wanted, strict=True)):
            yield from _unequal(*pair, f"{place}[{number}]")
    elif shown != wanted:
        yield place, shown, wanted
