"""Random sequences of imports, complete files, withdrawals, restores and undos leave the facts that hold (points.md 13).

What holds is kept in a plain dictionary here, written from points.md 13 and ADRs 102, 111 and 112 alone. After every step
the stored facts equal it and the ledger verifies; at the end the figures equal those of a partner that imported only this.

`make test` runs one, the sweep others. IMPORT_SEQUENCES=300 runs so many longer sequences, compared on all days;
FIRST_SEQUENCE=1000 begins with another one.
"""

import os
import random
import unicodedata
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.imports.conftest import as_csv

TODAY = date(2026, 11, 23)
MANY = "IMPORT_SEQUENCES" in os.environ
FIRST = int(os.environ.get("FIRST_SEQUENCE", "1"))
SEEDS = [
    pytest.param(seed, marks=() if MANY or seed == FIRST else pytest.mark.sweep)
    for seed in range(FIRST, FIRST + int(os.environ.get("IMPORT_SEQUENCES", "8")))
]
STEPS = 20 if MANY else 9
DAYS_COMPARED = 5
KEYS = {
    "clients": ("client_id",),
    "deals": ("deal_id",),
    "services": ("client_id", "started_on"),
    "cancellations": ("client_id", "product_line", "cancelled_on"),
    "mrr_history": ("client_id", "month"),
    "certifications": ("person", "certification", "earned_on"),
    "renewals": ("client_id", "product_line", "renews_on"),
    "statement_lines": ("statement_id", "line_no"),
}

type Row = dict[str, str]
type Key = tuple[str, ...]  # of a row: its kind, then the values of its key
type Fact = tuple[tuple[tuple[str, str], ...], object]  # its cells, and the act that withdrew it; None while it counts
type Facts = dict[Key, Fact]


# Random files


CLIENTS = ("C1", "C2", "C3", "C4")
SPELLINGS = ("Sales Hub", "sales  hub", "SALES HUB", "Marketing Hub", "\uff2darketing hub")
AMOUNTS = ("440.00", "880.00", "8800.00", "25000.00")
DAYS = ("2025-01-15", "2025-06-30", "2025-11-23", "2026-01-14", "2026-02-28", "2026-05-01", "2026-07-15", "2026-11-01",
        "2026-12-20")  # fmt: skip
MONTHS = tuple(f"{year}-{month:02}" for year in (2025, 2026) for month in range(1, 13))[9:22]
CELLS: dict[str, dict[str, tuple[str, ...]]] = {
    "clients": {"client_id": CLIENTS, "name": ("Ada", "Borealis"), "country": ("NL", "IN"), "currency": ("EUR", "USD"),
                "tool_usage": ("", "3", "9")},
    "deals": {"deal_id": ("D1", "D2", "D3", "D4", "D5", "D6", "D7"), "client_id": CLIENTS, "name": ("Start", "More"),
              "product_line": SPELLINGS, "kind": ("new", "new", "cross_sell", "upgrade", "downgrade"),
              "origin": ("sourced", "sourced", "assisted", "none"), "stage": ("won", "won", "won", "open", "lost"),
              "mrr": AMOUNTS, "currency": ("EUR", "USD"), "created_on": DAYS[:4], "closed_on": DAYS,
              "registered": ("yes", "no")},
    "services": {"client_id": CLIENTS, "started_on": DAYS, "ended_on": ("", *DAYS[3:], "2027-03-01"), "mrr": AMOUNTS,
                 "currency": ("EUR", "USD"), "managing_partners": ("1", "2", "3")},
    "cancellations": {"client_id": CLIENTS, "product_line": ("", *SPELLINGS), "cancelled_on": DAYS, "reason": ("", "left")},
    "mrr_history": {"client_id": CLIENTS[:2], "month": MONTHS, "mrr": ("0.00", "440.00", "880.00"), "currency": ("EUR", "USD")},
    "certifications": {"person": ("Wil", "Ann"), "certification": ("Solutions Partner", "Sales"), "earned_on": DAYS[:3],
                       "expires_on": ("", "2026-07-01", "2027-01-01")},
    "renewals": {"client_id": CLIENTS, "product_line": SPELLINGS, "renews_on": DAYS[-3:], "current_mrr": AMOUNTS,
                 "renewal_mrr": AMOUNTS, "currency": ("EUR", "USD"), "status": ("pending", "renewed")},
    "statement_lines": {"statement_id": ("S1", "S2"), "period": ("2026-Q1",), "line_no": ("1", "2", "3"), "client_id": CLIENTS,
                        "deal_id": ("", "D1", "D2"), "product_line": ("", *SPELLINGS), "invoice_month": ("2026-02",),
                        "net_revenue": ("100.00", "-100.00", "250.00"), "currency": ("USD",), "fx_rate": ("1",),
                        "rate": ("0.2",), "commission": ("20.00", "-20.00", "50.00"), "payout_currency": ("USD",),
                        "status": ("draft", "issued", "paid"), "pay_on": DAYS[-2:], "adjusts": ("", "", "S1/1", "S2/1")},
}  # fmt: skip
ROWS = {"clients": 4, "deals": 7, "services": 5, "cancellations": 2, "mrr_history": 26, "certifications": 3, "renewals": 3,
        "statement_lines": 5}  # fmt: skip
