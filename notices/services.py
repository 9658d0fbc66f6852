"""Writes notices: checks figures for events, notifies people, marks notices as read, and removes old ones."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import time, timedelta

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from accounts.audit import record
from accounts.models import User
from accounts.scope import Scope
from ledger.queries import points_on
from notices import channels, queries
from notices.digest import digest_of
from notices.events import Event, current_events, points_fallen
from notices.kinds import NoticeKind, Place
from notices.models import ChannelMessage, EventCheck, Notice, NoticeSettings, NotifiedEvent
from partner_portal.lib.dates import clock
from reports.schedule import next_slots

DEFAULT_FALL = 25  # points; for channels, and for people who chose no other limit
MOST_ROWS = 20  # of events that one notice names
READ_DAYS, UNREAD_DAYS = 30, 180  # how long a notice stays that was read, or that was not
NOTIFIED_DAYS = 800  # by then no event can come up again


@transaction.atomic
def notify(*, scope: Scope, events: Iterable[Event], people: Collection[int] | None = None) -> int:
    """Notify the partner's people of the events that are new; those of one kind share one notice.

    people: primary keys of those to notify; None for everybody whose role may see the kind. Returns the number of notices.
    """
    fresh = _claim(scope, list(events))
    return _write_notices(scope, fresh, people) if fresh else 0


def _write_notices(scope: Scope, events: Sequence[Event], people: Collection[int] | None = None) -> int:
    by_kind: dict[NoticeKind, list[Event]] = {}
    for event in events:
        by_kind.setdefault(event.kind, []).append(event)
    if people is None:
        for kind, rows in by_kind.items():
            channels.enqueue(scope, kind, rows[0].key[:200], _values(rows))
    made = []
    for reader in queries.readers(scope, people):
        for kind, rows in by_kind.items():
            if reader.may_see(kind) and (notice := _notice(scope, reader, kind, rows)):
                made.append(notice)
    return len(Notice.objects.bulk_create(made, ignore_conflicts=True))


def _values(events: Sequence[Event]) -> dict[str, object]:
    return {"count": len(events), "rows": [event.values for event in events[:MOST_ROWS]]}


def _notice(scope: Scope, reader: queries.Reader, kind: NoticeKind, events: Sequence[Event]) -> Notice | None:
    """The reader's notice of these events; None when they want none."""
    places = reader.places(kind)
    if not places:
        return None
    return Notice(
        partner=scope.partner,
        user_id=reader.user_id,
        kind=kind,
        key=events[0].key[:200],
        values=_values(events),
        in_bell=Place.BELL in places,
        in_digest=Place.DIGEST in places,
        mail_at=reader.mail_at(clock.now(), scope.partner.time_zone) if Place.MAIL in places else None,
    )


def _claim(scope: Scope, events: Sequence[Event]) -> list[Event]:
    """Store the events as notified, and return those that were new. Another process with the same events waits for this one."""
    if not events:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {NotifiedEvent._meta.db_table} (partner_id, kind, key)"  # noqa: S608 -- one constant name
            " SELECT %s, event.* FROM unnest(%s::text[], %s::text[]) AS event ON CONFLICT DO NOTHING RETURNING kind, key",
            [scope.partner.pk, [event.kind.value for event in events], [event.key[:200] for event in events]],
        )
        fresh = set(cursor.fetchall())
    return [event for event in events if (event.kind.value, event.key[:200]) in fresh]


@transaction.atomic
def check_for_events(*, scope: Scope) -> int:
    """Notify people of what is new in the partner's figures since the last check. Returns the number of notices.

    Needs the ledger to be up to date. A check that runs beside another waits for it.
    """
    EventCheck.objects.get_or_create(partner=scope.partner)
    check = EventCheck.objects.select_for_update().get(partner=scope.partner)
    count = notify(scope=scope, events=current_events(scope)) + _notify_of_fall(scope, check)
    check.generation, check.checked_on = scope.generation, scope.today
    check.save()
    return count


