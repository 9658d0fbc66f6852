"""Sentences about runs and connections, from codes and their placeholders, in the reader's language."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from partner_portal.formats.numbers import signed_decimal_text, whole
from partner_portal.lib.rows.facts import find_kind
from sources.source import JsonObject, Question

_MISSING_NAMED = 20


def sentence(code: str, details: JsonObject, *, vendor: str, zone: str) -> str:
    """What happened and what to do about it; "" for no code.

    vendor: the vendor's name. zone: time zone of the times in it.
    """
    if not code:
        return ""
    blanks: JsonObject = {**details, "vendor": vendor}
    if "until" in details:
        until = datetime.fromisoformat(str(details["until"])).astimezone(ZoneInfo(zone))
        blanks |= {"until": f"{until:%H:%M}", "zone": zone}
    if "table" in details:
        blanks["table"] = str(details["table"]).replace("_", " ")
    if "kind" in details and (kind := find_kind(str(details["kind"]))):
        blanks["kind"] = str(kind.label).lower()
    if code == "quota_used_up" and details.get("limit"):
        blanks["limit"] = whole(int(details["limit"]))
        code = "quota_used_up_of"
    if code == "scope_missing":
        blanks |= details.get("scope", {}) if isinstance(details.get("scope"), dict) else {}
        blanks["table"] = str(blanks["table"]).replace("_", " ")
    text = _texts().get(code) or _texts()["unexpected"]
    return text % blanks


def _texts() -> dict[str, str]:
    return {
        "token_rejected": _(
            "%(vendor)s does not accept the token any more. It was revoked, rotated or belongs to another account. "
            "Enter a new one."
        ),
        "scope_missing": _("The token may not read %(table)s (scope %(scope)s). Only a partner account can grant it."),
        "wrong_account": _("This token belongs to account %(found)s (it was %(expected)s). Nothing was read."),
        "quota_used_up": _(
            "%(vendor)s's daily quota of the account is used up by all its apps. Next try at %(until)s, %(zone)s."
        ),
        "quota_used_up_of": _(
            "%(vendor)s's daily quota of the account is used up (%(limit)s, by all its apps). "
            "Next try at %(until)s, %(zone)s."
        ),
        "try_later": _("%(vendor)s does not answer now. Nothing was read; the next try comes by itself."),
        "answer_invalid": _(
            "%(vendor)s gave an answer that cannot be used. Nothing was read; the next try comes by itself."
        ),
        "refused": _("%(vendor)s does not accept this: %(message)s"),
        "list_not_ours": _("%(vendor)s fills its list “%(name)s” by rules. Rename your list and send it again."),
        "property_gone": _("%(vendor)s has no property %(name)s on %(table)s any more. Choose another."),
        "place_missing": _("There is no folder %(place)s that this portal may read. Ask your operator."),
        "key_missing": _("The key to the token is missing. Enter the token again."),
        "file_unreadable": _("%(file)s cannot be read: %(message)s. Nothing was imported."),
        "mapping": _("The answers do not fit what was read: %(message)s Nothing was imported."),
        "message": "%(message)s",
        "not_allowed": _("You may not do this any more, or what it was about is gone."),
        "no_run": _("No sync has run since then. Tell your operator: the portal’s own work stands still."),
        "no_worker": _("The portal could not get to it. Try again, and tell your operator if it happens once more."),
        "failed": _("Something went wrong while reading from %(vendor)s. Nothing was imported."),
        "unexpected": _(
            "Something unexpected went wrong. Nothing was imported; the operators find the details in the log."
        ),
        "interrupted": _("The run was interrupted. Nothing was imported; the next one starts over."),
        "disconnected": _("The connection was removed meanwhile. Nothing was imported."),
        "first": _("This is the first import with these answers. Nothing is imported before you have looked at it."),
        "asks": _("A question about the files is open. Nothing is imported before you have answered it."),
        "blocked": _("The files cannot be used as they are. Nothing was imported."),
        "guard_withdrawn": _(
            "%(percent)s%% of the %(kind)s would be withdrawn (limit %(limit)s%%). Nothing was imported. "
            "Look at the import and decide."
        ),
        "guard_changed": _(
            "%(percent)s%% of the rows would be changed (limit %(limit)s%%). Nothing was imported. "
            "Look at the import and decide."
        ),
        "guard_points": _(
            "Your points would change by %(percent)s%% (limit %(limit)s%%). Nothing was imported. "
            "Look at the import and decide."
        ),
        # Why a run cannot begin
        "open": _("Questions of the connection are open. Answer them first."),
        "paused": _("The connection is paused."),
        "rejected": _("The connection needs a new token."),
        "committing": _("An import of the connection is running. Try again when it is done."),
        "waits": _("An import of the connection waits for you."),
        "busy": _("The connection is being read already."),
    }


def question_title(question: Question) -> str:
    """The question as a sentence."""
    known = {
        "clients.client_id": _("What identifies a client?"),
        "clients.currency": _("In which currency are the clients?"),
        "deals.deal_id": _("What identifies a deal?"),
        "deals.product_line": _("What was sold?"),
        "deals.kind": _("Which sort of sale is a deal?"),
        "deals.origin": _("Who brought the deal?"),
        "deals.mrr": _("What is the deal worth a month?"),
        "deals.currency": _("In which currency is that?"),
        "mrr_history.currency": _("In which currency is a client’s MRR?"),
        "services.currency": _("In which currency is the managed MRR?"),
        "renewals.currency": _("In which currency is a renewal?"),
        "renewals.product_line": _("What is renewed?"),
        "renewals.renewal_manager": _("Who looks after the renewal?"),
        "renewals.renewal_manager_email": _("Which address do they have?"),
        "deals.client_id": _("Whose deal is it?"),
        "deals.stage": _("Is the deal won, lost or open?"),
    }
    kind = find_kind(question.kind)
    blanks = {"kind": kind.label if kind else question.kind, "column": question.column}
    return known.get(question.key) or _("%(kind)s: what is %(column)s?") % blanks


def phase_text(phase: str) -> str:
    """What a run is doing, from the phase or the table that it reads."""
    return {
        "waiting": _("Waiting to start"),
        "checking": _("Checking the rows"),
        "writing": _("Comparing and importing the rows"),
        "posting": _("Posting the points"),
    }.get(phase) or _("Reading %(table)s") % {"table": phase.replace("_", " ")}


def duration_text(duration: timedelta) -> str:
    """How long a run took, in seconds or minutes."""
    seconds = max(round(duration.total_seconds()), 1)
    if seconds < 120:
        return ngettext("%(count)s second", "%(count)s seconds", seconds) % {"count": seconds}
    minutes = round(seconds / 60)
    return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}


def sent_text(vendor: str, name: str, added: int, removed: int, missing: Sequence[str]) -> str:
    """Result of sending a list, as a sentence."""
    counts = {"vendor": vendor, "name": name, "added": whole(added), "removed": whole(removed)}
    text = _("“%(name)s” is in %(vendor)s: %(added)s added, %(removed)s taken out.") % counts
    if missing:
        shown = ", ".join(missing[:_MISSING_NAMED])
        blanks = {"vendor": vendor, "count": whole(len(missing)), "names": shown}
        text += (
            " "
            + ngettext(
                "%(count)s client has no company in %(vendor)s: %(names)s",
                "%(count)s clients have no company in %(vendor)s: %(names)s",
                len(missing),
            )
            % blanks
            + ("." if len(missing) <= _MISSING_NAMED else " …")
        )
    return text


def points_text(points: Mapping[str, str]) -> str:
    """How a run changed the points; "" when it did not."""
    before, after = (Decimal(points.get(name) or 0) for name in ("before", "after"))
    return _("%(change)s points") % {"change": signed_decimal_text(after - before, 2)} if before != after else ""


def changes_text(added: int, changed: int, withdrawn: int) -> str:
    """What a run changed: "3 new, 1 changed, 0 withdrawn"."""
    return ", ".join((
        ngettext("%(count)s new", "%(count)s new", added) % {"count": whole(added)},
        ngettext("%(count)s changed", "%(count)s changed", changed) % {"count": whole(changed)},
        ngettext("%(count)s withdrawn", "%(count)s withdrawn", withdrawn) % {"count": whole(withdrawn)},
    ))  # fmt: skip
