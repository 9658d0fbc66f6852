"""The only writer of the ledger: posts entries that should exist and are missing, and reverses those that should not.

A run is one transaction under the partner's lock, and updates the sums that pages read.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Now
from django.dispatch import receiver
from psycopg import sql

from accounts.scope import Scope
from accounts.services import bump_generation
from clients.models import Cancellation, Client, Deal, Service
from ledger.models import ClientPoints, DailyPoints, Lot, Posting
from ledger.posting import FROM_ENGINE, ClientDifference, Day, differences, values_of
from ledger.queries import behind, points_on
from ledger.rules_used import fingerprint, uses_of
from ledger.series import PointTotals
from partner_portal.lib.db import analyze
from partner_portal.lib.db.locks import PARTNER_FACTS, lock, lock_if_free
from partner_portal.lib.rows.events import facts_committed, figures_settled, figures_wanted, ledger_posted
from program.queries import current
from program.rulebook import Rulebook
from program.terms import Cause, Stage

BLOCK = 5_000  # primary keys reserved at a time, at least
LARGE = 100_000  # entries: its figures take a few tenths of a second, and ten times as many take seconds
REPOSTED_AT_ONCE = 10_000  # entries that a page posts again under changed rules: half a second
STAGED = (
    "id", "partner_id", "client_id", "deal_id", "lot_id", "correction", "rule_set", "batch_id", "by_deal_id",
    *FROM_ENGINE, "share",
)  # fmt: skip
# Columns that a reversal copies from the entry it reverses.
COPIED = (
    "partner_id", "client_id", "deal_id", "lot_id", "rule_set", "by_deal_id",
    *(name for name in FROM_ENGINE if name != "points"), "share",
)  # fmt: skip

# Sums by lot and by client, in the columns of their tables. Reversals carry the lot, so plain sums are right; a lot whose
# earning entry is reversed is left out, and so is a client all of whose entries are. One client after the other, by index: the
# planner's statistics are of the first rows that this transaction has written, so that it would read the whole table.
LOTS_OF_CLIENTS = """
    (entry_id, partner_id, client_id, deal_id, track, earned_on, expires_on, earned, remaining)
    SELECT lot.* FROM unnest(%s::bigint[]) AS changed (client), LATERAL (
        SELECT coalesce(lot_id, reverses_id, id), partner_id, client_id, deal_id, track,
               min("on") FILTER (WHERE lot_id IS NULL), min(expires_on) FILTER (WHERE lot_id IS NULL),
               sum(points) FILTER (WHERE lot_id IS NULL), sum(points)
        FROM ledger_pointentry
        WHERE partner_id = %s AND client_id = changed.client AND deal_id IS NOT NULL
        GROUP BY 1, 2, 3, 4, 5
        HAVING bool_and(lot_id IS NOT NULL OR reverses_id IS NULL)
    ) lot
"""
POINTS_OF_CLIENTS = """
    (partner_id, client_id, sourced, assisted, managed)
    SELECT points.* FROM unnest(%s::bigint[]) AS changed (client), LATERAL (
        SELECT partner_id, client_id, coalesce(sum(points) FILTER (WHERE track = 'sourced'), 0),
               coalesce(sum(points) FILTER (WHERE track = 'assisted'), 0),
               coalesce(sum(points) FILTER (WHERE track = 'managed'), 0)
        FROM ledger_pointentry WHERE partner_id = %s AND client_id = changed.client GROUP BY partner_id, client_id
        HAVING count(*) > 2 * count(reverses_id)
    ) points
