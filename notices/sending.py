"""Sends digests and notices by mail: a row says what is due, and a lock that only one process is at it.

A mail is recorded as sent right after the mail server took it. Who is killed between the two sends it again under the same
Message-ID, by which mail programs drop the second.
"""

import logging
import smtplib
from datetime import datetime, timedelta

from django.core.exceptions import PermissionDenied
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone, translation

from accounts.models import Partner, User
from accounts.scope import Scope, owner_scope, partner_scope
from ledger.services import catch_up_if_behind
from notices import mails
from notices.digest import digest_of
from notices.models import DigestRun, DigestState, Notice, NoticeSettings
from notices.queries import digest_rule, notices, settings_of
from partner_portal.lib.dates import clock
from partner_portal.lib.db.locks import DIGEST_RUN, NOTICE_MAIL, session_lock
from partner_portal.lib.mail import PortalMail
from reports import failures
from reports.schedule import latest_missed, next_slots
from reports.services.recipients import refusal_of

log = logging.getLogger(__name__)

BACK_OFF = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=15), timedelta(hours=1))
LOST = timedelta(minutes=5)  # a run that no worker started within this time is enqueued again
GIVE_UP = timedelta(days=1)  # a notice that could not be mailed for so long is only in the inbox
STORED_RUNS = 20  # of one person


def due_digests(now: datetime) -> tuple[QuerySet[NoticeSettings], QuerySet[DigestRun]]:
    """What gives `claim_digests` something to do, of all partners."""
    return NoticeSettings.objects.filter(next_slot__lte=now), DigestRun.objects.filter(_open(now))


def _open(now: datetime) -> Q:
    return Q(state=DigestState.RETRYING, not_before__lte=now) | Q(state=DigestState.DUE, not_before__lte=now - LOST)


def claim_digests(*, partner: Partner, now: datetime) -> list[int]:
    """Create a run for each digest that is due. Returns the ids of the runs to start, with those to try again.

    After downtime only the latest slot runs. A slot that has a run gets no second one, however the clock jumped.
    """
    claimed: list[int] = []
    with partner_scope(partner):
        due = NoticeSettings.objects.filter(partner=partner, next_slot__lte=now).select_for_update(skip_locked=True)
        for chosen in due:
            rule = digest_rule(chosen, partner.time_zone)
            slot, _missed = latest_missed(rule, chosen.next_slot or now, now)
            try:
                with transaction.atomic():
                    run = DigestRun.objects.create(partner=partner, user_id=chosen.user_id, slot=slot, not_before=now)
                claimed.append(run.pk)
            except IntegrityError:
                log.info("digest of %s: slot %s already has its run", chosen.user_id, slot)
            chosen.next_slot = next_slots(rule, max(now, slot), 1)[0]
            chosen.save(update_fields=["next_slot"])
        open_runs = DigestRun.objects.filter(_open(now), partner=partner).exclude(pk__in=claimed)
        claimed += open_runs.values_list("pk", flat=True)
    return claimed


def send_digest(*, partner_id: int, run_id: int) -> str:
    """Send one digest, unless nothing has happened. Returns the run's state, or "taken" when another worker is at it."""
    partner = Partner.objects.get(pk=partner_id)
    with session_lock(DIGEST_RUN, run_id) as side:
        if side is None:
            return "taken"
        with partner_scope(partner):
            run = DigestRun.objects.select_related("user").get(partner=partner, pk=run_id)
        if run.state not in {DigestState.DUE, DigestState.RETRYING}:
            return run.state
        return _attempt(partner, run)


def _attempt(partner: Partner, run: DigestRun) -> str:
    try:
        with partner_scope(partner, run.user):
            scope = owner_scope(partner, run.user)
            catch_up_if_behind(scope=scope)
            chosen = settings_of(scope)
            with translation.override(scope.locale), timezone.override(partner.time_zone):
                digest = digest_of(scope, chosen.figures)
            if digest is None or not digest.has_news or _is_refused(chosen, run.user):
                return _end(run, DigestState.SKIPPED)
            mail = mails.digest_mail(scope, run.user, digest, name=f"digest-{run.pk}")
    except PermissionDenied:
        with partner_scope(partner):
            NoticeSettings.objects.filter(partner=partner, user=run.user).update(next_slot=None)
            return _end(run, DigestState.FAILED, "no longer a member")
    except (OperationalError, InterfaceError):
        raise  # the task tries again
    except Exception as error:
        return _put_off(partner, run, failures.failure_text(error))
    try:
        mail.send()
    except (OSError, smtplib.SMTPException, ValueError) as error:
        if refusal := refusal_of(error):
            with partner_scope(partner):
                _refuse(partner, run.user, refusal)
                return _end(run, DigestState.FAILED, refusal)
        return _put_off(partner, run, failures.delay_text(error))
    with partner_scope(partner):
        NoticeSettings.objects.filter(pk=chosen.pk).update(figures=digest.figures)
        covered = Q(pk__in=[row.row.pk for row in digest.notices]) | Q(created_at__lt=run.slot)
        Notice.objects.filter(covered, partner=partner, user=run.user, in_digest=True).update(in_digest=False)
        return _end(run, DigestState.SENT)


