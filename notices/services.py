"""Writes notices: tells people of events, looks for news, marks what was read, and removes what is old."""

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
from notices.kinds import NoticeKind, Place
from notices.models import ChannelMessage, Notice, NoticeSettings, ToldEvent, Watch
from notices.news import Event, news, points_fallen
from partner_portal.lib.dates import clock
from reports.schedule import next_slots

DEFAULT_FALL = 25  # points; what channels are told of, and people who chose nothing else
MOST_ROWS = 20  # of events that one notice names
READ_DAYS, UNREAD_DAYS = 30, 180  # how long a notice that was read, or that nobody read, stays
TOLD_DAYS = 800  # no event comes up again after so long


@transaction.atomic
def tell(*, scope: Scope, events: Iterable[Event], people: Collection[int] | None = None) -> int:
    """Tell the partner's people of events that they were not told of yet; those of one kind in one notice.

    people: primary keys of those whom it concerns; None for everybody whose role may see it. Returns the number of notices.
    """
    fresh = _claim(scope, list(events))
    return _tell_each(scope, fresh, people) if fresh else 0


def _tell_each(scope: Scope, events: Sequence[Event], people: Collection[int] | None = None) -> int:
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
    """Note the events as told, and return those that were not. Whoever else tells of the same waits for this transaction."""
    if not events:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {ToldEvent._meta.db_table} (partner_id, kind, key)"  # noqa: S608 -- one constant name
            " SELECT %s, told.* FROM unnest(%s::text[], %s::text[]) AS told ON CONFLICT DO NOTHING RETURNING kind, key",
            [scope.partner.pk, [event.kind.value for event in events], [event.key[:200] for event in events]],
        )
        fresh = set(cursor.fetchall())
    return [event for event in events if (event.kind.value, event.key[:200]) in fresh]


@transaction.atomic
def look(*, scope: Scope) -> int:
    """Tell of what is new in the partner's figures since the last look. Returns the number of notices.

    Needs the ledger to be up to date. Two looks at once do no harm: the second waits for the first.
    """
    Watch.objects.get_or_create(partner=scope.partner)
    watch = Watch.objects.select_for_update().get(partner=scope.partner)
    told = tell(scope=scope, events=news(scope)) + _tell_of_fall(scope, watch)
    watch.generation, watch.looked_on = scope.generation, scope.today
    watch.save()
    return told


def _tell_of_fall(scope: Scope, watch: Watch) -> int:
    """Tell whoever wants to know of a fall since the last look before this week: each person once a week."""
    total = points_on(scope, scope.today).total
    monday = scope.today - timedelta(days=scope.today.weekday())
    if watch.week != monday:
        watch.week, watch.total_before = monday, watch.total
    watch.total = total
    if watch.total_before is None or total >= watch.total_before:
        return 0
    fall = watch.total_before - total
    wanted = [reader.user_id for reader in queries.readers(scope) if fall > reader.fall]
    told = Notice.objects.filter(partner=scope.partner, kind=NoticeKind.POINTS_FALLEN, key=monday.isoformat())
    wanted = sorted(set(wanted) - set(told.values_list("user", flat=True)))
    event = points_fallen(scope, before=watch.total_before, after=total)
    if fall > DEFAULT_FALL:
        channels.enqueue(scope, event.kind, event.key, _values([event]))
    return _tell_each(scope, [event], wanted) if wanted else 0


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
    """Store what the user wants to be told of. The first digest tells what changes from now on."""
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


def outdated() -> tuple[QuerySet[Notice], QuerySet[ToldEvent], QuerySet[ChannelMessage]]:
    """What `remove_outdated` removes, of all partners."""
    now = clock.now()
    read = Q(read_at__lt=now - timedelta(days=READ_DAYS))
    old = Notice.objects.filter(read | Q(created_at__lt=now - timedelta(days=UNREAD_DAYS)), mail_at=None)
    told = ToldEvent.objects.filter(told_at__lt=now - timedelta(days=TOLD_DAYS))
    return old, told, channels.outdated_messages()


@transaction.atomic
def remove_outdated(*, scope: Scope) -> int:
    """Delete notices that were read a month ago, or that nobody has read in half a year. Returns how many."""
    counts = [rows.filter(partner=scope.partner).delete()[0] for rows in outdated()]
    return counts[0]