def _notify_of_fall(scope: Scope, check: EventCheck) -> int:
    """Notify those whose limit the fall since the last check before this week exceeds: each person once a week."""
    total = points_on(scope, scope.today).total
    monday = scope.today - timedelta(days=scope.today.weekday())
    if check.week != monday:
        check.week, check.total_before = monday, check.total
    check.total = total
    if check.total_before is None or total >= check.total_before:
        return 0
    fall = check.total_before - total
    wanted = [reader.user_id for reader in queries.readers(scope) if fall > reader.fall]
    notified = Notice.objects.filter(partner=scope.partner, kind=NoticeKind.POINTS_FALLEN, key=monday.isoformat())
    wanted = sorted(set(wanted) - set(notified.values_list("user", flat=True)))
    event = points_fallen(scope, before=check.total_before, after=total)
    if fall > DEFAULT_FALL:
        channels.enqueue(scope, event.kind, event.key, _values([event]))
    return _write_notices(scope, [event], wanted) if wanted else 0


@transaction.atomic
def mark_read(*, scope: Scope, pk: int | None = None) -> int:
    """Mark one of the user's notices as read, or all of them. Returns how many were unread."""
    rows = queries.inbox(scope, unread=True)
    if pk is not None:
        rows = rows.filter(pk=pk)
    return rows.update(read_at=clock.now())


@dataclass(frozen=True, slots=True)
class NoticeChoices:
    """What a person chose about notices; the fields are those of `NoticeSettings`."""

    places: Mapping[str, Sequence[str]]
    fall: int
    quiet: tuple[time, time] | None
    digest: str
    digest_at: time


@transaction.atomic
def choose(*, scope: Scope, choices: NoticeChoices) -> None:
    """Store which notices the user wants, and where. The first digest covers what changes from now on."""
    chosen = queries.settings_of(scope)
    chosen.places = {kind: list(places) for kind, places in choices.places.items()}
    chosen.fall = choices.fall
    chosen.quiet_from, chosen.quiet_until = choices.quiet or (None, None)
    chosen.refusal = ""
    if not choices.digest:
        chosen.next_slot, chosen.figures = None, {}
    elif not chosen.digest and (now := digest_of(scope, {})):
        chosen.figures = now.figures
        Notice.objects.filter(partner=scope.partner, user=scope.user).update(in_digest=False)
    chosen.digest, chosen.digest_at = choices.digest, choices.digest_at
    if chosen.digest:
        rule = queries.digest_rule(chosen, scope.partner.time_zone)
        chosen.next_slot = next_slots(rule, clock.now(), 1)[0]
    chosen.save()
    record(scope, "notices.settings_changed", digest=choices.digest)


@transaction.atomic
def stop(*, scope: Scope, user: User, what: str) -> None:
    """End a person's digest or mails of notices, as the unsubscribe link in them does. Idempotent."""
    chosen = NoticeSettings.objects.filter(partner=scope.partner, user=user).first()
    if chosen is None:
        return
    if what == queries.STOP_DIGEST:
        chosen.digest, chosen.next_slot, chosen.figures = "", None, {}
    else:
        chosen.places = {
            kind: [place for place in places if place != Place.MAIL] for kind, places in chosen.places.items()
        }
        Notice.objects.filter(partner=scope.partner, user=user).update(mail_at=None)
    chosen.save()
    record(scope, "notices.settings_changed", user.email, stopped=what)


def outdated() -> tuple[QuerySet[Notice], QuerySet[NotifiedEvent], QuerySet[ChannelMessage]]:
    """What `remove_outdated` removes, of all partners."""
    now = clock.now()
    read = Q(read_at__lt=now - timedelta(days=READ_DAYS))
    old = Notice.objects.filter(read | Q(created_at__lt=now - timedelta(days=UNREAD_DAYS)), mail_at=None)
    events = NotifiedEvent.objects.filter(notified_at__lt=now - timedelta(days=NOTIFIED_DAYS))
    return old, events, channels.outdated_messages()


@transaction.atomic
def remove_outdated(*, scope: Scope) -> int:
    """Delete notices that were read a month ago, or that nobody has read in half a year. Returns how many."""
    counts = [rows.filter(partner=scope.partner).delete()[0] for rows in outdated()]
    return counts[0]
