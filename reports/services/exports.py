"""Exported files: requested, written, cancelled, requeued when their worker died, and removed when they expire."""

import hashlib
import json
import logging
import shutil
import smtplib
import tempfile
import zipfile
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.files import File
from django.core.files.storage import default_storage
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.audit import record
from accounts.models import Partner, User
from accounts.roles import Permission
from accounts.scope import Scope, owner_scope, partner_scope, system_scope
from partner_portal.lib.dates import clock
from partner_portal.lib.db.locks import EXPORT, EXPORT_REQUESTS, held_keys, lock
from partner_portal.lib.db.replica import answered
from partner_portal.lib.rows.datasets import Selection
from partner_portal.lib.rows.events import attended, noteworthy
from partner_portal.lib.web.one_line import one_line
from reports import mails
from reports.definitions import column_names, params_of, period_of, period_text, reopen, slug
from reports.dialects import DIALECTS, dialect_for
from reports.export_lock import Claim, TakenError, WithdrawnError, claimed
from reports.failures import failure_text, server_reply, too_many_rows
from reports.models import Export, Format, State
from reports.receipts import readme, receipt
from reports.snapshot import bring_up_to_date, snapshot
from reports.writers import XLSX_ROWS, Written, write_csv, write_csv_in_python, write_xlsx

TWICE = timedelta(minutes=1)  # repeating a request within this time gives the same file
LOST = timedelta(
    minutes=5
)  # a message that no worker received within this time is sent again; a second one does no harm
ATTEMPTS = 3

log = logging.getLogger(__name__)


class ExportRejectedError(Exception):
    """A file that will not be made. The message says why, and what to do, for the person who asked."""


class UnnotifiedError(Exception):
    """Primary keys of people whom a mail has not reached yet."""

    def __init__(self, people: list[int]) -> None:
        super().__init__(people)
        self.people = people


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """Name, format and columns of a requested file."""

    name: str  # without an extension
    format: str
    dialect: str = ""  # a key of DIALECTS; "" is that of the user's language
    columns: tuple[str, ...] = ()  # names in order; () are those of the selection
    stable_names: bool = False  # column names as heads, rather than labels
    title: str = ""  # "" is that of the dataset
    mail_when_ready: bool = False
    trial: Mapping[str, str] | None = None  # see `Export`


@transaction.atomic
def request_export(
    *,
    scope: Scope,
    selection: Selection,
    export_request: ExportRequest,
    report_id: int | None = None,
    by_schedule: bool = False,
    notify: Callable[[Export], None] | None = None,
) -> Export:
    """Create an export in state queued; the same request within a minute returns the same export.

    A schedule's test mail always gets a new file: each test counts. Nothing is started: `start_now` or
    `reports.tasks.enqueue_export` does that. notify: called with an export so large that the other admins are notified.
    Raises ExportRejectedError and PermissionDenied, and then stores nothing.
    """
    scope.require(Permission.EXPORT)
    if scope.user is None:
        raise PermissionDenied("nobody asks")
    lock(EXPORT_REQUESTS, scope.user.pk)
    if export_request.columns:
        selection = selection.with_columns(export_request.columns)
    params, columns = params_of(selection), column_names(selection)
    key = _request_key(selection.dataset.key, params, columns, export_request)
    now = clock.now()
    mine = Export.objects.filter(partner=scope.partner, owner=scope.user)
    if not by_schedule:
        same = mine.filter(
            request_key=key, created_at__range=(now - TWICE, now), state__in=[State.QUEUED, State.RUNNING, State.READY]
        ).first()
        if same and export_request.trial is None:
            return same
        _check_limits(scope, now)
    rows = selection.count
    if export_request.format == Format.XLSX and rows > XLSX_ROWS:
        raise ExportRejectedError(too_many_rows(rows))
    export = Export.objects.create(
        partner=scope.partner,
        owner=scope.user,
        name=export_request.name,
        title=one_line(export_request.title or selection.dataset.title)[:200],
        filters="; ".join(selection.filter_texts)[:1000],
        days=period_text(period_of(selection)),
        dataset=selection.dataset.key,
        params=params,
        columns=columns,
        format=export_request.format,
        dialect="" if export_request.format == Format.XLSX else export_request.dialect or dialect_for(scope.locale).key,
        stable_names=export_request.stable_names,
        request_key=key,
        rows=rows,
        report_id=report_id,
        by_schedule=by_schedule,
        mail_when_ready=export_request.mail_when_ready,
        trial=export_request.trial,
        created_at=now,
        queued_at=now,
    )
    details = {"dataset": export.dataset, "format": export.format, "rows": rows}
    record(scope, "export.asked", export.file_name, **details)
    if rows > settings.EXPORT_NOTABLE_ROWS:
        record(scope, "export.large", export.file_name, **details)
        if notify is not None:
            notify(export)
    return export


