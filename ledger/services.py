"""The ledger's one writer: posts what should exist and is not posted, as corrections where something else was.

All of it in one transaction, under a lock on the partner, together with the sums that pages read.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.dispatch import receiver

from accounts.scope import Scope
from accounts.services import bump_generation
from clients.models import Cancellation, Client, Deal, Service
from ledger.models import Lot, Posting
from ledger.posting import FROM_ENGINE, ClientDifference, differences, values_of
from ledger.queries import PointTotals, behind, points_on
from partner_portal.lib.db.locks import PARTNER_FACTS, lock, lock_if_free
from partner_portal.lib.rows.events import facts_committed, figures_wanted, ledger_posted
from program.queries import current
from program.rulebook import Rulebook
from program.terms import Cause, Stage

BLOCK = 5_000  # rows collected before they go to the server
STAGED = (
    "id", "partner_id", "client_id", "deal_id", "lot_id", "correction", "rule_set", "batch_id", "by_deal_id",
    *FROM_ENGINE, "share",
)  # fmt: skip
# What a reversal takes over from the entry it reverses.
COPIED = (
    "partner_id", "client_id", "deal_id", "lot_id", "rule_set", "by_deal_id",
    *(name for name in FROM_ENGINE if name != "points"), "share",
)  # fmt: skip

# The sums by lot and by client, as the two tables have their columns. Reversals carry the lot, so plain sums are right;
# a lot of which the earning entry is reversed is none. One pass over the entries each and no join: right after an import
# the planner knows nothing yet of the rows in this very transaction.
LOTS_OF_CLIENTS = """
    (entry_id, partner_id, client_id, deal_id, track, earned_on, expires_on, earned, remaining)
    SELECT coalesce(lot_id, reverses_id, id), partner_id, client_id, deal_id, track,
           min("on") FILTER (WHERE lot_id IS NULL), min(expires_on) FILTER (WHERE lot_id IS NULL),
           sum(points) FILTER (WHERE lot_id IS NULL), sum(points)
    FROM ledger_pointentry
    WHERE partner_id = %s AND client_id = ANY(%s) AND deal_id IS NOT NULL
    GROUP BY 1, 2, 3, 4, 5
    HAVING bool_and(lot_id IS NOT NULL OR reverses_id IS NULL)
"""
POINTS_OF_CLIENTS = """
    (partner_id, client_id, sourced, assisted, managed)
    SELECT partner_id, client_id, coalesce(sum(points) FILTER (WHERE track = 'sourced'), 0),
           coalesce(sum(points) FILTER (WHERE track = 'assisted'), 0),
           coalesce(sum(points) FILTER (WHERE track = 'managed'), 0)
    FROM ledger_pointentry WHERE partner_id = %s AND client_id = ANY(%s) GROUP BY partner_id, client_id
