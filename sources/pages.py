"""Template contexts of the pages of connections."""

from typing import Any

from django.conf import settings
from django.core.paginator import Page, Paginator
from django.utils.translation import gettext as _

from accounts.scope import Scope
from partner_portal.lib.rows.facts import kind as kind_of
from sources import kind_pages, queries, rows
from sources.call_states import CallKind, CallState
from sources.models import Connection, ConnectionState, Run, RunState, VendorCall
from sources.source import JsonObject, Source, source_of, sources
from sources.texts import changes_text, duration_text, points_text, sent_text, sentence

RUNS_SHOWN = 50
ROWS_A_PAGE = 50


def choices(scope: Scope) -> list[Source]:
    """The sources that the partner can connect now."""
    present = set(queries.connections(scope).filter(place="").values_list("vendor", flat=True))
    return [
        source
        for source in sources()
        if source.key not in present and (not source.needs_place or settings.WATCHED_FOLDERS)
    ]


def state(scope: Scope, connection: Connection, *, is_running: bool) -> JsonObject:
    """The status of a connection, and its runs. is_running: a process is at it, so its last run has not been interrupted."""
    runs = list(queries.runs(scope, connection)[:RUNS_SHOWN])
    last = runs[0] if runs else queries.last_run(scope, connection)
    if last and last.state == RunState.RUNNING and not is_running:
        last.state, last.why = RunState.INTERRUPTED, "interrupted"  # as the next run will store it
    waiting = queries.waiting_batch(scope, connection)
    return {
        "source": queries.vendor_of(connection),
        "last": last,
        "why": queries.why_text(scope, connection, last),
        "tone": _tone(connection, last, waiting is not None),
        "waiting": waiting,
        "is_active": connection.state == ConnectionState.ACTIVE,
        "is_paused": connection.state == ConnectionState.PAUSED,
        "is_open": connection.state == ConnectionState.OPEN,
        "is_rejected": connection.state == ConnectionState.REJECTED,
        "runs": [_run_line(scope, connection, run) for run in runs],
        "unmatched": queries.unmatched_rows(scope, connection).filter(client_id="").count(),
        "further": (further := kind_pages.summary(scope, connection)),
        "proposals_wait": any(row["waiting"] for row in further),
        "given_up": rows.given_up(scope, connection),
        "differing_zone": zone if (zone := connection.account.get("zone")) != scope.partner.time_zone else "",
    }


def _run_line(scope: Scope, connection: Connection, run: Run) -> JsonObject:
    return {
        "run": run,
        "changes": changes_text(run.added, run.changed, run.withdrawn),
        "points": points_text(run.points),
        "duration": duration_text(run.ended_at - run.started_at) if run.ended_at else "",
        "left_out": run.left_out + run.unmatched,
        "tone": _run_tone(run),
        "why": queries.why_text(scope, connection, run),
    }


def _tone(connection: Connection, last: Run | None, is_waiting: bool) -> str:
    if connection.state == ConnectionState.REJECTED or (last and last.state in (RunState.FAILED, RunState.INTERRUPTED)):
        return "bad"
    if is_waiting or connection.state in (ConnectionState.OPEN, ConnectionState.PAUSED):
        return "warn"
    return "ok" if connection.good_at else "info"


def _run_tone(run: Run) -> str:
    tones = {RunState.COMMITTED: "ok", RunState.NOTHING_NEW: "ok", RunState.WAITS: "warn", RunState.FAILED: "bad"}
    return tones.get(RunState(run.state), "info")


def call_failure(scope: Scope, call: VendorCall) -> str:
    """Why what somebody asked of a vendor failed."""
    vendor = str(source_of(call.vendor).label)
    return sentence(call.why, call.details, vendor=vendor, zone=scope.partner.time_zone)


def call_result(call: VendorCall) -> str:
    """What came of what somebody asked of a vendor."""
    if call.kind == CallKind.SEND:
        done = call.details
        vendor = str(source_of(call.vendor).label)
        return sent_text(vendor, call.arguments["name"], done["added"], done["removed"], done["missing"])
    if _renews(call):
        return _("The new token works and is stored.")
    return _("%(name)s is connected.") % {"name": call.connection}


def place_of_call(call: VendorCall) -> tuple[str, str | int]:
    """The page where a call's result is shown: name of its route, and argument."""
    if call.kind == CallKind.SEND:
        return "list", call.arguments["list"]
    if call.connection_id is None:
        return "connections_new", call.vendor
    if call.state == CallState.FAILED:
        return "connection_token", call.connection_id
    return ("connection" if _renews(call) else "connection_questions"), call.connection_id


def _renews(call: VendorCall) -> bool:
    """Whether the call was about the token of a connection that has read before."""
    connection = call.connection
    return call.kind == CallKind.TOKEN or (connection is not None and connection.good_at is not None)


def unmatched_page(scope: Scope, connection: Connection, number: str | None) -> "Page[Any]":
    """A page of the rows that have no client."""
    return Paginator(queries.unmatched_rows(scope, connection), ROWS_A_PAGE).get_page(number)


def client_choices(scope: Scope) -> list[tuple[str, str]]:
    """Ids and names of the partner's clients, by name."""
    clients = kind_of("clients").model._default_manager.filter(partner=scope.partner)
    return [(key, f"{name} ({key})") for key, name in clients.order_by("name").values_list("client_id", "name")]