MRR_HISTORY: list[Row] = [
    {"client_id": client, "month": month, "mrr": "880.00", "currency": "EUR"}
    for client in CLIENTS[:2]
    for month in MONTHS
]


def random_row(choose: random.Random, kind: str, key: Row | None = None) -> Row:
    """A row with these cells, or with any."""
    row = {column: choose.choice(values) for column, values in CELLS[kind].items()} | (key or {})
    if row.get("ended_on") and row["ended_on"] <= row["started_on"]:
        row["ended_on"] = ""
    if row.get("stage") == "open" and choose.random() < 0.5:
        row["closed_on"] = ""
    return row


def key_of(kind: str, row: Mapping[str, str]) -> Key:
    return (kind, *(plain(name, row.get(name, "")) for name in KEYS[kind]))


def plain(column: str, text: str) -> str:
    """A cell as it is compared: spellings of a product line are the same, and so are 1 and 1.00."""
    if column == "product_line":
        return " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if column == "month":
        return text[:7]
    if column in ("mrr", "fx_rate", "rate", "net_revenue", "commission", "current_mrr", "renewal_mrr") and text:
        return f"{Decimal(text).normalize():f}"
    return text


# What holds


@dataclass
class Touch:
    """What an import did to a row."""

    batch: int
    undoes: int | None
    before: Fact | None  # None: it was not there
    gone: object  # by what the row was withdrawn afterwards
    standing_before: tuple[int, ...]  # the imports whose values the row had, the latest last
    standing: tuple[int, ...]


