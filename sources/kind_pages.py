"""What the pages of further kinds and of proposals show, put together from queries."""

from collections.abc import Collection, Mapping
from datetime import date
from decimal import Decimal

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from accounts.scope import Scope
from partner_portal.formats.numbers import decimal_text, signed_decimal_text
from partner_portal.lib.progress import JobProgress
from partner_portal.lib.rows.facts import kind as kind_of
from sources import proposals, queries
from sources.answers import answer_of
from sources.kind_texts import about, effect_on_points, note_text, proposal_text
from sources.models import Connection, Decided, KindPreview, Proposal
from sources.source import JsonObject, TableSpec
from sources.texts import phase_text, sentence

ROWS_A_PAGE = 50
PROPOSED = ("services", "cancellations")
LINES_SHOWN = 200  # of proposals that are about to be confirmed
STATES = {"waiting": "waits", "confirmed": Decided.CONFIRMED, "rejected": Decided.REJECTED}


def summary(scope: Scope, connection: Connection) -> list[JsonObject]:
    """The further kinds of a connection: whether each is on, and how many proposals wait."""
    kinds = queries.more_kinds(connection)
    since = connection.answers.get("more", {})
    waiting = proposals.waiting(scope, connection) if since else {}
    return [
        {
            "key": key,
            "label": kind_of(key).label,
            "about": about(key),
            "since": since.get(key),
            "waiting": waiting.get(key, 0),
        }
        for key in kinds
    ]


def state(scope: Scope, connection: Connection, kind: str) -> JsonObject:
    """How a kind is, and its preview."""
    preview = queries.preview_of(scope, connection, kind)
    return {
        "connection": connection,
        "kind": kind_of(kind),
        "about": about(kind),
        "effect": effect_on_points(kind),
        "since": date.fromisoformat(since) if (since := connection.answers.get("more", {}).get(kind)) else None,
        "is_proposed": kind in PROPOSED,
        "preview": _result(scope, connection, preview) if preview and preview.made_at else None,
        "answers": preview.answers if preview else {},
        **_progress(preview),
    }


def _progress(preview: KindPreview | None) -> JsonObject:
    """Whether a worker has yet to make a preview, and how far it is."""
    if preview is None or preview.made_at:
        return {"is_running": False}
    progress = JobProgress("preview", preview.pk).latest
    return {"is_running": True, "progress": progress, "phase": phase_text(progress.phase if progress else "waiting")}


def _result(scope: Scope, connection: Connection, preview: KindPreview) -> JsonObject:
    result: JsonObject = preview.result
    vendor = str(queries.vendor_of(connection).label)
    why = sentence(result.get("why", ""), result.get("details", {}), vendor=vendor, zone=scope.partner.time_zone)
    points = {name: Decimal(text) for name, text in result.get("points", {}).items()}
    return {**result, "why": why, "made_at": preview.made_at, "change": points_change(points) if points else None}


def points_change(points: Mapping[str, Decimal]) -> JsonObject:
    """Points before and after, as texts."""
    before, after = points["before"], points["after"]
    return {
        "before": decimal_text(before, 2), "after": decimal_text(after, 2),
        "difference": signed_decimal_text(after - before, 2) if after != before else "",
    }  # fmt: skip


def proposals_page(scope: Scope, connection: Connection, kind: str, state: str, number: str | None) -> "Page[Proposal]":
    """A page of proposals in a state, a key of `STATES`."""
    rows = proposals.proposals(scope, connection, kind).select_related("decided_by").order_by("client_id", "key")
    wanted = STATES[state]
    rows = rows.filter(waits=True) if wanted == "waits" else rows.filter(state=wanted, waits=False)
    return Paginator(rows, ROWS_A_PAGE).get_page(number)


def counts(scope: Scope, connection: Connection, kind: str) -> list[tuple[str, str, int]]:
    """The states with their labels and numbers of proposals. One query."""
    rows = proposals.proposals(scope, connection, kind)
    totals = rows.aggregate(
        waiting=Count("pk", filter=Q(waits=True)),
        confirmed=Count("pk", filter=Q(state=Decided.CONFIRMED, waits=False)),
        rejected=Count("pk", filter=Q(state=Decided.REJECTED)),
    )
    labels = {"waiting": _("To decide"), "confirmed": _("Confirmed"), "rejected": _("Rejected")}
    return [(key, label, totals[key]) for key, label in labels.items()]


def chosen(
    scope: Scope, connection: Connection, kind: str, numbers: Collection[int], *, everything: bool
) -> list[Proposal]:
    """The proposals with these numbers, or all that wait."""
    rows = proposals.proposals(scope, connection, kind).select_related("decided_by").order_by("client_id", "key")
    return list(rows.filter(waits=True) if everything else rows.filter(pk__in=numbers))


def lines(scope: Scope, connection: Connection, spec: TableSpec, rows: Collection[Proposal]) -> list[JsonObject]:
    """Proposals as the page lists them. One query."""
    clients = kind_of("clients").model._default_manager.filter(
        partner=scope.partner, client_id__in={row.client_id for row in rows}
    )
    names = dict(clients.values_list("client_id", "name"))
    return [
        {
            "pk": row.pk,
            "client": row.client_id if row.client_id in names else "",
            "name": names.get(row.client_id, row.client_id),
            "text": proposal_text(spec.kind, _cells(connection, spec, row.row)),
            "note": note_text(row.note, row.detail),
            "decided_at": row.decided_at,
            "decided_by": row.decided_by,
            "before": proposal_text(spec.kind, _cells(connection, spec, row.row | row.accepted))
            if row.waits and row.accepted
            else "",
        }
        for row in rows
    ]


def _cells(connection: Connection, spec: TableSpec, row: Mapping[str, str]) -> dict[str, str]:
    """A row by our columns."""
    cells = {column: row.get(answer.name, "") if answer.name else answer.value for column, answer in spec.given.items()}
    stored = connection.answers.get("answers", {}).get(f"{spec.kind}.currency", {})
    currency = answer_of(stored)
    text = next((row[name] for name in currency.properties if row.get(name)), currency.value)
    return cells | {"currency": currency.words.get(text, text)}


def effect(scope: Scope, connection: Connection, spec: TableSpec) -> JsonObject | None:
    """What confirming the chosen proposals would do, or how far a worker is; None when nobody has asked."""
    preview = queries.preview_of(scope, connection, spec.kind, of_proposals=True)
    if preview is None:
        return None
    asked = chosen(scope, connection, spec.kind, preview.proposals or (), everything=False)
    rows = [row for row in asked if row.waits]
    return {
        "connection": connection,
        "kind": kind_of(spec.kind),
        "numbers": {row.pk for row in rows},
        "seen": proposals.digest(spec, rows),
        "count": len(rows),
        "lines": lines(scope, connection, spec, rows[:LINES_SHOWN]),
        "unshown": max(len(rows) - LINES_SHOWN, 0),
        "result": _result(scope, connection, preview) if preview.made_at else None,
        **_progress(preview),
    }
