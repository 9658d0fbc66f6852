"""Reads of connections and their runs, within one partner."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import BooleanField, DateTimeField, Exists, Max, OuterRef, QuerySet
from django.db.models.expressions import RawSQL
from django.http import Http404

from accounts.models import Partner
from accounts.scope import Scope
from imports.models import BatchStatus, ImportBatch, ImportTable
from partner_portal.lib.dates.clock import now
from partner_portal.lib.db.locks import CONNECTION_RUN, held_keys
from partner_portal.lib.rows.facts import kind as kind_of
from sources.answers import account_of, answer_of, every_minutes, fields_of, open_questions
from sources.models import ConnectedRow, Connection, ConnectionState, KindPreview, Run, RunState
from sources.source import BringsMore, Question, Source, source_of
from sources.texts import sentence

DAYS_SHOWN = 30
MISSED_RUNS = 3  # runs that may be missed before the data counts as stale
_QUIET = timedelta(minutes=10)  # a run that starts this late is not missed


def connections(scope: Scope) -> QuerySet[Connection]:
    """The partner's connections that are not disconnected, oldest first."""
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
    """The connection's questions, answered or not; none before the first test."""
    account = account_of(connection.account)
    asked = vendor_of(connection).questions(account, fields_of(connection.schema)) if account else []
    further = [question for kind in connection.answers.get("more", {}) for question in more_questions(connection, kind)]
    # What was left empty stays so: it is not proposed again.
    return [*asked, *(replace(question, proposal=None) if question.may_be_empty else question for question in further)]


def more_kinds(connection: Connection) -> tuple[str, ...]:
    """Further kinds that the connection's source has."""
    source = vendor_of(connection)
    return source.more if isinstance(source, BringsMore) else ()


def preview_of(scope: Scope, connection: Connection, kind: str, *, of_proposals: bool = False) -> KindPreview | None:
    """The preview of a kind or of confirming its proposals, made or not; None for none."""
    previews = KindPreview.objects.filter(partner=scope.partner, connection=connection, kind=kind)
    return previews.filter(proposals__isnull=not of_proposals).first()


def more_questions(connection: Connection, kind: str) -> list[Question]:
    """What a person has to decide about a further kind. Its currency is proposed to be that of the clients."""
    source = vendor_of(connection)
    asked = source.more_questions(kind) if isinstance(source, BringsMore) and kind in source.more else []
    clients = connection.answers.get("answers", {}).get("clients.currency")
    known = {field.name for fields in fields_of(connection.schema).values() for field in fields}
    return [
        replace(question, proposal=answer_of(clients))
        if question.column == "currency" and clients
        else replace(question, proposal=None)
        if question.proposal and question.proposal.name and question.proposal.name not in known
        else question
        for question in asked
    ]


def open_questions_of(connection: Connection) -> list[Question]:
    """The questions that nobody has answered."""
    return open_questions(questions_of(connection), connection.answers)


def running(shown: Sequence[Connection]) -> set[int]:
    """Primary keys of the connections that a process is reading from now."""
    return {connection.pk for connection in shown} & held_keys(CONNECTION_RUN)


def why_text(scope: Scope, connection: Connection, run: Run | None) -> str:
    """Why the run did not end well, as a sentence; "" when it did."""
    if run is None:
        return ""
    vendor = str(vendor_of(connection).label)
    return sentence(run.why, run.details, vendor=vendor, zone=scope.partner.time_zone)


def unmatched_rows(scope: Scope, connection: Connection) -> QuerySet[ConnectedRow]:
    """The rows that have no client, those that a person has already assigned last."""
    rows = ConnectedRow.objects.filter(partner=scope.partner, connection=connection, fact_id__isnull=True)
    return rows.order_by("client_id", "name", "vendor_id")


def waiting_batch(scope: Scope, connection: Connection) -> ImportBatch | None:
    """The connection's import that waits for a person; None for none."""
    undecided = (BatchStatus.CHOOSING, BatchStatus.CHECKING, BatchStatus.CHECKED, BatchStatus.COMMITTING)
    batches = ImportBatch.objects.filter(partner=scope.partner, connection_id=connection.pk, status__in=undecided)
    return batches.order_by("-pk").first()


@dataclass(frozen=True, slots=True)
class Arrival:
    """When facts were last brought up to date."""

    as_of: (
        datetime | None
    )  #: end of the oldest last good run of the connections, else of the last import; None for never
    source: str = ""  #: names of the connections; "" for files
    is_late: bool = False  #: runs were missed
    why: str = ""  #: a sentence; "" when all is well
    older: Sequence[
        tuple[str, datetime]
    ] = ()  #: kinds that only files bring, with when the last one came, oldest first


# Every page asks for both: as text they are not put together anew.
_LAST_WRITTEN = RawSQL(
    "(SELECT max(committed_at) FROM imports_importbatch WHERE partner_id = accounts_partner.id AND status = %s)",
    (BatchStatus.COMMITTED.value,),
    DateTimeField(),
)
_IS_LIVE = RawSQL(
    "EXISTS (SELECT FROM sources_connection"
    " WHERE partner_id = accounts_partner.id AND good_at IS NOT NULL AND state <> %s)",
    (ConnectionState.DISCONNECTED.value,),
    BooleanField(),
)


def last_arrival(scope: Scope) -> Arrival:
    """When facts were last brought up to date, by an import or by a successful sync, even one that found nothing new.

    One query without connections, four at most.
    """
    last, is_live = Partner.objects.filter(pk=scope.partner.pk).values_list(_LAST_WRITTEN, _IS_LIVE).get()
    if not is_live:
        return Arrival(last)
    shown = list(connections(scope).filter(good_at__isnull=False))
    late = next((row for row in shown if _is_late(row)), None)
    as_of = min((row.good_at for row in shown if row.good_at), default=last)
    return Arrival(
        as_of=as_of,
        older=_older_files(scope, shown, as_of) if as_of else (),
        source=", ".join(dict.fromkeys(row.label for row in shown)),
        is_late=late is not None,
        why=(why_text(scope, late, last_run(scope, late)) or sentence("no_run", {}, vendor="", zone=""))
        if late
        else "",
    )


def _older_files(scope: Scope, shown: Sequence[Connection], as_of: datetime) -> list[tuple[str, datetime]]:
    """Kinds of which no connection has brought a row, and whose last file came on an earlier day. One query."""
    brought = ConnectedRow.objects.filter(connection__in=shown, kind=OuterRef("kind"), fact_id__isnull=False)
    tables = ImportTable.objects.filter(
        ~Exists(brought), partner=scope.partner, left_out=False, batch__status=BatchStatus.COMMITTED,
        batch__connection_id=None, batch__committed_at__date__lt=as_of.date(),
    ).exclude(kind="")  # fmt: skip
    newest = tables.order_by().values_list("kind").annotate(at=Max("batch__committed_at"))
    return [(str(kind_of(key).label), at) for key, at in sorted(newest, key=lambda row: row[1])]


def _is_late(connection: Connection) -> bool:
    if connection.good_at is None:
        return False
    allowed = MISSED_RUNS * timedelta(minutes=every_minutes(connection.answers)) + _QUIET
    return now() - connection.good_at > allowed


@dataclass(frozen=True, slots=True)
class Summary:
    """A connection as the commands and the API list it."""

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
    """The partner's connections and their status. Two queries."""
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