def notify_large(*, partner_id: int, export_id: int, only: Collection[int] | None = None) -> int:
    """Mail the other admins that somebody requested a large export, one mail to each. Returns how many were sent.

    only: primary keys of those still to be notified; None for everybody. After trying everybody, raises UnnotifiedError
    with those for whom the mail server did not answer or asked to wait.
    """
    partner = Partner.objects.get(pk=partner_id)
    with partner_scope(partner):
        export = Export.objects.select_related("owner").get(pk=export_id)
        people = [admin for admin in mails.other_admins(partner, export.owner) if only is None or admin.pk in only]
    export.partner = partner
    sent, unnotified = 0, []
    for person in people:
        try:
            mails.send_large(export, person)
            sent += 1
        except (OSError, smtplib.SMTPException) as error:
            log.warning("the mail to an admin about large export %s failed", export_id, exc_info=True)
            if server_reply(error)[0] < 500:
                unnotified.append(person.pk)
    if unnotified:
        raise UnnotifiedError(unnotified)
    return sent


def _request_key(dataset: str, params: dict[str, str], columns: list[str], export_request: ExportRequest) -> str:
    parts = [
        dataset,
        params,
        columns,
        export_request.name,
        export_request.format,
        export_request.dialect,
        export_request.stable_names,
    ]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _check_limits(scope: Scope, now: datetime) -> None:
    """Raise ExportRejectedError when the user has used up their share of the workers."""
    mine = Export.objects.filter(partner=scope.partner, owner=scope.user, by_schedule=False)
    open_ones = mine.filter(state__in=[State.QUEUED, State.RUNNING]).count()
    if open_ones >= settings.EXPORT_AT_ONCE:
        raise ExportRejectedError(
            ngettext(
                "%(count)d file of yours is still being made. Wait until it is ready, or cancel it.",
                "%(count)d files of yours are still being made. Wait until one is ready, or cancel one.",
                open_ones,
            )
            % {"count": open_ones}
        )
    hour_ago = now - timedelta(hours=1)
    recent = list(
        mine.filter(created_at__gt=hour_ago, created_at__lte=now)  # a clock that was put back leaves later ones
        .order_by("-created_at")
        .values_list("created_at", flat=True)[: settings.EXPORT_AN_HOUR]
    )
    if len(recent) == settings.EXPORT_AN_HOUR:
        minutes = max(1, -(-(recent[-1] - hour_ago).seconds // 60))
        raise ExportRejectedError(
            ngettext(
                "You asked for %(limit)d files within an hour. The next one can be made in %(minutes)d minute.",
                "You asked for %(limit)d files within an hour. The next one can be made in %(minutes)d minutes.",
                minutes,
            )
            % {"limit": settings.EXPORT_AN_HOUR, "minutes": minutes}
        )


def start_now(*, scope: Scope, selection: Selection[Scope], export: Export) -> Export:
    """Write a small file immediately, in the transaction of the request."""
    if export.state != State.QUEUED:
        return export
    if export.columns:
        selection = selection.with_columns(export.columns)
    Export.objects.filter(pk=export.pk).update(state=State.RUNNING, attempts=F("attempts") + 1, started_at=clock.now())
    try:
        with transaction.atomic(), _temporary_folder() as folder:
            path = folder / f"export.{export.format}"
            written = _write(selection, export, path, claim=None)
            _store_file(export, path, written, attempt=1)
    except Exception as error:
        _store_failure(export, attempt=1, reason=failure_text(error))
    export.refresh_from_db()
    return export


def run_export(*, partner_id: int, export_id: int) -> str:
    """Write a queued export under its owner's present rights. Returns its state, or "taken" when another worker has it.

    Raises OperationalError and InterfaceError when the database is unreachable; the task then retries.
    """
    partner = Partner.objects.get(pk=partner_id)
    try:
        with claimed(partner_id, export_id) as claim:
            return _run_claimed(partner, export_id, claim)
    except TakenError:
        return "taken"


def _run_claimed(partner: Partner, export_id: int, claim: Claim) -> str:
    with partner_scope(partner):
        export = Export.objects.select_related("owner").get(pk=export_id)
        export.partner = partner
        if export.attempts > ATTEMPTS:
            _store_failure(
                export, attempt=claim.attempt, reason=_("It was started three times and never came to its end.")
            )
            return State.FAILED
    try:
        bring_up_to_date(partner)
        with _temporary_folder() as folder:
            path = folder / f"export.{export.format}"
            scope, written = answered(partial(_write_rows, export, path, claim))
            with partner_scope(partner, export.owner):
                offered = _store_file(export, path, written, claim.attempt)
                if offered and not export.by_schedule and export.trial is None:
                    values = {"export": export.pk, "name": export.file_name, "rows": written.rows}
                    noteworthy.send(
                        Export,
                        scope=scope,
                        kind="file_ready",
                        key=str(export.pk),
                        values=values,
                        people=[export.owner_id],
                    )
        if offered and (export.trial or export.mail_when_ready):
            _notify_ready(export)
        return State.READY if offered else State.CANCELLED
    except WithdrawnError:
        return State.CANCELLED
    except (OperationalError, InterfaceError):
        connection.close()
        raise
    except Exception as error:
        with partner_scope(partner):
            _store_failure(export, attempt=claim.attempt, reason=failure_text(error))
        return State.FAILED


def _write_rows(export: Export, path: Path, claim: Claim) -> tuple[Scope, Written]:
    """Write what the owner may read now. Begun anew on the primary where a replica fails meanwhile."""
    with snapshot(export.partner, export.owner):
        scope = owner_scope(export.partner, export.owner)  # with the generation of where the rows are read
        scope.require(Permission.EXPORT)
        with translation.override(scope.locale), timezone.override(scope.partner.time_zone):
            opened = reopen(scope, export.dataset, export.params, export.columns)
            return scope, _write(opened.selection, export, path, claim)


def _notify_ready(export: Export) -> None:
    """Send the test mail that needs this file, or the notice that it is ready. The file stays when the mail fails."""
    language, zone = export.owner.language or export.partner.language, export.partner.time_zone
    try:
        with translation.override(language), timezone.override(zone):
            with partner_scope(export.partner, export.owner):
                export.refresh_from_db()
                mail = mails.trial_mail(export) if export.trial else mails.ready_mail(export)
            mail.send()
    except (OSError, smtplib.SMTPException):
        log.exception("the notice that an export is ready failed")


def _write(selection: Selection[Scope], export: Export, path: Path, claim: Claim | None) -> Written:
    """Write the rows to `path`. Without a claim, which implies a snapshot, a single statement reads them."""
    at = clock.now().astimezone(ZoneInfo(selection.scope.partner.time_zone))
    if claim:
        claim.expect(selection.count)
    advance = claim.advance if claim else lambda rows: None
    if export.format == Format.XLSX:
        return write_xlsx(
            selection,
            path,
            lambda written: receipt(selection, written, title=export.title, at=at),
            stable_names=export.stable_names,
            progress=advance,
        )
    dialect = DIALECTS[export.dialect]
    target = path if export.format == Format.CSV else path.with_suffix(".csv")
    writer = write_csv if claim else write_csv_in_python
    with target.open("wb") as out:
        written = writer(selection, out, dialect, stable_names=export.stable_names, progress=advance)
    if export.format == Format.ZIP:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=5) as archive:
            archive.write(target, f"{export.name}.csv")
            archive.writestr("README.txt", readme(selection, written, title=export.title, at=at))
    return written


def _store_file(export: Export, path: Path, written: Written, attempt: int) -> bool:
    """Move the finished file to the storage and mark the export ready; False when it was cancelled or claimed meanwhile."""
    with path.open("rb") as file:
        stored = default_storage.save(f"exports/{export.partner_id}/{export.pk}-{attempt}.{export.format}", File(file))
    now = clock.now()
    offered = Export.objects.filter(pk=export.pk, state=State.RUNNING, attempts=attempt).update(
        state=State.READY,
        file=stored,
        size=path.stat().st_size,
        rows=written.rows,
        done=written.rows,
        totals={name: str(value) for name, value in written.totals.items()},
        finished_at=now,
        expires_at=now + timedelta(days=settings.EXPORT_KEEP_DAYS),
    )
    if not offered:
        default_storage.delete(stored)
    return bool(offered)


def _store_failure(export: Export, *, attempt: int, reason: str) -> None:
    """Mark a running export as failed, and notify its owner of a file that they requested themselves."""
    failed = Export.objects.filter(pk=export.pk, state=State.RUNNING, attempts=attempt).update(
        state=State.FAILED, reason=reason[:300], finished_at=clock.now()
    )
    if failed and not export.by_schedule and export.trial is None:
        values = {"export": export.pk, "name": export.file_name, "reason": reason[:300]}
        noteworthy.send(
            Export,
            scope=system_scope(export.partner),
            kind="file_failed",
            key=str(export.pk),
            values=values,
            people=[export.owner_id],
        )


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder for unfinished files, removed with its content on exit."""
    place = settings.PORTAL_VAR / "work"
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="export-", dir=place) as folder:
        yield Path(folder)


def cancel_export(*, scope: Scope, export: Export) -> bool:
    """Cancel an export that is queued or running; False when it had already ended."""
    stopped = Export.objects.filter(pk=export.pk, state__in=[State.QUEUED, State.RUNNING]).update(
        state=State.CANCELLED, finished_at=clock.now()
    )
    if stopped:
        record(scope, "export.cancelled", export.file_name)
    return bool(stopped)


def note_download(*, scope: Scope, export: Export) -> None:
    """Count a download and log it."""
    attended.send(Export, scope=scope, kind="file_ready", key=str(export.pk))
    Export.objects.filter(pk=export.pk).update(downloads=F("downloads") + 1)
    record(scope, "export.downloaded", export.file_name, rows=export.rows, bytes=export.size)


def open_exports() -> QuerySet[Export]:
    """Exports of all partners that a worker writes, or that wait longer than LOST for one: `requeue_lost` looks at them."""
    now = clock.now()
    waiting = Q(state=State.QUEUED) & ~Q(queued_at__range=(now - LOST, now + LOST))
    return Export.objects.filter(Q(state=State.RUNNING) | waiting)


def expired_exports() -> QuerySet[Export]:
    """Exports of all partners whose file has expired."""
    return Export.objects.filter(state=State.READY, expires_at__lte=clock.now())


def requeue_lost(*, partner: Partner) -> list[int]:
    """Find exports whose worker died or whose message was lost. Returns the ids of those to enqueue again.

    One that was started too often is marked failed, with the reason.
    """
    now = clock.now()
    lost = []
    with partner_scope(partner):
        for export in Export.objects.filter(partner=partner, state__in=[State.QUEUED, State.RUNNING]):
            # abs: the clock may have been put back.
            is_fresh = export.state == State.QUEUED and abs(now - export.queued_at) < LOST
            if is_fresh or export.pk in held_keys(EXPORT):
                continue
            if export.attempts >= ATTEMPTS:
                with translation.override(export.owner.language or partner.language):
                    reason = _("It was interrupted three times. Nothing was saved; run it again.")
                _store_failure(export, attempt=export.attempts, reason=reason)
                continue
            Export.objects.filter(pk=export.pk).update(queued_at=now)
            lost.append(export.pk)
    return lost


def remove_expired(*, partner: Partner) -> int:
    """Delete expired files; their rows stay, in state expired. Returns how many."""
    with partner_scope(partner):
        expired = list(expired_exports().filter(partner=partner))
        Export.objects.filter(pk__in=[export.pk for export in expired]).update(state=State.EXPIRED, file="")
    for export in expired:
        default_storage.delete(str(export.file.name))
    return len(expired)


@transaction.atomic
def withdraw(*, scope: Scope, user: User) -> int:
    """Cancel and delete every file of somebody who leaves the scope's partner; the rows stay. Returns how many files."""
    theirs = Export.objects.filter(partner=scope.partner, owner=user)
    theirs.filter(state__in=[State.QUEUED, State.RUNNING]).update(state=State.CANCELLED, finished_at=clock.now())
    ready = list(theirs.select_for_update().filter(state=State.READY))
    Export.objects.filter(pk__in=[export.pk for export in ready]).update(state=State.EXPIRED, file="")
    for export in ready:
        transaction.on_commit(partial(default_storage.delete, str(export.file.name)))
    return len(ready)


def remove_temporary_files() -> None:
    """Remove unfinished files of killed workers."""
    place = settings.PORTAL_VAR / "work"
    day_ago = clock.now().timestamp() - 86_400
    for folder in place.glob("export-*") if place.exists() else ():
        if folder.stat().st_mtime < day_ago:
            shutil.rmtree(folder, ignore_errors=True)


def scheduled_name(name: str, selection: Selection, at: datetime) -> str:
    """The file name of a scheduled report: its name, days and slot, joined by underscores."""
    period = period_of(selection)
    days = [period.first.isoformat(), period.last.isoformat()] if period else []
    return "_".join([slug(name), *days, f"{at:%Y%m%d-%H%M}"])
