"""What the pages of further kinds and of proposals show, put together from queries."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta
from decimal import Decimal

from django.core.paginator import Page, Paginator
from django.db.models import Count, Q
from django.utils.translation import gettext as _

from accounts.scope import Scope
from imports.pipeline import Outcome
from partner_portal.formats.numbers import decimal_text, signed_decimal_text
from partner_portal.lib.dates.clock import now
from partner_portal.lib.db.locks import PARTNER_FACTS, lock_if_free
from partner_portal.lib.rows.facts import kind as kind_of
from sources import proposals, queries
from sources.answers import answer_of
from sources.guards import points_of
from sources.kind_texts import about, effect_on_points, note_text, proposal_text
from sources.models import Connection, Decided, KindPreview, Proposal
from sources.previews import try_proposals
from sources.source import JsonObject, TableSpec
from sources.texts import sentence

ROWS_A_PAGE = 50
PROPOSED = ("services", "cancellations")
LOST_AFTER = timedelta(minutes=15)  # a preview that is not made by then is given up
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
    preview = KindPreview.objects.filter(partner=scope.partner, connection=connection, kind=kind).first()
    is_running = preview is not None and preview.made_at is None and preview.asked_at > now() - LOST_AFTER
    return {
        "connection": connection,
        "kind": kind_of(kind),
        "about": about(kind),
        "effect": effect_on_points(kind),
        "since": date.fromisoformat(since) if (since := connection.answers.get("more", {}).get(kind)) else None,
        "is_proposed": kind in PROPOSED,
        "is_running": is_running,
        "preview": _preview(scope, connection, preview) if preview and preview.made_at else None,
        "answers": preview.answers if preview else {},
    }


def _preview(scope: Scope, connection: Connection, preview: KindPreview) -> JsonObject:
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
    found = rows.aggregate(
        waiting=Count("pk", filter=Q(waits=True)),
        confirmed=Count("pk", filter=Q(state=Decided.CONFIRMED, waits=False)),
        rejected=Count("pk", filter=Q(state=Decided.REJECTED)),
    )
    labels = {"waiting": _("To decide"), "confirmed": _("Confirmed"), "rejected": _("Rejected")}
    return [(key, label, found[key]) for key, label in labels.items()]


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


def effect(scope: Scope, connection: Connection, spec: TableSpec, chosen: Collection[Proposal]) -> JsonObject | None:
    """What confirming proposals does. None while another process writes the partner's facts. Everything is rolled back."""
    if not lock_if_free(PARTNER_FACTS, scope.partner.pk):
        return None
    outcome: Outcome | None = try_proposals(scope, connection, spec, [row.row for row in chosen])
    if outcome is None or outcome.checked.blocked:
        return {"is_blocked": True}
    before, after = points_of(outcome)
    problems = [problem.message for of_file in outcome.checked.problems for problem in of_file]
    return {
        "change": points_change({"before": before, "after": after}),
        "left_out": sum(map(len, outcome.checked.bad_rows)),
        "problems": list(dict.fromkeys(problems))[:5],
    }