@dataclass
class World:
    """The facts of a partner with the history of each."""

    facts: Facts = field(default_factory=dict)
    touches: dict[Key, list[Touch]] = field(default_factory=dict)
    standing: dict[Key, tuple[int, ...]] = field(default_factory=dict)
    undos: dict[int, tuple[int, bool]] = field(default_factory=dict)  # what each undoes, and whether it left rows
    batches: list[int] = field(default_factory=list)

    @property
    def counting(self) -> Facts:
        return {key: fact for key, fact in self.facts.items() if fact[1] is None}

    def imported(self, files: Mapping[str, list[Row]], complete: Collection[str], act: object) -> Facts:
        """The facts after an import of these rows; `act` withdraws what complete files do not have."""
        facts = dict(self.facts)
        brought = {key_of(kind, row): row for kind, rows in files.items() for row in rows}
        statements = {row["statement_id"] for row in files.get("statement_lines", ())}
        for key in self.counting:
            incomplete = key[0] not in complete or (key[0] == "statement_lines" and key[1] not in statements)
            if not incomplete and key not in brought:
                withdraw(facts, key, act)
        for key, row in brought.items():
            cells = tuple((column, plain(column, row.get(column, ""))) for column in CELLS[key[0]])
            facts[key] = (cells, None)
        return facts

    def note(self, batch: int, facts: Facts, undoes: int | None = None) -> None:
        """Take over the facts as this batch leaves them."""
        for key, fact in facts.items():
            before = self.facts.get(key)
            if before == fact:
                continue
            was = self.standing.get(key, ())
            now = (*was, batch)
            if undoes is not None:
                now = next(touch.standing_before for touch in self.touches[key] if touch.batch == undoes)
            self.touches.setdefault(key, []).append(Touch(batch, undoes, before, fact[1], was, now))
            self.standing[key] = now
        self.facts = facts
        self.batches.append(batch)

    def is_undone(self, batch: int) -> bool:
        return any(
            undone == batch and not left and not self.is_undone(undo) for undo, (undone, left) in self.undos.items()
        )

    def undo(self, target: int, act: object) -> tuple[Facts, set[Key], Callable[[Iterable[Key]], Facts]]:
        """The facts after an undo, the rows that it leaves since others touched them, and how the facts would be if it left
        these further rows too."""
        left, back = set(), {}
        for key, touches in self.touches.items():
            own = next((touch for touch in touches if touch.batch == target), None)
            if own is None or self._taken_back(key, target):
                continue
            if self.standing[key] != own.standing or self.facts[key][1] != touches[-1].gone:
                left.add(key)
            else:
                back[key] = self._before(key, own, act)

        def leaving(further: Iterable[Key]) -> Facts:
            return self.facts | {key: fact for key, fact in back.items() if key not in further}

        return leaving(()), left, leaving

    def _before(self, key: Key, own: Touch, act: object) -> Fact:
        """The fact without what this import did. A withdrawal that it did not touch stays."""
        cells, gone = self.facts[key]
        if own.before is None:
            return cells, act
        return own.before[0], gone if own.before[1] == own.gone else own.before[1]

    def _taken_back(self, key: Key, batch: int) -> bool:
        undos = [touch.batch for touch in self.touches[key] if touch.undoes == batch]
        return any(not self._taken_back(key, undo) for undo in undos)


def withdraw(facts: Facts, key: Key, act: object) -> None:
    """Withdraw a fact, and with a client all it has."""
    for other, (cells, gone) in facts.items():
        if gone is None and (other == key or (key[0] == "clients" and dict(cells).get("client_id") == key[1])):
            facts[other] = (cells, act)


def restore(facts: Facts, key: Key) -> None:
    """Restore a fact, and with a client what was withdrawn with it."""
    act = facts[key][1]
    for other, (cells, gone) in facts.items():
        if other == key or (key[0] == "clients" and gone == act and dict(cells).get("client_id") == key[1]):
            facts[other] = (cells, None)


def contradictions(facts: Facts) -> set[Key]:
    """Facts that count though their client does not, with that client; and services of a client that overlap."""
    found: set[Key] = set()
    counting = {key: dict(cells) for key, (cells, gone) in facts.items() if gone is None}
    services: dict[str, list[tuple[str, str, Key]]] = {}
    for key, cells in counting.items():
        client = ("clients", cells.get("client_id", ""))
        if "client_id" in cells and client not in counting:
            found |= {key, client}
        if key[0] == "services":
            services.setdefault(key[1], []).append((cells["started_on"], cells["ended_on"] or "9999", key))
    for of_client in services.values():
        for earlier, later in zip(sorted(of_client), sorted(of_client)[1:], strict=False):
            if later[0] < earlier[1]:
                found |= {earlier[2], later[2]}
    return found


def broken(facts: Facts, key: Key) -> bool:
    """Whether a row of a file names a deal or line that does not count."""
    cells = dict(facts[key][0])
    deal, line = cells.get("deal_id", ""), tuple(cells.get("adjusts", "").split("/"))
    if key[0] != "statement_lines":
        return False
    named = [("deals", deal)] * bool(deal) + [("statement_lines", *line)] * (line != ("",))
    return any(other == key or other not in facts or facts[other][1] is not None for other in named)