"""


@dataclass(frozen=True, slots=True)
class PostingResult:
    """What a run posted."""

    entries: int  #: reversals included
    corrections: int  #: reversals
    clients: int  #: clients of which anything was posted
    before: PointTotals  #: points of today before the run
    after: PointTotals  #: points of today after it

    @property
    def summary(self) -> dict[str, object]:
        """The result as JSON values."""
        return {
            "points_before": self.before.as_texts(),
            "points_after": self.after.as_texts(),
            "entries": self.entries,
            "corrections": self.corrections,
            "clients": self.clients,
        }


@transaction.atomic
def post(*, scope: Scope, client_ids: Collection[int] | None, batch_id: int | None = None) -> PostingResult:
    """Post the ledger up to today for these clients (None: all) and for those with something due by the clock.

    When the rules have changed, all clients are posted, unless none of the rules that their facts use did (ADR 175).
    Idempotent. When the clock is moved back, the ledger stays posted through the later day.

    Raises:
        UnknownCurrencyError: the currency table in force has no amount for a currency that is in use.
    """
    lock(PARTNER_FACTS, scope.partner.pk)
    rulebook, revision = current()
    posting = Posting.objects.filter(partner=scope.partner).first()
    through = max(scope.today, posting.posted_through) if posting else scope.today
    revised = posting is None or posting.revision != revision
    used = posting.rules_used if posting else ""
    if revised or client_ids is None or client_ids:
        used = fingerprint(uses_of(scope), rulebook)
    if posting is None or client_ids is None or (revised and used != posting.rules_used):
        pks = set(Client.with_withdrawn.filter(partner=scope.partner).values_list("pk", flat=True))
    else:
        pks = set(client_ids) | _due(scope, posting.posted_through, through)
    before = points_on(scope, scope.today)
    writer = _Writer(scope, rulebook, batch_id)
    writer.write(differences(scope, pks, rulebook, through))
    Posting.objects.update_or_create(
        partner=scope.partner,
        defaults={
            "posted_through": through,
            "next_due_on": _next_due(scope, through),
            "revision": revision,
            "rules_used": used,
            "posted_at": Now(),
        },
    )
    scope.forget()
    advanced = posting is None or (through, revision) != (posting.posted_through, posting.revision)
    if writer.entries or advanced:
        bump_generation(scope)
    if pks or advanced:
        ledger_posted.send(post, scope=scope, client_ids=pks)
    return PostingResult(writer.entries, writer.corrections, len(writer.clients), before, points_on(scope, scope.today))


def catch_up(*, scope: Scope) -> PostingResult:
    """Post what fell due since the last run: expiries, facts dated ahead, and the effect of changed rules."""
    with transaction.atomic():
        result = post(scope=scope, client_ids=())
        figures_settled.send(catch_up, scope=scope, rows=result.entries)
        return result


@receiver(figures_wanted)
def catch_up_if_behind(*, scope: Scope, **_: object) -> None:
    """Post what is due before a file or a mail is made. One query where nothing is. Does not start a ledger."""
    if behind(scope):
        catch_up(scope=scope)


def catch_up_without_waiting(*, scope: Scope) -> bool:
    """Post what is due before a page is shown. One query where nothing is.

    Returns False when the points are those of former rules because another process is reposting them. Reposting a whole
    ledger takes long enough that waiting for it could occupy every process of the server.
    """
    due = behind(scope)
    if due and not due.day and not lock_if_free(PARTNER_FACTS, scope.partner.pk):
        return False
    if due:
        catch_up(scope=scope)
    return True


def is_large(scope: Scope, most: int | None = None) -> bool:
    """Whether the ledger has more entries than `most`, by default `LARGE`: so many that nobody should wait. One query."""
    entries = DailyPoints.objects.filter(partner=scope.partner).aggregate(Sum("entries"))["entries__sum"]
    return (entries or 0) > (LARGE if most is None else most)


@receiver(facts_committed)
def post_after_import(
    sender: object, scope: Scope, client_ids: Collection[int] | None, batch_id: int | None, **_: object
) -> PostingResult:
    """Receive `facts_committed`: post what changed, in the same transaction."""
    return post(scope=scope, client_ids=client_ids, batch_id=batch_id)


def _dated(scope: Scope) -> list[tuple[QuerySet[Any], str]]:
    """What changes points by the clock alone, with the field of its day."""
    own = Q(partner=scope.partner)
    return [
        (Lot.objects.filter(own & ~Q(remaining=0)), "expires_on"),
        (Deal.objects.filter(own & Q(stage=Stage.WON)), "closed_on"),
        (Service.objects.filter(own), "started_on"),
        (Service.objects.filter(own), "ended_on"),
        (Cancellation.objects.filter(own), "cancelled_on"),
    ]


def _due(scope: Scope, after: date, through: date) -> set[int]:
    """Clients with something dated after `after` and up to `through`."""
    if through <= after:
        return set()
    due = [rows.filter(**{f"{field}__gt": after, f"{field}__lte": through}) for rows, field in _dated(scope)]
    return {pk for rows in due for pk in rows.values_list("client_id", flat=True)}


def _next_due(scope: Scope, through: date) -> date | None:
    """The first day after `through` on which something is dated; None for none. One query."""
    first, *others = (
        rows.filter(**{f"{field}__gt": through}).order_by(field).values_list(field)[:1] for rows, field in _dated(scope)
    )
    return min((day for (day,) in first.union(*others)), default=None)


class _Writer:
    """Stages the rows of a run in a temporary table, then writes entries and sums in a few statements, piece by piece.

    The database writes a piece while the next one is computed: each takes about as long as the other.
    """

    def __init__(self, scope: Scope, rulebook: Rulebook, batch_id: int | None) -> None:
        self.scope = scope
        self.batch_id = batch_id
        self.clients: set[int] = set()
        self.entries = 0
        self.corrections = 0
        self._planned = False  # the planner knows of the first rows
        self._ids = _NewIds()
        self._days: dict[Day, _Total] = defaultdict(_Total)
        self._rule_set_on = cache(rulebook.rule_set)

    def write(self, pieces: Iterable[Iterable[ClientDifference]]) -> None:
        with connection.cursor() as cursor, ThreadPoolExecutor(max_workers=1) as meanwhile:
            cursor.execute(
                "DROP TABLE IF EXISTS staged_entries;"
                "CREATE TEMPORARY TABLE staged_entries (LIKE ledger_pointentry) ON COMMIT DROP;"
                "ALTER TABLE staged_entries ALTER recorded_at SET DEFAULT now()"
            )
            staged = _Piece()
            for differences_ in pieces:
                self._ids.reserve()
                applied = meanwhile.submit(self._apply, cursor, staged) if staged.clients else None
                staged = self._computed(differences_)
                if applied:
                    applied.result()
                _stage(cursor, staged.rows)
            if staged.clients:
                self._apply(cursor, staged)
            if self._days:
                self._add_to_days(cursor)
            if self.entries >= analyze.MANY_ROWS:
                # Of the table as a whole too, but not of other partners' partitions.
                analyze.analyze(cursor, self._partition(cursor), sql.SQL("ONLY ledger_pointentry"))
                analyze.analyze_tables([DailyPoints, Lot, ClientPoints])

    def _partition(self, cursor: CursorWrapper) -> sql.Identifier:
        """The partition with the partner's entries, of which there are some."""
        cursor.execute(
            "SELECT relname FROM pg_class WHERE oid = "
            "(SELECT tableoid FROM ledger_pointentry WHERE partner_id = %s LIMIT 1)",
            [self.scope.partner.pk],
        )
        return sql.Identifier(cursor.fetchone()[0])

    def _computed(self, differences_: Iterable[ClientDifference]) -> "_Piece":
        """The rows of a piece, which are counted too. Does not ask the database, unless it runs out of primary keys."""
        piece = _Piece()
        for difference in differences_:
            piece.clients.append(difference.loaded.client_pk)
            piece.reverse += [row.pk for row in difference.reverse]
            piece.rows += self._rows(difference)
            for entry in difference.post:
                self._count((entry.on, entry.track, entry.cause), entry.points)
            for row in difference.reverse:
                self._count(row.day, -row.points)
        self.clients.update(piece.clients)
        self.corrections += len(piece.reverse)
        self.entries += len(piece.reverse) + len(piece.rows)
        return piece

    def _count(self, day: Day, points: Decimal) -> None:
        total = self._days[day]
        total.points += points
        total.entries += 1

    def _rows(self, difference: ClientDifference) -> Iterator[tuple[object, ...]]:
        lots = dict(difference.lots)
        for entry in difference.post:
            pk = next(self._ids)
            deal_id = entry.deal_id or ""
            sold_loss = bool(deal_id) and entry.cause != Cause.EARNED
            if deal_id and not sold_loss:
                lots[deal_id] = pk
            rule_set = self._rule_set_on(entry.on)
            yield (
                pk,
                self.scope.partner.pk,
                difference.loaded.client_pk,
                difference.loaded.deals.get(deal_id),
                lots[deal_id] if sold_loss else None,
                deal_id in difference.corrected,
                rule_set.start if rule_set else None,
                self.batch_id,
                entry.by_deal_id or "",
                *values_of(entry),
            )

    def _apply(self, cursor: CursorWrapper, piece: "_Piece") -> None:
        """Insert a staged piece and its reversals, and recompute the sums by lot and client of its clients."""
        partner, copied = self.scope.partner.pk, ", ".join(f'"{name}"' for name in COPIED)
        if piece.reverse:
            cursor.execute(
                f"""
                INSERT INTO ledger_pointentry (points, reverses_id, correction, batch_id, {copied})
                SELECT -points, id, true, %s, {copied}
                FROM ledger_pointentry WHERE partner_id = %s AND id = ANY(%s::bigint[]) ORDER BY id
                """,  # noqa: S608 -- names of columns from this file
                [self.batch_id, partner, piece.reverse],
            )
        cursor.execute("INSERT INTO ledger_pointentry SELECT * FROM staged_entries; TRUNCATE staged_entries")
        if not self._planned and len(piece.rows) + len(piece.reverse) >= analyze.MANY_ROWS:
            self._planned = True
            analyze.analyze(cursor, self._partition(cursor))
        for table, source in (("ledger_lot", LOTS_OF_CLIENTS), ("ledger_clientpoints", POINTS_OF_CLIENTS)):
            of_clients = f"DELETE FROM {table} WHERE client_id = ANY(%s::bigint[]) AND partner_id = %s"  # noqa: S608 -- names from this file
            cursor.execute(of_clients, [piece.clients, partner])
            cursor.execute(f"INSERT INTO {table} {source}", [piece.clients, partner])

    def _add_to_days(self, cursor: CursorWrapper) -> None:
        """Add what was written to the sums by day."""
        days = sorted(self._days)
        cursor.execute(
            """
            INSERT INTO ledger_dailypoints (partner_id, "on", track, cause, points, entries)
            SELECT %s, * FROM unnest(%s::date[], %s::text[], %s::text[], %s::numeric[], %s::int[])
            ON CONFLICT (partner_id, "on", track, cause) DO UPDATE
            SET points = ledger_dailypoints.points + excluded.points,
                entries = ledger_dailypoints.entries + excluded.entries
            """,
            [
                self.scope.partner.pk,
                *(list(column) for column in zip(*days, strict=True)),
                [self._days[day].points for day in days],
                [self._days[day].entries for day in days],
            ],
        )


