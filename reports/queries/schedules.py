"""Reads schedules, their runs and the people they may write to."""

from collections.abc import Collection
from typing import Any

from django.core import signing
from django.db.models import Prefetch, QuerySet
from django.http import Http404

from accounts.models import Partner, User
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.collation import SortKey
from partner_portal.lib.rows.datasets import Selection
from program.queries import rulebook
from reports.models import Frequency, Recipient, SavedReport, Schedule, ScheduleRun
from reports.schedule import Rule

SALT = "reports.recipient"


def _kept(scope: Scope) -> QuerySet[Schedule]:
    found = Schedule.objects.filter(partner=scope.partner, deleted_at=None)
    return found if scope.may(Permission.MEMBERS) else found.filter(owner=scope.user)


def schedules(scope: Scope) -> list[Schedule]:
    """The user's schedules; an admin sees those of everybody in the partner. `latest` holds the last run, if any."""
    found = list(
        _kept(scope)
        .select_related("report", "owner")
        .prefetch_related(Prefetch("recipients", Recipient.objects.select_related("user")))
        .order_by(SortKey("report__name"), "pk")
    )
    runs = ScheduleRun.objects.filter(schedule__in=found).order_by("schedule", "-slot").distinct("schedule")
    latest = {run.schedule_id: run for run in runs}
    for each in found:
        each.latest = latest.get(each.pk)  # type: ignore[attr-defined]
    return found


def schedule(scope: Scope, pk: int) -> Schedule:
    """One of them. Raises Http404."""
    found = _kept(scope).select_related("report", "owner").filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def runs(found: Schedule) -> list[ScheduleRun]:
    """Its last 20 runs, latest first."""
    return list(ScheduleRun.objects.filter(schedule=found).select_related("export").order_by("-slot")[:20])


def may_change(scope: Scope, found: Schedule) -> bool:
    """Its owner and admins may."""
    own = scope.user is not None and found.owner_id == scope.user.pk
    return scope.may(Permission.SCHEDULE) and (own or scope.may(Permission.MEMBERS))


def review_days(scope: Scope) -> tuple[tuple[int, int], ...]:
    """Month and day of each review of the programme; read once a scope."""
    return tuple((review.month, review.day) for review in rulebook(scope).reviews)


def rule_of(scope: Scope, found: Schedule) -> Rule:
    """When it is due."""
    reviews = review_days(scope) if found.frequency == Frequency.REVIEWS else ()
    return Rule(found.frequency, found.at, found.zone, found.day, reviews)


def members(scope: Scope) -> list[User]:
    """The people of the partner, by name."""
    found = User.objects.filter(memberships__partner=scope.partner, is_active=True)
    return list(found.order_by(SortKey("name"), "email"))


def owner_left(scope: Scope, found: Schedule) -> bool:
    """Whether its owner belongs to the partner no more, or may not sign in: who resumes it takes it over."""
    return found.owner_id not in {user.pk for user in members(scope)}


def allowed_domains(scope: Scope) -> frozenset[str]:
    """Mail domains outside of the partner that an admin has allowed."""
    return frozenset(scope.partner.mail_domains.lower().replace(",", " ").split())


def domain_of(address: str) -> str:
    """The mail domain of an address, as the allowed ones are written."""
    return address.rpartition("@")[2].lower()


def stopped_by(scope: Scope, domains: Collection[str]) -> list[tuple[Schedule, list[str]]]:
    """The active schedules with the outside addresses that get mail now and would get none with these domains allowed."""
    now = allowed_domains(scope)
    found = Recipient.objects.filter(
        partner=scope.partner, user=None, left_at=None, schedule__deleted_at=None, schedule__paused=""
    ).select_related("schedule__report", "schedule__owner")
    stopped: dict[int, tuple[Schedule, list[str]]] = {}
    for recipient in found.order_by("schedule__report__name", "schedule_id", "email"):
        domain = domain_of(recipient.email)
        if domain in now and domain not in domains:
            stopped.setdefault(recipient.schedule_id, (recipient.schedule, []))[1].append(recipient.email)
    return list(stopped.values())


def recipient_token(recipient: Recipient) -> str:
    """What stands in the links of a mail: it names one recipient and cannot be made up."""
    return signing.dumps([recipient.partner_id, str(recipient.key)], salt=SALT)


def partner_of_token(token: str) -> tuple[Partner, Any]:
    """The partner and the key that a token names. Raises Http404."""
    try:
        partner_id, key = signing.loads(token, salt=SALT)
    except signing.BadSignature as error:
        raise Http404 from error
    partner = Partner.objects.filter(pk=partner_id).first()
    if partner is None:
        raise Http404
    return partner, key


def recipient_of(partner: Partner, key: Any) -> Recipient | None:
    """The recipient with that key; None when the schedule writes to them no more. Needs the partner's scope."""
    return Recipient.objects.select_related("schedule__report").filter(partner=partner, key=key).first()


def recipients(scope: Scope, found: Schedule) -> list[Recipient]:
    """Everybody it is set to write to; `barred` says that an outside address is no longer in an allowed domain."""
    domains = allowed_domains(scope)
    rows = list(found.recipients.select_related("user").order_by("pk"))
    for row in rows:
        row.barred = row.user_id is None and domain_of(row.email) not in domains  # type: ignore[attr-defined]
    return rows


def draft(
    scope: Scope, selection: Selection, values: dict[str, Any], name: str, report: SavedReport | None
) -> Schedule:
    """A schedule that is not saved, to try out what it would send."""
    named = report or SavedReport(
        partner=scope.partner,
        owner=scope.user,
        name=name or str(selection.dataset.title),
        dataset=selection.dataset.key,
    )
    return Schedule(partner=scope.partner, owner=scope.user, report=named, **values)