# Steps


class Sequence:
    """A random sequence of steps of a partner, in the product and in the dictionary beside it."""

    def __init__(self, seed: int, scope: Any, folder: Path) -> None:
        self.choose = random.Random(seed)  # noqa: S311
        self.scope = scope
        self.folder = folder
        self.world = World()

    def step(self) -> str:
        """Do something; says what, for a test that fails."""
        steps = [self.bring_in] * 4 + [self.undo] * 4 + [self.withdraw] * 2 + [self.restore] * 2
        return self.choose.choice(steps)()

    def begin(self) -> str:
        rows = {kind: [random_row(self.choose, kind) for _ in range(count)] for kind, count in ROWS.items()}
        rows["clients"] = [row | {"client_id": client} for row, client in zip(rows["clients"], CLIENTS, strict=True)]
        rows["mrr_history"] = MRR_HISTORY
        return self._import(rows, ())

    def bring_in(self) -> str:
        kinds = self.choose.sample(list(KEYS), self.choose.choice((1, 1, 2, 3, 8)))
        files: dict[str, list[Row]] = {}
        for kind in KEYS:
            if kind in kinds:
                known = [dict(cells) for key, (cells, _gone) in self.world.facts.items() if key[0] == kind]
                rows = [self._varied(kind, row) for row in known if self.choose.random() < 0.7]
                files[kind] = rows + [random_row(self.choose, kind) for _ in range(self.choose.randint(0, 3))]
        return self._import(files, [kind for kind in files if self.choose.random() < 0.5])

    def _varied(self, kind: str, row: Row) -> Row:
        """A known row, in some of the cases with other values."""
        if "product_line" in row:
            spellings = [
                name for name in CELLS[kind]["product_line"] if plain("product_line", name) == row["product_line"]
            ]
            row["product_line"] = self.choose.choice(spellings)
        if self.choose.random() < 0.6:
            return row
        return random_row(self.choose, kind, {name: row[name] for name in KEYS[kind]})

    def _import(self, files: dict[str, list[Row]], complete: Collection[str]) -> str:
        files = {kind: list({key_of(kind, row): row for row in rows}.values()) for kind, rows in files.items()}
        act = object()
        while True:
            facts = self.world.imported(files, complete, act)
            wrong = contradictions(facts)
            row = next(
                (
                    (kind, row)
                    for kind, rows in files.items()
                    for row in rows
                    if kind != "clients" and (key_of(kind, row) in wrong or broken(facts, key_of(kind, row)))
                ),
                None,
            )
            if row is None:
                break
            files[row[0]].remove(row[1])
        batch = (self._import_on_pages if self.choose.random() < 0.2 else self._import_by_command)(files, complete)
        self.world.note(batch, facts)
        return f"import #{batch} of {files}, complete {complete}"

    def _import_by_command(self, files: dict[str, list[Row]], complete: Collection[str]) -> int:
        from imports.import_paths import import_paths

        for kind, rows in files.items():
            (self.folder / f"{kind}.csv").write_text(as_csv(kind, rows), encoding="utf-8")
        result = import_paths(
            scope=self.scope,
            paths=[self.folder / f"{kind}.csv" for kind in files],
            skip_bad_rows=False,
            complete=complete,
            allowed_withdrawals=1000,
        )
        assert result.written, result.problems
        return result.batch.pk

    def _import_on_pages(self, files: dict[str, list[Row]], complete: Collection[str]) -> int:
        from django.core.files.uploadedfile import SimpleUploadedFile

        from imports import services

        uploads = [SimpleUploadedFile(f"{kind}.csv", as_csv(kind, rows).encode()) for kind, rows in files.items()]
        batch = services.upload(scope=self.scope, files=uploads)
        services.check_batch(scope=self.scope, batch_id=batch.pk)
        if complete:
            services.choose_complete(scope=self.scope, batch_id=batch.pk, kinds=complete)
            services.check_batch(scope=self.scope, batch_id=batch.pk)
        assert list(batch.problems.values_list("row", "column", "value", "message")) == []
        services.request_commit(scope=self.scope, batch_id=batch.pk, skip_bad_rows=False, allowed_withdrawals=1000)
        batch = services.commit_batch(scope=self.scope, batch_id=batch.pk)
        assert batch.status == "committed", batch.note
        return batch.pk

    def undo(self) -> str:
        from imports.services import NotNow, undo_now

        target = self.choose.choice((self.world.batches[-1], self.choose.choice(self.world.batches)))
        rest = self.choose.random() < 0.7
        if self.world.is_undone(target):
            with pytest.raises(NotNow):
                undo_now(scope=self.scope, batch_id=target, rest=rest)
            return f"no undo of #{target}"
        batch, outcome = undo_now(scope=self.scope, batch_id=target, rest=rest)
        act = object()
        facts, left, leaving = self.world.undo(target, act)
        said = {(row.kind, *_parts(row.kind, row.name)) for row in outcome.left}
        assert left <= said, "touched since, and not said"
        assert all(len(row.name.split("/")[-1]) == 7 for row in outcome.left if row.kind == "mrr_history"), "a month"
        further = said - left
        facts = leaving(further)
        for key in further:  # each would contradict what stays: with all of them undone, or alone
            assert key in contradictions(leaving(())) | contradictions(leaving(further - {key})), (key, outcome.left)
        if not said or rest:
            assert outcome.written
            self.world.note(batch.pk, facts, undoes=target)
            self.world.undos[batch.pk] = (target, bool(said))
        else:
            assert not outcome.written
        return f"undo #{batch.pk} of #{target}, rest {rest}, left {outcome.left}"

    def _pick(self, *, gone: bool) -> tuple[Key, int] | None:
        """A fact with its primary key."""
        keys = sorted(key for key, fact in self.world.facts.items() if (fact[1] is not None) == gone)
        if not keys:
            return None
        key = self.choose.choice([*keys, *(key for key in keys if key[0] == "clients")])
        return key, next(pk for pk, cells, _gone in stored(self.scope, key[0]) if key_of(key[0], dict(cells)) == key)

    def withdraw(self) -> str:
        from clients import withdrawals

        picked = self._pick(gone=False)
        if picked is None:
            return "nothing to withdraw"
        key, pk = picked
        withdrawals.withdraw(scope=self.scope, kind_key=key[0], pks=[pk], reason="twice")
        self.world.facts = dict(self.world.facts)
        withdraw(self.world.facts, key, object())
        return f"withdrawn {key}"

    def restore(self) -> str:
        from clients import withdrawals

        picked = self._pick(gone=True)
        if picked is None:
            return "nothing to restore"
        key, pk = picked
        facts = dict(self.world.facts)
        restore(facts, key)
        if contradictions(facts):
            with pytest.raises(withdrawals.NotRestorableError):
                withdrawals.restore(scope=self.scope, kind_key=key[0], pks=[pk])
            return f"not restored {key}"
        withdrawals.restore(scope=self.scope, kind_key=key[0], pks=[pk])
        self.world.facts = facts
        return f"restored {key}"


