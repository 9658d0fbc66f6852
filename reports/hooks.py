"""What reports offer to the pages, and what they hear from them, through the hooks of `partner_portal.lib`."""

from collections.abc import Collection
from typing import Any

from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.rows.datasets import ClientLists, register_lists
from partner_portal.lib.rows.events import mail_domains_asked, member_left
from partner_portal.lib.rows.row_actions import RowAction, register_action


def offer() -> None:
    """Called once, when the app is ready."""
    from reports.queries.lists import client_list, list_choices

    register_lists(ClientLists(client_list, list_choices))
    register_action(
        RowAction(
            "list", _("Use in list"), "list", Permission.KEEP, "list_use", 1, needs_clients=True, takes_ticks=True
        )
    )
    register_action(RowAction("export", _("Export"), "download", Permission.EXPORT, "export_new", 2))
    register_action(RowAction("report", _("Save as report"), "report", Permission.KEEP, "report_new", 3))
    register_action(RowAction("schedule", _("Schedule"), "repeat", Permission.SCHEDULE, "schedule_new", 4))


def listen() -> None:
    """Called once, when the app is ready."""
    member_left.connect(_hand_over, dispatch_uid="reports.hand_over")
    member_left.connect(_withdraw, dispatch_uid="reports.withdraw")
    mail_domains_asked.connect(_stopped_mails, dispatch_uid="reports.stopped_mails")


def _withdraw(scope: Scope, user: Any, **_given: Any) -> None:
    """Files of somebody who left, and schedules that write to them, do not come back with them."""
    from reports.services.exports import withdraw
    from reports.services.handover import stop_writing_to

    withdraw(scope=scope, user=user)
    stop_writing_to(scope=scope, user=user)


def _stopped_mails(scope: Scope, domains: Collection[str], **_given: Any) -> list[str]:
    """Name the schedules that would write to outside addresses no more, with the addresses."""
    from reports.queries.schedules import stopped_by

    return [
        gettext("“%(report)s” of %(person)s, to %(addresses)s")
        % {"report": schedule.report.name, "person": schedule.owner, "addresses": ", ".join(addresses)}
        for schedule, addresses in stopped_by(scope, domains)
    ]


def _hand_over(scope: Scope, **_given: Any) -> str:
    """What became of the reports and schedules of somebody who left, in words."""
    from reports.services.handover import hand_over

    handed = hand_over(scope=scope)
    words = []
    if handed.reports:
        words.append(
            ngettext(
                "%(count)d of their reports is used by others and has passed to an admin.",
                "%(count)d of their reports are used by others and have passed to an admin.",
                handed.reports,
            )
            % {"count": handed.reports}
        )
    if handed.schedules:
        words.append(
            ngettext(
                "%(count)d of their schedules is paused until an admin takes it over.",
                "%(count)d of their schedules are paused until an admin takes them over.",
                handed.schedules,
            )
            % {"count": handed.schedules}
        )
    return " ".join(words)
