"""New renewals of an import that may be stored ones that moved, for `FactKind.look_alikes` (docs/points.md 13)."""

from collections.abc import Collection, Iterator
from datetime import date
from typing import TYPE_CHECKING

from django.utils.translation import gettext as _

from accounts.scope import Scope
from clients.look_alikes import named_rows, nearest, of_clients, stored_by
from partner_portal.formats.days import day_text
from partner_portal.lib.rows.facts import LookAlike
from program.terms import RenewalStatus
from renewals.models import Renewal

if TYPE_CHECKING:
    import pandas as pd


def moved_renewals(scope: Scope, rows: "pd.DataFrame", missing: Collection[int]) -> Iterator[LookAlike]:
    """Renewals of a line that already has one which is not completed, on another day."""
    open_ = of_clients(Renewal, scope, rows).exclude(status=RenewalStatus.RENEWED)
    stored = stored_by(open_, missing, "client__client_id", "product_line", "renews_on", "status")
    for row in named_rows(rows):
        same = [other for other in stored.get(row.client_id, ()) if other[1] == row.product_line]
        found = nearest(same, date.fromisoformat(row.renews_on), lambda other: other[2])
        if found is None:
            continue
        pk, line, day, status = found
        text = (
            _("“%(line)s” of client %(client)s already has a confirmed renewal on %(day)s: moved?")
            if status == RenewalStatus.CONFIRMED
            else _("“%(line)s” of client %(client)s already has an undecided renewal on %(day)s: moved?")
        )
        yield LookAlike(row.Index, pk, text % {"client": row.client_id, "line": line, "day": day_text(day)})
