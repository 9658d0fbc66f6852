"""Sentences of notices: what happened, why, and where its rows are; in the language of whoever reads."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from notices.kinds import NoticeKind
from partner_portal.formats.days import day_text, quarter_text
from partner_portal.formats.numbers import exact_money, whole
from partner_portal.lib.sentences import listed
from program.labels import label, tier_name
from program.terms import Cause
from sources.texts import sentence as connection_sentence

MOST_NAMED = 3


@dataclass(frozen=True, slots=True)
class Sentences:
    """A notice in words."""

    #: What happened, without a full stop.
    title: str
    #: Why, or what it concerns; "" when the title says all.
    why: str
    #: Path of the page with its rows.
    link: str


type Values = Mapping[str, Any]
_WRITERS: dict[NoticeKind, Callable[[Values], Sentences]] = {}


def sentences(kind: str, values: Values) -> Sentences:
    """The words of a notice with these stored values."""
    return _WRITERS[NoticeKind(kind)](values)


def _writes(*kinds: NoticeKind) -> Callable[[Callable[[Values], Sentences]], Callable[[Values], Sentences]]:
    def register(writer: Callable[[Values], Sentences]) -> Callable[[Values], Sentences]:
        _WRITERS.update(dict.fromkeys(kinds, writer))
        return writer

    return register


def _day(text: str) -> str:
    return day_text(date.fromisoformat(text))


def _first(values: Values) -> Values:
    first: Values = values["rows"][0]
    return first


def _named(names: list[str], count: int) -> str:
    """The first names, and how many more there are."""
    shown = names[:MOST_NAMED]
    if more := count - len(shown):
        shown.append(ngettext("%(count)s more", "%(count)s more", more) % {"count": more})
    return listed(shown)


@_writes(NoticeKind.TIER_REACHED)
def _reached(values: Values) -> Sentences:
    row = values["rows"][-1]
    title = _("You reached %(tier)s") % {"tier": row["after"]}
    why = _("Credited since %(on)s; before, it was %(tier)s.") % {
        "on": _day(row["on"]),
        "tier": tier_name(row["before"] or None),
    }
    return Sentences(title, why, reverse("tier") + "#history")


@_writes(NoticeKind.TIER_LOST)
def _lost(values: Values) -> Sentences:
    row = values["rows"][-1]
    title = _("You fell from %(before)s to %(after)s") % {
        "before": row["before"],
        "after": tier_name(row["after"] or None),
    }
    why = _("The review of %(on)s decided it.") % {"on": _day(row["on"])}
    return Sentences(title, why, reverse("tier") + "#history")


@_writes(NoticeKind.TIER_AT_RISK)
def _at_risk(values: Values) -> Sentences:
    row = _first(values)
    names: dict[str, object] = {
        "on": _day(row["on"]),
        "before": row["before"],
        "after": tier_name(row["after"] or None),
    }
    title = _("%(before)s is at risk: the review of %(on)s would make it %(after)s") % names
    why = ""
    if row.get("short"):
        why = _("If nothing else happens, you will be %(short)s points short on the day.") % {
            "short": whole(Decimal(row["short"]))
        }
    return Sentences(title, why, reverse("tier"))


@_writes(NoticeKind.POINTS_FALLEN)
def _fallen(values: Values) -> Sentences:
    row = _first(values)
    title = _("Your points fell by %(fall)s this week") % {"fall": whole(Decimal(row["fall"]))}
    why = _("From %(before)s before %(since)s to %(after)s on %(on)s.") % {
        "before": whole(Decimal(row["before"])),
        "after": whole(Decimal(row["after"])),
        "since": _day(row["since"]),
        "on": _day(row["on"]),
    }
    causes = [f"{label(Cause(cause))} {whole(Decimal(points))}" for cause, points in row["causes"].items()]
    if causes:
        why += " " + _("Lost in these days: %(causes)s.") % {"causes": listed(causes)}
    days = {"changes_from": row["since"], "changes_to": row["on"]}
    return Sentences(title, why, _with(reverse("dashboard_changes", args=[f"lost-{row['side']}"]), days))


@_writes(NoticeKind.CERTIFICATION_LAPSING)
def _lapsing(values: Values) -> Sentences:
    rows, count = values["rows"], values["count"]
    if count == 1:
        names = {"person": rows[0]["person"], "on": _day(rows[0]["on"])}
        title = _("A certification of %(person)s lapses on %(on)s") % names
        return Sentences(title, rows[0]["certifications"], reverse("tier_people"))
    title = _("Certifications of %(count)s people are about to lapse") % {"count": count}
    return Sentences(title, _named([row["person"] for row in rows], count), reverse("tier_people"))


@_writes(NoticeKind.RENEWAL_OVERDUE)
def _overdue(values: Values) -> Sentences:
    title = ngettext("%(count)s renewal is overdue", "%(count)s renewals are overdue", values["count"])
    why = _("Its day, %(on)s, has passed, and it is not renewed.")
    return _renewals(values, title, why, {"show": "overdue"})


@_writes(NoticeKind.RENEWAL_DEADLINE)
def _deadline(values: Values) -> Sentences:
    title = ngettext("%(count)s renewal to decide soon", "%(count)s renewals to decide soon", values["count"])
    days = {"renewals_from": values["rows"][0]["on"], "renewals_to": values["rows"][-1]["on"]}
    return _renewals(values, title, _("Decide by %(by)s; it renews on %(on)s."), days | {"show": "undecided"})


@_writes(NoticeKind.CANCELLATION_REQUESTED)
def _cancellation(values: Values) -> Sentences:
    title = ngettext("%(count)s cancellation requested", "%(count)s cancellations requested", values["count"])
    why = _("It would renew on %(on)s.")
    return _renewals(values, title, why, {"status": "cancellation_requested"})


def _renewals(values: Values, title: str, why: str, query: Mapping[str, str]) -> Sentences:
    """why: of a single renewal; several are named by their clients."""
    rows, count = values["rows"], values["count"]
    title %= {"count": count}
    if count == 1:
        [row] = rows
        days = {"on": _day(row["on"]), "by": _day(row["by"])}
        return Sentences(
            f"{title}: {row['client']}",
            f"{row['line']}. {why % days}",
            reverse("renewal_client", args=[row["client_id"]]),
        )
    clients = list(dict.fromkeys(row["client"] for row in rows))
    more = count - len(rows)
    return Sentences(title, _named(clients, len(clients) + more), _with(reverse("renewals"), query))


@_writes(NoticeKind.STATEMENT_ARRIVED)
def _statement(values: Values) -> Sentences:
    rows, count = values["rows"], values["count"]
    if count > 1:
        title = _("%(count)s statements arrived") % {"count": count}
        why = _named([row["statement"] for row in rows], count)
        return Sentences(title, why, reverse("commission_rows", args=["statements"]))
    [row] = rows
    title = _("Statement %(id)s arrived") % {"id": row["statement"]}
    why = _("%(quarter)s: %(total)s.") % {
        "quarter": quarter_text(row["period"]),
        "total": exact_money(Decimal(row["total"]), row["currency"]),
    }
    return Sentences(title, why, reverse("commission_statement", args=[row["statement"]]))


@_writes(NoticeKind.VARIANCE_FOUND)
def _variance(values: Values) -> Sentences:
    rows = values["rows"]
    if values["count"] > 1:
        title = _("Lines of %(count)s statements don’t add up") % {"count": values["count"]}
        why = _named([row["statement"] for row in rows], values["count"])
        return Sentences(title, why, reverse("commission_rows", args=["checks"]))
    [row] = rows
    title = ngettext(
        "%(count)s line of statement %(id)s doesn’t add up",
        "%(count)s lines of statement %(id)s don’t add up",
        row["checks"],
    ) % {"count": row["checks"], "id": row["statement"]}
    link = _with(reverse("commission_rows", args=["checks"]), {"statement": row["statement"]})
    return Sentences(title, _("You can query each line with the vendor."), link)


@_writes(NoticeKind.QUESTION_ANSWERED)
def _answered(values: Values) -> Sentences:
    row = _first(values)
    title = _("Your query on line %(line)s of statement %(id)s was answered") % {
        "line": row["line"],
        "id": row["statement"],
    }
    return Sentences(title, "", reverse("commission_question", args=[row["statement"], row["line"]]))


@_writes(NoticeKind.IMPORT_FAILED)
def _import(values: Values) -> Sentences:
    row = _first(values)
    title = _("Import no. %(batch)s failed") % {"batch": row["batch"]}
    return Sentences(title, _("Nothing of it was saved."), reverse("imports_batch", args=[row["batch"]]))


@_writes(NoticeKind.CONNECTION_FAILED)
def _connection(values: Values) -> Sentences:
    row = _first(values)
    title = _("The connection %(name)s needs you") % {"name": row["name"]}
    why = connection_sentence(row["why"], row["details"], vendor=row["vendor"], zone=row["zone"])
    return Sentences(title, why, reverse("connection", args=[row["connection"]]))


@_writes(NoticeKind.DATA_STALE)
def _stale(values: Values) -> Sentences:
    row = _first(values)
    title = _("Your data is out of date: the last is of %(on)s") % {"on": _day(row["as_of"])}
    return Sentences(title, _("Import new files, or see why a connection does not sync."), reverse("imports"))


@_writes(NoticeKind.SCHEDULE_PAUSED)
def _paused(values: Values) -> Sentences:
    row = _first(values)
    title = _("The schedule of “%(name)s” is paused") % {"name": row["name"]}
    return Sentences(title, row["reason"], reverse("schedule", args=[row["schedule"]]))


@_writes(NoticeKind.FILE_READY)
def _file(values: Values) -> Sentences:
    row = _first(values)
    title = _("%(name)s is ready") % {"name": row["name"]}
    why = ngettext("%(count)s row.", "%(count)s rows.", row["rows"]) % {"count": whole(Decimal(row["rows"]))}
    return Sentences(title, why, reverse("export", args=[row["export"]]))


@_writes(NoticeKind.FILE_FAILED)
def _file_failed(values: Values) -> Sentences:
    row = _first(values)
    title = _("%(name)s could not be made") % {"name": row["name"]}
    return Sentences(title, row["reason"], reverse("export", args=[row["export"]]))


@_writes(NoticeKind.CHANNEL_DEAD)
def _dead(values: Values) -> Sentences:
    row = _first(values)
    title = _("The channel %(name)s does not answer any more") % {"name": row["name"]}
    why = _("Nothing more is sent to it. Check its address, then resume it or add it again.")
    return Sentences(title, why, reverse("notices_channel", args=[row["channel"]]))


def _with(path: str, query: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(query)}"