def _parts(kind: str, name: str) -> Key:
    """The values of a key from its name, which leaves out an empty product line."""
    texts = name.split("/", len(KEYS[kind]) - 1)
    if len(texts) < len(KEYS[kind]):
        texts.insert(KEYS[kind].index("product_line"), "")
    return tuple(plain(column, text) for column, text in zip(KEYS[kind], texts, strict=True))


# Comparisons


def stored(scope: Any, kind_key: str) -> Iterator[tuple[int, tuple[tuple[str, str], ...], bool]]:
    """The stored rows of a kind: primary key, cells, whether it is withdrawn."""
    from partner_portal.lib.rows.facts import kind

    of_kind = kind(kind_key)
    fields = ["client__client_id" if c.field_name == "client" else c.field_name for c in of_kind.columns]
    names = [column.name for column in of_kind.columns]
    for pk, gone, *values in of_kind.model.with_withdrawn.filter(partner=scope.partner).values_list(
        "pk", "withdrawal", *fields
    ):
        row = {name: plain(name, _text(name, value)) for name, value in zip(names, values, strict=True)}
        yield pk, tuple((column, row[column]) for column in CELLS[kind_key]), gone is not None


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, date) and name in ("month", "invoice_month"):
        return f"{value:%Y-%m}"
    return "" if value is None else str(value)


