"""Renewals whose day the vendor has moved: the row of the old day is closed, since the day is part of its key."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from django.db import connection as database

from accounts.scope import Scope
from imports.connected import ReadFile
from imports.fact_tables import text_rows
from partner_portal.lib.rows.facts import kind as kind_of
from sources import run_files
from sources.models import Connection
from sources.rows import Gone, brought, key_names, stored_pks
from sources.source import Seen, TableSpec

RENEWALS = "renewals"
RENEWED = "renewed"


@dataclass(slots=True)
class Moved:
    """What becomes of stored renewals."""

    renewed: list[Mapping[str, str]] = field(default_factory=list)  #: rows in their new form, as in files
    wrong: list[int] = field(default_factory=list)  #: primary keys of those that never come


def moved(stored: Mapping[int, Mapping[str, str]], renews: Mapping[str, str]) -> Moved:
    """Compare stored renewals with the day that each client renews next. Pure.

    stored: rows as in files, by primary key. renews: ISO days by our client's id; a client without one is left alone.
    An undecided row before that day has been renewed. A row after it was a mistake: the client renews earlier.
    """
    result = Moved()
    for pk, row in stored.items():
        following = renews.get(row["client_id"])
        if following is None or row["status"] == RENEWED:
            continue
        if row["renews_on"] < following:
            result.renewed.append({**row, "status": RENEWED})
        elif row["renews_on"] > following:
            result.wrong.append(pk)
    return result


def moved_renewals(
    scope: Scope, connection: Connection, readings: Iterable[tuple[TableSpec, Seen]], gone: Gone
) -> list[ReadFile]:
    """Files that close the connection's renewals whose day moved on; those that moved back are added to `gone`."""
    renews: dict[str, str] = {}
    for spec, seen in readings:
        renews |= seen.renews if spec.kind == RENEWALS else {}
    if not renews:
        return []
    kind = kind_of(RENEWALS)
    names = [column.name for column in kind.columns]
    pks = brought(scope, connection).filter(kind=RENEWALS, fact_id__isnull=False).values_list("fact_id", flat=True)
    counting = stored_pks(scope, RENEWALS, [pk for pk in pks if pk is not None])
    with database.cursor() as cursor:
        rows = text_rows(cursor, kind, counting) if counting else []
    stored = {int(str(pk)): dict(zip(names, map(str, values), strict=True)) for pk, *values in rows}
    changes = moved(stored, renews)
    if changes.wrong:
        gone.pks[RENEWALS] = sorted({*gone.pks.get(RENEWALS, ()), *changes.wrong})
        named = key_names(RENEWALS, changes.wrong)
        gone.named += [{"kind": RENEWALS, "name": name, "why": "moved", "survivor": ""} for name in named]
    if not changes.renewed:
        return []
    file = run_files.TableFile(
        run_files.run_folder(connection.pk), TableSpec("renewals-renewed", RENEWALS, tuple(names))
    )
    for row in sorted(changes.renewed, key=lambda row: (row["client_id"], row["renews_on"])):
        file.row(row)
    file.close()
    return [ReadFile(file.path, "renewals-renewed.csv", RENEWALS)]
