"""Test mails of schedules: what a schedule would send now, to the person who tries it out."""

from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.utils import timezone

from accounts.audit import record
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.datasets import Selection
from reports import mails
from reports.models import Export, Schedule, State
from reports.services import exports


def send_test(
    *, scope: Scope, selection: Selection[Scope], schedule: Schedule, notify: Callable[[Export], None] | None = None
) -> Export:
    """Mail what the schedule would send now to the person who asks, and to nobody else. Returns the file.

    `schedule` need not be saved. The file counts towards the person's share of the workers. With more than
    EXPORT_ROWS_AT_ONCE rows it comes back queued, for the caller to enqueue, and the mail follows when it is ready.
    Raises OSError or SMTPException when the mail cannot be sent, and ExportRejectedError when there is no file.
    """
    scope.require(Permission.SCHEDULE)
    if scope.user is None:
        raise PermissionDenied("nobody asks")
    report = schedule.report
    at = clock.now().astimezone(timezone.get_current_timezone())
    export_request = exports.ExportRequest(
        name=exports.scheduled_name(report.name, selection, at), format=schedule.format, dialect=schedule.dialect,
        title=report.name, trial={"zone": schedule.zone, "delivery": schedule.delivery},
    )  # fmt: skip
    export = exports.request_export(scope=scope, selection=selection, export_request=export_request, notify=notify)
    record(scope, "schedule.tested", report.name)
    if export.rows > settings.EXPORT_ROWS_AT_ONCE:
        return export
    export = exports.start_now(scope=scope, selection=selection, export=export)
    if export.state != State.READY:
        raise exports.ExportRejectedError(export.reason)
    export.owner, export.partner = scope.user, scope.partner
    mails.trial_mail(export).send()
    return export