def _is_refused(chosen: NoticeSettings, user: User) -> bool:
    return bool(chosen.refusal) and chosen.refused_address == user.email


def _put_off(partner: Partner, run: DigestRun, reason: str) -> str:
    """Try again later, up to a limit."""
    with partner_scope(partner):
        if run.attempts >= len(BACK_OFF):
            return _end(run, DigestState.FAILED, reason)
        not_before = clock.now() + BACK_OFF[run.attempts]
        DigestRun.objects.filter(pk=run.pk).update(
            state=DigestState.RETRYING, attempts=run.attempts + 1, reason=reason[:300], not_before=not_before
        )
    return DigestState.RETRYING


def _refuse(partner: Partner, user: User, refusal: str) -> None:
    NoticeSettings.objects.filter(partner=partner, user=user).update(refusal=refusal[:300], refused_address=user.email)


def _end(run: DigestRun, state: DigestState, reason: str = "") -> str:
    DigestRun.objects.filter(pk=run.pk).update(
        state=state, reason=reason[:300], not_before=None, finished_at=clock.now()
    )
    ended = DigestRun.objects.filter(partner=run.partner_id, user=run.user_id, finished_at__isnull=False)
    old = list(ended.order_by("-slot").values_list("pk", flat=True)[STORED_RUNS:])
    DigestRun.objects.filter(pk__in=old).delete()
    return state


def notices_to_mail(now: datetime) -> QuerySet[Notice]:
    """The notices of all partners that are to be mailed by now."""
    return Notice.objects.filter(mail_at__lte=now)


def has_notices_to_mail(*, partner: Partner, now: datetime) -> bool:
    """Whether some of the partner's people are to be mailed by now."""
    with partner_scope(partner):
        return notices_to_mail(now).filter(partner=partner).exists()


def mail_notices(*, partner_id: int) -> int:
    """Mail each person of a partner the notices that are due, in one mail. Returns how many mails were sent."""
    partner, now = Partner.objects.get(pk=partner_id), clock.now()
    with partner_scope(partner):
        people = list(User.objects.filter(pk__in=notices_to_mail(now).filter(partner=partner).values("user")))
    sent = 0
    for user in people:
        try:
            sent += _mail_person(partner, user, now)
        except Exception:  # the others get theirs
            log.exception("notices of person %s could not be mailed", user.pk)
    return sent


def _mail_person(partner: Partner, user: User, now: datetime) -> bool:
    with session_lock(NOTICE_MAIL, user.pk) as side:
        if side is None:
            return False
        with partner_scope(partner, user):
            due = notices_to_mail(now).filter(partner=partner, user=user)
            pks = list(due.values_list("pk", flat=True))
            mail = _notices_mail(partner, user, pks)
        try:
            if mail is not None:
                mail.send()
        except (OSError, smtplib.SMTPException, ValueError) as error:
            _put_off_notices(partner, user, pks, error, now)
            return False
        with partner_scope(partner):
            Notice.objects.filter(pk__in=pks).update(mail_at=None)
    return mail is not None


def _notices_mail(partner: Partner, user: User, pks: list[int]) -> PortalMail | None:
    """The mail; None when the person has left, may see none of them any more, or gets no mail at this address."""
    try:
        scope: Scope = owner_scope(partner, user)
    except PermissionDenied:
        return None
    rows = list(notices(scope).filter(pk__in=pks))
    if not rows or _is_refused(settings_of(scope), user):
        return None
    return mails.notices_mail(scope, user, rows, name=f"notices-{rows[-1].pk}-{rows[0].pk}")


def _put_off_notices(partner: Partner, user: User, pks: list[int], error: Exception, now: datetime) -> None:
    with partner_scope(partner):
        rows = Notice.objects.filter(pk__in=pks)
        if refusal := refusal_of(error):
            _refuse(partner, user, refusal)
            rows.update(mail_at=None)
        else:
            log.warning("a mail of notices could not be sent", exc_info=error)
            rows.filter(created_at__lt=now - GIVE_UP).update(mail_at=None)
            rows.filter(mail_at__isnull=False).update(mail_at=now + BACK_OFF[2])
