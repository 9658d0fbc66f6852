"""What reports register with the pages, and the events they handle, through the hooks of `partner_portal.lib`."""

from collections.abc import Collection

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.rows.events import mail_domains_asked, member_left
from partner_portal.lib.rows.providers import ClientLists, register_lists
from partner_portal.lib.rows.row_actions import RowAction, register_action


def register() -> None:
    """Register lists as filters, and the actions above rows. Called once, when the app is ready."""
    from reports.queries.lists import list_choices, list_filter

    register_lists(ClientLists(list_filter, list_choices))
    register_action(
        RowAction(
            "list", _("Add to list"), "list", Permission.SAVE, "list_use", 1, needs_clients=True, takes_ticks=True
        )
    )
    register_action(RowAction("export", _("Export"), "download", Permission.EXPORT, "export_new", 2))
    register_action(RowAction("report", _("Save as report"), "report", Permission.SAVE, "report_new", 3))
    register_action(RowAction("schedule", _("Schedule"), "repeat", Permission.SCHEDULE, "schedule_new", 4))
    register_action(
        RowAction("columns", _("Columns"), "columns", Permission.VIEW, "columns_choose", 5, chooses_columns=True)
    )


def connect() -> None:
    """Connect the receivers below. Called once, when the app is ready."""
    member_left.connect(_transfer_ownership, dispatch_uid="reports.hand_over")
    member_left.connect(_withdraw_from_leaver, dispatch_uid="reports.withdraw")
    mail_domains_asked.connect(_list_stopped_mails, dispatch_uid="reports.stopped_mails")


def _withdraw_from_leaver(scope: Scope, user: User, **_: object) -> None:
    """Delete the files of somebody who left, and stop mail to them, so that neither returns if they do."""
    from reports.services.exports import withdraw
    from reports.services.handover import remove_recipient

    withdraw(scope=scope, user=user)
    remove_recipient(scope=scope, user=user)


def _list_stopped_mails(scope: Scope, domains: Collection[str], **_: object) -> list[str]:
    """Name the schedules that would no longer mail some outside addresses, with the addresses."""
    from reports.queries.schedules import stopped_by

    return [
        gettext("“%(report)s” of %(person)s, to %(addresses)s")
        % {"report": schedule.report.name, "person": schedule.owner, "addresses": ", ".join(addresses)}
        for schedule, addresses in stopped_by(scope, domains)
    ]


def _transfer_ownership(scope: Scope, **_: object) -> str:
    """Transfer what somebody who left owns. Returns a text about their reports and schedules."""
    from reports.services.handover import hand_over

    transfer = hand_over(scope=scope)
    sentences = []
    if transfer.reports:
        sentences.append(
            ngettext(
                "%(count)d of their reports is used by others and has passed to an admin.",
                "%(count)d of their reports are used by others and have passed to an admin.",
                transfer.reports,
            )
            % {"count": transfer.reports}
        )
    if transfer.schedules:
        sentences.append(
            ngettext(
                "%(count)d of their schedules is paused until an admin takes it over.",
                "%(count)d of their schedules are paused until an admin takes them over.",
                transfer.schedules,
            )
            % {"count": transfer.schedules}
        )
    return " ".join(sentences)