@dataclass(slots=True)
class _Piece:
    """What is written at a time."""

    clients: list[int] = field(default_factory=list)  #: primary keys
    reverse: list[int] = field(default_factory=list)  #: primary keys of entries
    rows: list[tuple[object, ...]] = field(default_factory=list)  #: values of `STAGED`


@dataclass(slots=True)
class _Total:
    """What a run adds to a sum by day."""

    points: Decimal = Decimal(0)
    entries: int = 0


class _NewIds:
    """New primary keys of entries, reserved many at a time; a few stay unused."""

    def __init__(self) -> None:
        self._reserved: deque[int] = deque()
        self._used = 0

    def reserve(self) -> None:
        """Reserve as many as were used since the last call, and some more."""
        self._fetch(self._used * 5 // 4 - len(self._reserved))
        self._used = 0

    def __next__(self) -> int:
        if not self._reserved:
            self._fetch(BLOCK)
        self._used += 1
        return self._reserved.popleft()

    def _fetch(self, count: int) -> None:
        if count > 0:
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT nextval(sequence.name) FROM pg_get_serial_sequence('ledger_pointentry', 'id') AS sequence (name), "
                    "generate_series(1, %s)",
                    [count],
                )
                self._reserved += [row[0] for row in cursor.fetchall()]


def _stage(cursor: CursorWrapper, rows: list[tuple[object, ...]]) -> None:
    columns = ", ".join(f'"{name}"' for name in STAGED)
    with cursor.copy(f"COPY staged_entries ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
