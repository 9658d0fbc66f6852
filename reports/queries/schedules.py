"""Schedules, their runs, their recipients, and who may become one."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from django.core import signing
from django.db.models import Prefetch, QuerySet
from django.http import Http404

from accounts.models import Partner, User
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.collation import SortKey
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.datasets import Selection
from program.queries import rulebook
from reports.models import Frequency, Recipient, SavedReport, Schedule, ScheduleRun
from reports.schedule import Rule, ScheduleValues, next_slots

SALT = "reports.recipient"
SHOWN_RUNS = 20

# For annotations in views, which never import models.
type AnySchedule = Schedule
type AnyRecipient = Recipient


def _visible(scope: Scope) -> QuerySet[Schedule]:
    schedules = Schedule.objects.filter(partner=scope.partner, deleted_at=None)
    return schedules if scope.may(Permission.MEMBERS) else schedules.filter(owner=scope.user)


def schedules(scope: Scope) -> list[Schedule]:
    """The user's schedules with their recipients, by name; an admin sees everybody's in the partner."""
    return list(
        _visible(scope)
        .select_related("report", "owner")
        .prefetch_related(Prefetch("recipients", Recipient.objects.select_related("user")))
        .order_by(SortKey("report__name"), "pk")
    )


@dataclass(frozen=True, slots=True)
class ScheduleRow:
    """A schedule as the page of all shows it."""

    schedule: Schedule
    slots: list[datetime]  # the next three, in the schedule's time zone; none while it is paused
    latest: ScheduleRun | None  # None before its first run
    owner_left: bool
    suspended: int  # recipients whom the mail server rejects


def schedule_rows(scope: Scope) -> list[ScheduleRow]:
    """The schedules of `schedules` with their next slots and last runs."""
    visible = schedules(scope)
    people = {person.pk for person in members(scope)}
    runs = ScheduleRun.objects.filter(schedule__in=visible).order_by("schedule", "-slot").distinct("schedule")
    latest = {run.schedule_id: run for run in runs}
    return [
        ScheduleRow(
            schedule=schedule,
            slots=local_slots(scope, schedule),
            latest=latest.get(schedule.pk),
            owner_left=schedule.owner_id not in people,
            suspended=sum(recipient.suspended for recipient in schedule.recipients.all()),
        )
        for schedule in visible
    ]


def local_slots(scope: Scope, schedule: Schedule) -> list[datetime]:
    """The next three slots in the schedule's time zone; none while it is paused."""
    if schedule.paused:
        return []
    zone = ZoneInfo(schedule.zone)
    return [slot.astimezone(zone) for slot in next_slots(rule_of(scope, schedule), clock.now())]


def schedule(scope: Scope, pk: int) -> Schedule:
    """One of the schedules that this scope may see. Raises Http404."""
    match = _visible(scope).select_related("report", "owner").filter(pk=pk).first()
    if match is None:
        raise Http404
    return match


def runs(schedule: Schedule) -> list[ScheduleRun]:
    """The last SHOWN_RUNS runs of a schedule with their files, latest first."""
    return list(ScheduleRun.objects.filter(schedule=schedule).select_related("export").order_by("-slot")[:SHOWN_RUNS])


def may_change(scope: Scope, schedule: Schedule) -> bool:
    """Whether the scope may change the schedule: its owner and admins may."""
    own = scope.user is not None and schedule.owner_id == scope.user.pk
    return scope.may(Permission.SCHEDULE) and (own or scope.may(Permission.MEMBERS))


def review_days(scope: Scope) -> tuple[tuple[int, int], ...]:
    """(month, day) of each review of the programme; read once a scope."""
    return tuple((review.month, review.day) for review in rulebook(scope).reviews)


def rule_of(scope: Scope, schedule: Schedule) -> Rule:
    """The rule that says when a schedule is due."""
    reviews = review_days(scope) if schedule.frequency == Frequency.REVIEWS else ()
    return Rule(schedule.frequency, schedule.at, schedule.zone, schedule.day, reviews)


def members(scope: Scope) -> list[User]:
    """The active members of the partner, by name."""
    users = User.objects.filter(memberships__partner=scope.partner, is_active=True)
    return list(users.order_by(SortKey("name"), "email"))


def owner_left(scope: Scope, schedule: Schedule) -> bool:
    """Whether the owner is no longer an active member; whoever resumes the schedule then takes it over."""
    return schedule.owner_id not in {user.pk for user in members(scope)}


def allowed_domains(scope: Scope) -> frozenset[str]:
    """Mail domains outside of the partner that an admin has allowed, in lower case."""
    return frozenset(scope.partner.mail_domains.lower().replace(",", " ").split())


def domain_of(address: str) -> str:
    """The mail domain of an address, in lower case."""
    return address.rpartition("@")[2].lower()


def stopped_by(scope: Scope, domains: Collection[str]) -> list[tuple[Schedule, list[str]]]:
    """Active schedules with the outside addresses that would get no more mail if only `domains` were allowed."""
    now = allowed_domains(scope)
    recipients = Recipient.objects.filter(
        partner=scope.partner, user=None, left_at=None, schedule__deleted_at=None, schedule__paused=""
    ).select_related("schedule__report", "schedule__owner")
    stopped: dict[int, tuple[Schedule, list[str]]] = {}
    for recipient in recipients.order_by("schedule__report__name", "schedule_id", "email"):
        domain = domain_of(recipient.email)
        if domain in now and domain not in domains:
            stopped.setdefault(recipient.schedule_id, (recipient.schedule, []))[1].append(recipient.email)
    return list(stopped.values())


def recipient_token(recipient: Recipient) -> str:
    """The signed token in the links of a mail; it names one recipient."""
    return signing.dumps([recipient.partner_id, str(recipient.key)], salt=SALT)


def partner_of_token(token: str) -> tuple[Partner, UUID]:
    """The partner and the recipient's key in a token of `recipient_token`. Raises Http404 for a forged one."""
    try:
        partner_id, key = signing.loads(token, salt=SALT)
    except signing.BadSignature as error:
        raise Http404 from error
    partner = Partner.objects.filter(pk=partner_id).first()
    if partner is None:
        raise Http404
    return partner, UUID(key)


def recipient_of(partner: Partner, key: UUID) -> Recipient | None:
    """The recipient with that key; None when the schedule no longer has it. Needs the partner's scope."""
    return Recipient.objects.select_related("schedule__report").filter(partner=partner, key=key).first()


@dataclass(frozen=True, slots=True)
class RecipientRow:
    """A recipient as the page of a schedule shows it."""

    recipient: Recipient
    barred: bool  # an outside address whose domain is no longer allowed


def recipients(scope: Scope, schedule: Schedule) -> list[RecipientRow]:
    """Every recipient of a schedule, also those who unsubscribed."""
    domains = allowed_domains(scope)
    return [
        RecipientRow(recipient, recipient.user_id is None and domain_of(recipient.email) not in domains)
        for recipient in schedule.recipients.select_related("user").order_by("pk")
    ]


def draft(
    scope: Scope, selection: Selection, values: ScheduleValues, name: str, report: SavedReport | None
) -> Schedule:
    """An unsaved schedule, to try out what it would send."""
    named = report or SavedReport(
        partner=scope.partner,
        owner=scope.user,
        name=name or str(selection.dataset.title),
        dataset=selection.dataset.key,
    )
    return Schedule(partner=scope.partner, owner=scope.user, report=named, **values)
