"""The kinds of notices: what each is about, and who may see it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.roles import PERMISSIONS, Permission


class NoticeKind(StrEnum):
    """What a notice is about. The values are stored."""

    TIER_REACHED = "tier_reached"
    TIER_AT_RISK = "tier_at_risk"
    TIER_LOST = "tier_lost"
    POINTS_FALLEN = "points_fallen"
    CERTIFICATION_LAPSING = "certification_lapsing"
    RENEWAL_OVERDUE = "renewal_overdue"
    RENEWAL_DEADLINE = "renewal_deadline"
    CANCELLATION_REQUESTED = "cancellation_requested"
    STATEMENT_ARRIVED = "statement_arrived"
    VARIANCE_FOUND = "variance_found"
    QUESTION_ANSWERED = "question_answered"
    IMPORT_FAILED = "import_failed"
    CONNECTION_FAILED = "connection_failed"
    DATA_STALE = "data_stale"
    SCHEDULE_PAUSED = "schedule_paused"
    FILE_READY = "file_ready"
    FILE_FAILED = "file_failed"
    CHANNEL_DEAD = "channel_dead"


class Place(StrEnum):
    """Where a notice can appear. The values are stored."""

    BELL = "bell"
    MAIL = "mail"
    DIGEST = "digest"


DEFAULT_PLACES = (Place.BELL, Place.DIGEST)  # somebody who never asked for a digest gets none


@dataclass(frozen=True, slots=True)
class KindRules:
    """Who may see a kind, and its name."""

    label: str | Promise
    #: The right that a reader needs, when the notice is made and whenever they read it.
    permission: Permission
    #: Whether it concerns single people, whom the sender names.
    personal: bool = False


_K, _P = NoticeKind, Permission
KINDS: dict[NoticeKind, KindRules] = {
    _K.TIER_REACHED: KindRules(_("Tier reached"), _P.VIEW),
    _K.TIER_AT_RISK: KindRules(_("Tier at risk at the coming review"), _P.VIEW),
    _K.TIER_LOST: KindRules(_("Tier lost"), _P.VIEW),
    _K.POINTS_FALLEN: KindRules(_("Points fallen"), _P.VIEW),
    _K.CERTIFICATION_LAPSING: KindRules(_("Certification about to lapse"), _P.VIEW),
    _K.RENEWAL_OVERDUE: KindRules(_("Renewal overdue"), _P.VIEW),
    _K.RENEWAL_DEADLINE: KindRules(_("Renewal to decide soon"), _P.VIEW),
    _K.CANCELLATION_REQUESTED: KindRules(_("Cancellation requested"), _P.VIEW),
    _K.STATEMENT_ARRIVED: KindRules(_("Statement arrived"), _P.VIEW_MONEY),
    _K.VARIANCE_FOUND: KindRules(_("Variance found"), _P.VIEW_MONEY),
    _K.QUESTION_ANSWERED: KindRules(_("Query answered"), _P.QUESTION, personal=True),
    _K.IMPORT_FAILED: KindRules(_("Import failed"), _P.IMPORT, personal=True),
    _K.CONNECTION_FAILED: KindRules(_("Connection failed"), _P.SETTINGS),
    _K.DATA_STALE: KindRules(_("Data out of date"), _P.IMPORT),
    _K.SCHEDULE_PAUSED: KindRules(_("Schedule paused"), _P.VIEW, personal=True),
    _K.FILE_READY: KindRules(_("File ready"), _P.VIEW, personal=True),
    _K.FILE_FAILED: KindRules(_("File failed"), _P.VIEW, personal=True),
    _K.CHANNEL_DEAD: KindRules(_("Channel does not answer"), _P.SETTINGS),
}


def visible_kinds(role: str) -> Iterator[NoticeKind]:
    """The kinds that a role may read, in the order of KINDS."""
    return (kind for kind, rules in KINDS.items() if rules.permission in PERMISSIONS[role])
