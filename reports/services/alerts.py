"""Alerts about schedules: mails to the owner and the admins that one failed, paused, or misses recipients."""

import logging
import smtplib
from collections.abc import Sequence

from accounts.audit import record
from accounts.models import Partner
from accounts.scope import partner_scope, system_scope
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.events import noteworthy
from reports import mails
from reports.models import Missed, Recipient, Schedule

log = logging.getLogger(__name__)


def pause_and_alert(partner: Partner, schedule: Schedule, reason: str) -> None:
    """Pause a schedule that cannot go on, and alert owner and admins, once however many workers find out."""
    with partner_scope(partner):
        changed = Schedule.objects.filter(pk=schedule.pk, paused="").update(paused=reason[:300], next_slot=None)
        if changed:
            scope = system_scope(partner)
            record(scope, "schedule.paused", schedule.report.name)
            noteworthy.send(
                Schedule, scope=scope, kind="schedule_paused", key=f"{schedule.pk}:{clock.now().isoformat()}",
                values={"schedule": schedule.pk, "name": schedule.report.name, "reason": reason[:300]},
                people=[person.pk for person in mails.people_to_notify(schedule)],
            )  # fmt: skip
    if changed:
        alert(partner, schedule, reason, paused=True)


def alert(partner: Partner, schedule: Schedule, reason: str, *, paused: bool) -> None:
    """Mail owner and admins that the schedule failed or paused. Mails that fail are logged."""
    with partner_scope(partner):
        people = mails.people_to_notify(schedule)
    for person in people:
        try:
            mails.send_trouble(schedule, person, reason, paused=paused)
        except (OSError, smtplib.SMTPException):
            log.exception("an alert about schedule %s failed", schedule.pk)


def alert_missed(partner: Partner, schedule: Schedule, missed: Sequence[Missed]) -> None:
    """Mail owner and admins the recipients that mail does not reach: each once, until mail reaches them again."""
    unreported = claim_unreported(partner, missed)
    if not unreported:
        return
    with partner_scope(partner):
        people = mails.people_to_notify(schedule)
    for person in people:
        try:
            mails.send_unreached(schedule, person, [(entry["name"], entry["reason"]) for entry in unreported])
        except (OSError, smtplib.SMTPException):
            log.exception("an alert about missed recipients of schedule %s failed", schedule.pk)


def claim_unreported(partner: Partner, missed: Sequence[Missed]) -> list[Missed]:
    """Return the missed recipients that were not yet reported, and mark them as reported.

    Unconfirmed outside addresses are left out: that they get nothing is no news.
    """
    with partner_scope(partner):
        unreported = Recipient.objects.filter(
            pk__in=[entry["recipient"] for entry in missed], confirmed_at__isnull=False, alerted_at=None
        )
        claimed = set(unreported.select_for_update().values_list("pk", flat=True))
        Recipient.objects.filter(pk__in=claimed).update(alerted_at=clock.now())
    return [entry for entry in missed if entry["recipient"] in claimed]
