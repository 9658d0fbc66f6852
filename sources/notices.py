"""Mails to a partner's admins about a connection that needs them."""

import logging
import smtplib
from datetime import timedelta

from django.utils import translation
from django.utils.translation import gettext as _

from accounts.models import Membership, Partner, User
from accounts.roles import Role
from accounts.scope import Scope, partner_scope, system_scope
from partner_portal.lib import site
from partner_portal.lib.dates.clock import now
from partner_portal.lib.mail import Content, Link, compose
from partner_portal.lib.rows.events import noteworthy
from partner_portal.lib.web.one_line import one_line
from sources.models import Connection, ConnectionState, Run, RunState
from sources.queries import vendor_of, why_text

log = logging.getLogger(__name__)

LONG = timedelta(days=1)  # a connection that has been failing for this long is worth a mail


def needs_admins(run: Run) -> bool:
    """Whether the run's end is worth a mail: it waits, its token is rejected, or it has been failing for a day.

    Each is true of one run only, since nothing runs by itself while an import waits or a token is missing.
    """
    connection = run.connection
    if run.state == RunState.WAITS or connection.state == ConnectionState.REJECTED:
        return True
    if run.state != RunState.FAILED or connection.good_at is None:
        return False
    earlier = connection.runs.filter(pk__lt=run.pk).order_by("-pk").first()
    limit = connection.good_at + LONG
    return now() >= limit and (earlier is None or earlier.started_at < limit)


def tell_admins(scope: Scope, run: Run) -> None:
    """Send a notice of a run that needs the admins."""
    connection = run.connection
    values = {
        "connection": connection.pk,
        "name": connection.label,
        "vendor": str(vendor_of(connection).label),
        "why": run.why,
        "details": run.details,
        "zone": scope.partner.time_zone,
    }
    noteworthy.send(Run, scope=scope, kind="connection_failed", key=str(run.pk), values=values, people=None)


def mail_admins(*, partner_id: int, run_id: int) -> int:
    """Mail the admins what is wrong and where to decide. Returns the number of mails."""
    partner = Partner.objects.get(pk=partner_id)
    with partner_scope(partner):
        run = Run.objects.select_related("connection").get(partner=partner, pk=run_id)
        admins = [
            membership.user
            for membership in Membership.objects.filter(partner=partner, role=Role.ADMIN, user__is_active=True)
            .select_related("user")
            .order_by("pk")
        ]
    return sum(_mail(partner, run, admin) for admin in admins)


def _mail(partner: Partner, run: Run, admin: User) -> bool:
    connection: Connection = run.connection
    with translation.override(admin.language or partner.language):
        names = {"partner": one_line(partner.name), "name": one_line(connection.label)}
        content = Content(
            _("%(partner)s: the connection %(name)s needs you") % names,
            _("You get this because you are an admin."),
            partner=names["partner"],
            headline=_("The connection %(name)s needs you") % names,
            paragraphs=[why_text(system_scope(partner), connection, run)],
            action=Link(_("See what it needs"), site.link("connection", connection.pk)),
        )
        try:
            return bool(compose(content, admin.email).send())
        except (OSError, smtplib.SMTPException):
            log.warning("the mail to an admin about connection %s failed", connection.pk, exc_info=True)
            return False
