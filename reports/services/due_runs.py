"""Finding due schedules: rows decide what is due, so a missed or doubled tick of the clock does no harm."""

import logging
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet

from accounts.models import Partner
from accounts.scope import Scope, partner_scope, system_scope
from reports.models import RunState, Schedule, ScheduleRun
from reports.queries.schedules import rule_of
from reports.schedule import latest_missed, next_slots
from reports.services.schedule_runs import BACK_OFF

LOST = timedelta(minutes=5)  # a run that no worker started within this time is enqueued again

log = logging.getLogger(__name__)


def due_schedules(now: datetime) -> tuple[QuerySet[Schedule], QuerySet[ScheduleRun]]:
    """What gives `claim_due` something to do, of all partners: due schedules, open runs, and slots of a clock put back."""
    ran_ahead = Exists(ScheduleRun.objects.filter(schedule=OuterRef("pk"), slot__gt=now)) | Q(created_at__gt=now)
    schedules = Schedule.objects.filter(Q(next_slot__lte=now) | Q(next_slot__gt=now) & ran_ahead, deleted_at=None)
    runs = ScheduleRun.objects.filter(_open(now))
    return schedules, runs


def _open(now: datetime) -> Q:
    """Runs to try again, and runs that no worker took."""
    clock_put_back = Q(not_before__gt=now + BACK_OFF[-1])
    to_retry = (Q(not_before__lte=now) | clock_put_back) & Q(state=RunState.RETRYING)
    return to_retry | (Q(not_before__lte=now - LOST) | clock_put_back) & Q(state=RunState.DUE)


def claim_due(*, partner: Partner, now: datetime) -> list[int]:
    """Create a run for each schedule that is due. Returns the ids of the runs to start, with those to try again.

    After downtime only the latest slot runs. A slot that has a run gets no second one, however the clock jumped.
    """
    run_ids: list[int] = []
    with partner_scope(partner):
        scope = system_scope(partner)
        _pull_back_future_slots(scope, now)
        due = Schedule.objects.filter(partner=partner, next_slot__lte=now, paused="", deleted_at=None)
        for schedule in due.select_for_update(skip_locked=True):
            rule = rule_of(scope, schedule)
            slot, missed = latest_missed(rule, schedule.next_slot or now, now)
            try:
                with transaction.atomic():
                    run = ScheduleRun.objects.create(
                        partner=partner, schedule=schedule, slot=slot, late=missed, not_before=now
                    )
                run_ids.append(run.pk)
            except IntegrityError:
                log.info("schedule %s: slot %s already has its run", schedule.pk, slot)
            Schedule.objects.filter(pk=schedule.pk).update(next_slot=next_slots(rule, max(now, slot), 1)[0])
        older = ScheduleRun.objects.filter(partner=partner).exclude(pk__in=run_ids)
        run_ids += list(older.filter(_open(now)).values_list("pk", flat=True))
    return run_ids


def _pull_back_future_slots(scope: Scope, now: datetime) -> None:
    """Recompute slots that a clock running ahead left too far in the future."""
    # No rule is due more often than daily, so what is due within 23 hours is due next.
    active = Schedule.objects.filter(partner=scope.partner, paused="", deleted_at=None)
    for schedule in active.filter(next_slot__gt=now + timedelta(hours=23)).select_for_update(skip_locked=True):
        [slot] = next_slots(rule_of(scope, schedule), now, 1)
        if schedule.next_slot and slot < schedule.next_slot:
            Schedule.objects.filter(pk=schedule.pk).update(next_slot=slot)
