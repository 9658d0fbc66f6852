"""Verification of the ledger: every sum against its entries, and the entries against the facts. Reads only."""

from collections.abc import Iterator
from itertools import chain

from django.db import connection

from accounts.scope import Scope
from clients.models import Client
from ledger.posting import differences
from ledger.queries import behind, posting
from ledger.records import Entry
from program.queries import rulebook

# By what is compared: a query for rows of (where, stored, recomputed) that differ.
SUMS = {
    "daily points": """
        SELECT concat_ws(' ', "on", track, cause), stored.points || ' in ' || stored.entries, due.points || ' in ' || due.entries
        FROM (SELECT * FROM ledger_dailypoints WHERE partner_id = %(partner)s) stored
        FULL JOIN (
            SELECT "on", track, cause, sum(points) AS points, count(*) AS entries
            FROM ledger_pointentry WHERE partner_id = %(partner)s GROUP BY 1, 2, 3
        ) due USING ("on", track, cause)
        WHERE (stored.points, stored.entries) IS DISTINCT FROM (due.points, due.entries) ORDER BY 1
    """,
    "points of a client": """
        SELECT client_id::text, concat_ws(' ', stored.sourced, stored.assisted, stored.managed),
               concat_ws(' ', due.sourced, due.assisted, due.managed)
        FROM (SELECT * FROM ledger_clientpoints WHERE partner_id = %(partner)s) stored
        FULL JOIN (
            SELECT client_id, coalesce(sum(points) FILTER (WHERE track = 'sourced'), 0.0000) AS sourced,
                   coalesce(sum(points) FILTER (WHERE track = 'assisted'), 0.0000) AS assisted,
                   coalesce(sum(points) FILTER (WHERE track = 'managed'), 0.0000) AS managed
            FROM ledger_pointentry WHERE partner_id = %(partner)s GROUP BY 1 HAVING count(*) > 2 * count(reverses_id)
        ) due USING (client_id)
        WHERE (stored.sourced, stored.assisted, stored.managed) IS DISTINCT FROM (due.sourced, due.assisted, due.managed)
        ORDER BY 1
    """,
    "what is left of a lot": """
        SELECT 'entry ' || entry_id, concat_ws(' ', stored.earned, stored.remaining, stored.expires_on),
               concat_ws(' ', due.earned, due.remaining, due.expires_on)
        FROM (SELECT * FROM ledger_lot WHERE partner_id = %(partner)s) stored
        FULL JOIN (
            SELECT e.id AS entry_id, e.points AS earned, e.expires_on, e.points + coalesce(sum(l.points), 0) AS remaining
            FROM ledger_pointentry e LEFT JOIN ledger_pointentry l
              ON (l.partner_id, l.lot_id) = (e.partner_id, e.id)
            WHERE e.partner_id = %(partner)s AND e.cause = 'earned' AND e.track <> 'managed' AND e.reverses_id IS NULL
              AND NOT EXISTS (
                SELECT 1 FROM ledger_pointentry r WHERE (r.partner_id, r.reverses_id) = (e.partner_id, e.id)
              )
            GROUP BY e.id, e.points, e.expires_on
        ) due USING (entry_id)
        WHERE (stored.earned, stored.remaining, stored.expires_on) IS DISTINCT FROM (due.earned, due.remaining, due.expires_on)
        ORDER BY 1
    """,
    "reversals": """
        SELECT 'entry ' || r.id, concat_ws(' ', r.points, r."on", r.cause), concat_ws(' ', -e.points, e."on", e.cause)
        FROM ledger_pointentry r LEFT JOIN ledger_pointentry e
          ON (e.partner_id, e.id) = (r.partner_id, r.reverses_id)
        WHERE r.partner_id = %(partner)s AND r.reverses_id IS NOT NULL
          AND (r.points, r."on", r.cause, r.client_id) IS DISTINCT FROM (-e.points, e."on", e.cause, e.client_id)
    """,
}


def under_former_rules(scope: Scope) -> bool:
    """Whether the ledger was posted under former rules, so that its entries need not follow from the facts yet."""
    lag = behind(scope)
    return bool(lag and lag.rules)


def discrepancies(scope: Scope) -> Iterator[str]:
    """One sentence per difference; nothing for a ledger that is right.

    Under former rules only the sums are compared.
    """
    state = posting(scope)
    clients = set(Client.with_withdrawn.filter(partner=scope.partner).values_list("pk", flat=True))
    if state is None:
        if clients:
            yield "There are clients, but the ledger was never posted."
        return
    with connection.cursor() as cursor:
        for what, query in SUMS.items():
            cursor.execute(query, {"partner": scope.partner.pk})
            for where, stored, due in cursor.fetchall():
                yield f"{what}, {where}: stored {stored or 'nothing'}, should be {due or 'nothing'}"
    if under_former_rules(scope):
        return
    for difference in chain.from_iterable(differences(scope, clients, rulebook(scope), state.posted_through)):
        client = difference.loaded.client_pk
        for row in difference.reverse:
            yield f"entry {row.pk} of client {client} does not follow from the facts"
        for entry in difference.post:
            yield f"client {client}: the facts lead to {_entry_text(entry)}, which is not posted"


def _entry_text(entry: Entry) -> str:
    deal = f" of deal {entry.deal_id}" if entry.deal_id else ""
    return f"{entry.points} {entry.track} {entry.cause} on {entry.on}{deal}"