"""


@dataclass(frozen=True, slots=True)
class PostingResult:
    """What a run posted: numbers of entries and of corrections among them, and the points of today before and after."""

    entries: int
    corrections: int
    clients: int
    before: PointTotals
    after: PointTotals

    @property
    def summary(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "points_before": self.before.as_texts(),
            "points_after": self.after.as_texts(),
            "entries": self.entries,
            "corrections": self.corrections,
            "clients": self.clients,
        }


@transaction.atomic
def post(*, scope: Scope, client_ids: Collection[int] | None, batch_id: int | None = None) -> PostingResult:
    """Bring the ledger up to today for these clients (None: all), and for those with something due by the clock.

    Idempotent. The ledger never goes back in time: with the clock moved back it stays posted through the later day.
    Raises UnknownCurrencyError when a rate table no longer knows a currency that is in use.
    """
    lock(PARTNER_FACTS, scope.partner.pk)
    rulebook, revision = current()
    posting = Posting.objects.filter(partner=scope.partner).first()
    through = max(scope.today, posting.posted_through) if posting else scope.today
    if posting is None or client_ids is None or posting.revision != revision:
        pks = set(Client.objects.filter(partner=scope.partner).values_list("pk", flat=True))
    else:
        pks = set(client_ids) | _due(scope, posting.posted_through, through)
    before = points_on(scope, scope.today)
    writer = _Writer(scope, rulebook, batch_id)
    writer.write(differences(scope, pks, rulebook, through))
    Posting.objects.update_or_create(
        partner=scope.partner,
        defaults={"posted_through": through, "revision": revision, "posted_at": Now()},
    )
    scope.forget()
    advanced = posting is None or (through, revision) != (posting.posted_through, posting.revision)
    if writer.entries or advanced:
        bump_generation(scope)
    ledger_posted.send(post, scope=scope, client_ids=pks)
    return PostingResult(writer.entries, writer.corrections, len(writer.clients), before, points_on(scope, scope.today))


def catch_up(*, scope: Scope) -> PostingResult:
    """Post what fell due since the last run: expiries, facts dated ahead whose day has come, and what other rules make
    of the past."""
    return post(scope=scope, client_ids=())


@receiver(figures_wanted)
def catch_up_if_behind(*, scope: Scope, **_: Any) -> None:
    """Catch up before a file or a mail is made. One query where nothing is due. A ledger that was never posted stays so."""
    if behind(scope):
        catch_up(scope=scope)


def catch_up_without_waiting(*, scope: Scope) -> bool:
    """Catch up before a page is shown, so that nobody is shown yesterday's points as today's. One query where nothing is due.

    Returns False when the points still are those of former rules: somebody else is posting. All that a partner ever did is
    posted again under new rules, which is long enough to keep every process of the server waiting.
    """
    found = behind(scope)
    if found and not found.day and not lock_if_free(PARTNER_FACTS, scope.partner.pk):
        return False
    if found:
        catch_up(scope=scope)
    return True


@receiver(facts_committed)
def facts_came_in(
    sender: Any, scope: Scope, client_ids: Collection[int] | None, batch_id: int, **_: Any
) -> PostingResult:
    """Post what an import changed, in its transaction."""
    return post(scope=scope, client_ids=client_ids, batch_id=batch_id)


def _due(scope: Scope, after: date, through: date) -> set[int]:
    """Clients with something dated after `after` and up to `through`."""
    if through <= after:
        return set()
    span = {"gt": after, "lte": through}

    def within(field: str) -> Q:
        return Q(**{f"{field}__{comparison}": day for comparison, day in span.items()})

    own = Q(partner=scope.partner)
    sources = [
        Lot.objects.filter(own & within("expires_on") & ~Q(remaining=0)),
        Deal.objects.filter(own & within("closed_on") & Q(stage=Stage.WON)),
        Service.objects.filter(own & (within("started_on") | within("ended_on"))),
        Cancellation.objects.filter(own & within("cancelled_on")),
    ]
    return {pk for source in sources for pk in source.values_list("client_id", flat=True)}


class _Writer:
    """Collects the rows of a run in a temporary table, then writes entries and sums in a few statements."""

    def __init__(self, scope: Scope, rulebook: Rulebook, batch_id: int | None) -> None:
        self.scope = scope
        self.rulebook = rulebook
        self.batch_id = batch_id
        self.clients: set[int] = set()
        self.entries = 0
        self.corrections = 0

    def write(self, found: Iterator[ClientDifference]) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS staged_entries")
            cursor.execute("CREATE TEMPORARY TABLE staged_entries (LIKE ledger_pointentry) ON COMMIT DROP")
            cursor.execute("ALTER TABLE staged_entries ALTER recorded_at SET DEFAULT now()")
            ids = _new_ids()
            reverse: list[int] = []
            rows: list[tuple[Any, ...]] = []
            for difference in found:
                self.clients.add(difference.loaded.client_pk)
                reverse += difference.reverse
                rows += self._rows(difference, ids)
                if len(rows) >= BLOCK:
                    self.entries += _stage(cursor, rows)
                    rows = []
            self.entries += _stage(cursor, rows)
            self.corrections = self._stage_reversals(cursor, reverse)
            self.entries += self.corrections
            if self.entries:
                self._settle(cursor)

    def _rows(self, difference: ClientDifference, ids: Iterator[int]) -> Iterator[tuple[Any, ...]]:
        lots = dict(difference.lots)
        for entry in difference.post:
            pk = next(ids)
            deal_id = entry.deal_id or ""
            sold_loss = bool(deal_id) and entry.cause != Cause.EARNED
            if deal_id and not sold_loss:
                lots[deal_id] = pk
            rule_set = self.rulebook.rule_set(entry.on)
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

    def _stage_reversals(self, cursor: Any, pks: list[int]) -> int:
        copied = ", ".join(f'"{name}"' for name in COPIED)
        cursor.execute(
            f"""
            INSERT INTO staged_entries (id, points, reverses_id, correction, batch_id, {copied})
            SELECT nextval(pg_get_serial_sequence('ledger_pointentry', 'id')), -points, id, true, %s, {copied}
            FROM ledger_pointentry WHERE id = ANY(%s) ORDER BY id
            """,  # noqa: S608 -- names of columns from this file
            [self.batch_id, pks],
        )
        return len(pks)

    def _settle(self, cursor: Any) -> None:
        """Entries, then the sums: by day from what was added, by lot and client anew for the clients that were touched."""
        partner, clients = self.scope.partner.pk, list(self.clients)
        cursor.execute("INSERT INTO ledger_pointentry SELECT * FROM staged_entries ORDER BY id")
        cursor.execute(
            """
            INSERT INTO ledger_dailypoints (partner_id, "on", track, cause, points, entries)
            SELECT partner_id, "on", track, cause, sum(points), count(*) FROM staged_entries GROUP BY 1, 2, 3, 4
            ON CONFLICT (partner_id, "on", track, cause) DO UPDATE
            SET points = ledger_dailypoints.points + excluded.points,
                entries = ledger_dailypoints.entries + excluded.entries
            """
        )
        for table, source in (("ledger_lot", LOTS_OF_CLIENTS), ("ledger_clientpoints", POINTS_OF_CLIENTS)):
            cursor.execute(f"DELETE FROM {table} WHERE partner_id = %s AND client_id = ANY(%s)", [partner, clients])  # noqa: S608 -- names from this file
            cursor.execute(f"INSERT INTO {table} {source}", [partner, clients])


def _new_ids() -> Iterator[int]:
    """Fresh ids for entries, fetched in blocks; a few stay unused."""
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT nextval(pg_get_serial_sequence('ledger_pointentry', 'id')) FROM generate_series(1, %s)", [BLOCK]
            )
            yield from [row[0] for row in cursor.fetchall()]


def _stage(cursor: Any, rows: list[tuple[Any, ...]]) -> int:
    columns = ", ".join(f'"{name}"' for name in STAGED)
    with cursor.copy(f"COPY staged_entries ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)
    return len(rows)