def assert_same_facts(world: World, scope: Any) -> None:
    for kind in KEYS:
        rows = {key_of(kind, dict(cells)): (cells, gone) for _pk, cells, gone in stored(scope, kind)}
        held = {key: (cells, gone is not None) for key, (cells, gone) in world.facts.items() if key[0] == kind}
        assert rows == held, kind


def assert_verified(scope: Any) -> None:
    from ledger.verification import discrepancies

    scope.forget()
    assert list(discrepancies(scope)) == []


def figures_of(scope: Any, days: Iterable[date]) -> list[dict[str, Any]]:
    from dashboard.figures import figures
    from partner_portal.lib.dates.periods import Period

    scope.forget()
    since = date(2025, 1, 1)
    return [figures(scope, day, Period(min(since, day), day), with_clients=True) | {"partner": ""} for day in days]


def days_of(world: World) -> list[date]:
    """Days on which anything happens, and those a year later, up to today; the reviews; and today."""
    texts = {text for cells, _gone in world.facts.values() for column, text in cells if column.endswith("_on") and text}
    days = {date.fromisoformat(text) for text in texts}
    days |= {day.replace(year=day.year + 1, day=min(day.day, 28)) for day in days}
    days |= {day - timedelta(1) for day in days} | {date(2026, 1, 15), date(2026, 7, 15)}
    return [*sorted(day for day in days if day < TODAY), TODAY]


def assert_figures_of_the_facts(world: World, scope: Any, folder: Path, days: list[date]) -> None:
    """The figures equal those of a partner that imported only what counts."""
    from accounts.models import Partner
    from accounts.scope import partner_scope, set_tenant, system_scope
    from imports.import_paths import import_paths

    held = figures_of(scope, days)
    counting = world.counting
    set_tenant(None)
    fresh = Partner.objects.create(slug=f"fresh-{Partner.objects.count()}", name="Fresh")
    folder.mkdir(exist_ok=True)
    for kind in KEYS:
        rows = [dict(cells) for key, (cells, _gone) in counting.items() if key[0] == kind]
        for row in rows:  # which deal or line a line of a statement names moves no figure, and it may be withdrawn
            row.update({name: "" for name in ("adjusts", "deal_id") if kind == "statement_lines"})
        (folder / f"{kind}.csv").write_text(as_csv(kind, rows), encoding="utf-8")
    with partner_scope(fresh):
        of_fresh = system_scope(fresh)
        paths = [folder / f"{kind}.csv" for kind in KEYS]
        result = import_paths(scope=of_fresh, paths=paths, skip_bad_rows=False)
        assert result.written, result.problems
        expected = figures_of(of_fresh, days)
    set_tenant(scope.partner.pk)
    for one, other in zip(held, expected, strict=True):
        assert one == other


@pytest.mark.parametrize("seed", SEEDS)
def test_figures_are_those_of_the_facts_that_hold(eastwind: Any, tmp_path: Path, seed: int) -> None:
    from accounts.scope import system_scope

    sequence = Sequence(seed, system_scope(eastwind), tmp_path)
    said = [sequence.begin()]
    try:
        for _step in range(STEPS):
            said.append(sequence.step())
            assert_same_facts(sequence.world, sequence.scope)
            assert_verified(sequence.scope)
        days = days_of(sequence.world)
        if not MANY:
            days = [*sequence.choose.sample(days[:-1], min(DAYS_COMPARED, len(days) - 1)), days[-1]]
        assert_figures_of_the_facts(sequence.world, sequence.scope, tmp_path / "fresh", days)
    except Exception as error:
        error.add_note("\n".join(said))
        raise
