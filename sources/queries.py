"""Reads of connections and their runs. A connection of another partner does not exist here."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import QuerySet
from django.http import Http404

from accounts.scope import Scope
from partner_portal.lib.dates.clock import now
from partner_portal.lib.db.locks import CONNECTION_RUN, held_keys
from sources.answers import account_of, every_minutes, fields_of, open_questions
from sources.models import GOOD, ConnectedRow, Connection, ConnectionState, Run, RunState
from sources.source import Question, Source, source_of
from sources.texts import sentence

DAYS_SHOWN = 30
MISSED_RUNS = 3  # so many runs may be missed before the data counts as stale
_QUIET = timedelta(minutes=10)  # a run that beat is late with is no missed one yet


def connections(scope: Scope) -> QuerySet[Connection]:
    """The partner's connections, those that were removed last."""
    rows = Connection.objects.filter(partner=scope.partner).exclude(state=ConnectionState.DISCONNECTED)
    return rows.order_by("pk")


def get_connection(scope: Scope, connection_id: int) -> Connection:
    """One connection. Raises Http404."""
    connection = connections(scope).filter(pk=connection_id).first()
    if connection is None:
        raise Http404
    return connection


def runs(scope: Scope, connection: Connection) -> QuerySet[Run]:
    """The connection's runs of the last days, newest first."""
    since = now() - timedelta(days=DAYS_SHOWN)
    rows = Run.objects.filter(partner=scope.partner, connection=connection, started_at__gte=since)
    return rows.select_related("by").order_by("-pk")


def last_run(scope: Scope, connection: Connection) -> Run | None:
    """The connection's latest run; None for none."""
    return Run.objects.filter(partner=scope.partner, connection=connection).order_by("-pk").first()


def last_runs(scope: Scope, shown: Sequence[Connection]) -> dict[int, Run]:
    """The latest run of each connection. One query."""
    rows = Run.objects.filter(partner=scope.partner, connection__in=shown)
    return {run.connection_id: run for run in rows.order_by("connection_id", "-pk").distinct("connection_id")}


def vendor_of(connection: Connection) -> Source:
    """The source of a connection."""
    return source_of(connection.vendor)


def questions_of(connection: Connection) -> list[Question]:
    """What a person has to decide, answered or not; none before the first test."""
    account = account_of(connection.account)
    return vendor_of(connection).questions(account, fields_of(connection.schema)) if account else []


def open_questions_of(connection: Connection) -> list[Question]:
    """The questions that nobody has answered."""
    return open_questions(questions_of(connection), connection.answers)


def running(shown: Sequence[Connection]) -> set[int]:
    """Numbers of those connections that a process is reading from now."""
    return {connection.pk for connection in shown} & held_keys(CONNECTION_RUN)


def why_text(scope: Scope, connection: Connection, run: Run | None) -> str:
    """Why the run did not end well, as a sentence; "" when it did."""
    if run is None:
        return ""
    vendor = str(vendor_of(connection).label)
    return sentence(run.why, run.details, vendor=vendor, zone=scope.partner.time_zone)


def unmatched_rows(scope: Scope, connection: Connection) -> QuerySet[ConnectedRow]:
    """The rows that wait for their client, those that a person has assigned already last."""
    rows = ConnectedRow.objects.filter(partner=scope.partner, connection=connection, fact_id__isnull=True)
    return rows.order_by("client_id", "name", "vendor_id")


@dataclass(frozen=True, slots=True)
class LiveData:
    """How old the data of the partner's connections is."""

    source: str  #: names of the connections
    as_of: datetime | None  #: end of the oldest last good run; None before the first
    is_late: bool = False  #: runs were missed
    why: str = ""  #: a sentence; "" when all is well


def live_data(scope: Scope) -> LiveData | None:
    """How old the data of the connections is; None without any. At most two queries."""
    shown = [row for row in connections(scope) if row.state != ConnectionState.OPEN]
    if not shown:
        return None
    latest = last_runs(scope, shown)
    oldest = min(shown, key=lambda row: (row.good_at is not None, row.good_at))
    late = [row for row in shown if _is_late(row)]
    troubled = late[0] if late else None
    return LiveData(
        source=", ".join(dict.fromkeys(row.label for row in shown)),
        as_of=oldest.good_at,
        is_late=bool(late),
        why=(why_text(scope, troubled, latest.get(troubled.pk)) if troubled else ""),
    )


def _is_late(connection: Connection) -> bool:
    if connection.good_at is None:
        return False
    allowed = MISSED_RUNS * timedelta(minutes=every_minutes(connection.answers)) + _QUIET
    return now() - connection.good_at > allowed


def good_runs(scope: Scope, connection: Connection) -> int:
    """Number of good runs of the last days."""
    return runs(scope, connection).filter(state__in=GOOD).count()


def is_waiting(run: Run | None) -> bool:
    """Whether a run's import waits for a person."""
    return run is not None and run.state == RunState.WAITS


@dataclass(frozen=True, slots=True)
class Summary:
    """A connection as commands and the API list it."""

    number: int
    vendor: str
    label: str
    account: str
    state: str  #: a `ConnectionState`, or `waits`, or `failing`
    good_at: datetime | None
    next_at: datetime | None
    run_at: datetime | None  #: start of the last run
    why: str  #: a sentence; "" when all is well

    def as_data(self) -> dict[str, object]:
        """The summary as JSON values; times with their zone."""
        times = {name: getattr(self, name) for name in ("good_at", "next_at", "run_at")}
        texts = {name: getattr(self, name) for name in ("number", "vendor", "label", "account", "state", "why")}
        return texts | {name: moment.isoformat() if moment else None for name, moment in times.items()}


def summaries(scope: Scope) -> list[Summary]:
    """The partner's connections and how they are. Two queries."""
    shown = list(connections(scope))
    latest = last_runs(scope, shown)
    rows = []
    for connection in shown:
        run = latest.get(connection.pk)
        state: str = connection.state
        if state == ConnectionState.ACTIVE and run:
            state = {RunState.WAITS: "waits", RunState.FAILED: "failing"}.get(RunState(run.state), state)
        rows.append(
            Summary(
                number=connection.pk,
                vendor=connection.vendor,
                label=connection.label,
                account=str(connection.account.get("name") or connection.account.get("id", "")),
                state=state,
                good_at=connection.good_at,
                next_at=connection.next_at,
                run_at=run.started_at if run else None,
                why=why_text(scope, connection, run),
            )
        )
    return rows
