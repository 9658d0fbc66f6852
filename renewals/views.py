"""Renewals pages, and the calendar that is read without signing in."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import ScopedRequest, requires
from accounts.last_ranges import remembers_ranges
from accounts.roles import Permission
from accounts.scope import member_scope, partner_scope, system_scope, take_place
from partner_portal.lib.dates import clock
from partner_portal.lib.dates.periods import PRESETS
from partner_portal.lib.rows.datasets import select
from partner_portal.lib.web.drilldown import Link, drilldown
from partner_portal.lib.web.htmx import page_or_part, private, wanted_part
from partner_portal.lib.web.page_table import ROWS, SheetTable
from partner_portal.lib.web.range_control import range_control
from partner_portal.lib.web.refusals import refuse_parallel
from program.terms import RenewalStatus
from renewals import page, queries, services
from renewals.calendar_file import Event, calendar_file
from renewals.forms import ReminderForm
from renewals.rules import deadline

DEFAULT_DAYS = 7


@require_safe
@requires(Permission.VIEW)
@remembers_ranges("renewals_")
def overview(request: ScopedRequest) -> HttpResponse:
    """Renewals of a range with what they put at stake; the table alone after a sort, a search or a filter."""
    scope = request.scope
    selection = select("renewals", scope, request.GET)
    table = SheetTable(
        request.path, selection, request.GET.get("page", "1"), Link(_("Dashboard"), reverse("dashboard"))
    )
    for row in table.page.object_list:
        row["subject"] = page.mail_subject(row)
    context: dict[str, Any] = {"drill": table, "credited": page.credited_tier(scope), "part": wanted_part(request)}
    if context["part"] != ROWS:
        period = selection.params["period"]
        summary, timeline = page.head(scope, period)
        context |= {
            "range": range_control(
                request.path,
                request.GET.dict(),
                selection.form.chosen,  # type: ignore[attr-defined]
                target="main",
                presets=tuple(PRESETS),
            ),
            "summary": summary,
            # Whose total a number of the summary is: the same range without search and filters.
            "in_range": f"{request.path}?{urlencode(selection.form.chosen.query)}",  # type: ignore[attr-defined]
            "timeline": timeline,
        }
    return page_or_part(request, "renewals/overview.html", context, parts=(ROWS,))


@require_safe
@requires(Permission.VIEW)
def rows(request: ScopedRequest) -> HttpResponse:
    """The same renewals as plain rows."""
    return drilldown(
        request, select("renewals", request.scope, request.GET), back=Link(_("Renewals"), reverse("renewals"))
    )


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW)
def reminders(request: ScopedRequest) -> HttpResponse:
    """One's own reminder and calendar address."""
    scope = request.scope
    action = request.POST.get("action", "")
    found = queries.reminder_of(scope)
    initial = {"active": found is not None, "days_before": found.days_before if found else DEFAULT_DAYS}
    form = ReminderForm(request.POST if action == "remind" else None, initial=initial, scope=scope)
    again = HttpResponseRedirect(reverse("renewal_reminders"))
    address = ""
    if action == "remind" and form.is_valid():
        days = form.cleaned_data["days_before"] if form.cleaned_data["active"] else None
        services.remind_me(scope=scope, days_before=days)
        messages.success(request, _("You are reminded by mail.") if days is not None else _("You get no reminders."))
        return again
    if action == "calendar":
        token = services.new_calendar(scope=scope)
        address = f"{settings.SITE_URL}{reverse('renewal_calendar', args=[scope.partner.slug, token])}"
    if action == "revoke":
        services.revoke_calendar(scope=scope)
        messages.success(request, _("The calendar address no longer works."))
        return again
    context = {"form": form, "feed": queries.feed_of(scope), "address": address}
    failed = action == "remind"
    return private(TemplateResponse(request, "renewals/reminders.html", context, status=422 if failed else 200))


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def stop_reminder(request: HttpRequest, token: str) -> HttpResponse:
    """Stop one's reminders from a mail: a POST does, by the button or by a mail program's one click (RFC 8058).

    The token is the whole proof, so that neither a session nor a form's token is asked for.
    """
    partner, user = queries.reminded_by_token(token)
    with translation.override(user.language or partner.language):
        if request.method == "POST":
            with partner_scope(partner, user):
                services.stop_reminding(scope=system_scope(partner), user=user)
        context = {"done": request.method == "POST", "partner_name": partner.name}
        return private(TemplateResponse(request, "renewals/reminder_stop.html", context).render())


@require_safe
@login_not_required
def calendar(request: ScopedRequest, partner: str, token: str) -> HttpResponse:
    """The renewals of the next year for a calendar program, under its owner's rights of now; no amounts of money."""
    found = queries.partner_of_feed(partner)
    if found is None:
        raise Http404(partner)
    with partner_scope(found):
        membership = queries.feed_by_token(found, token)
        if membership is None:
            raise Http404(partner)
        if not take_place(membership.user_id, settings.REQUESTS_AT_ONCE):
            return refuse_parallel(request)
        scope = member_scope(membership)
        scope.require(Permission.VIEW)
        with translation.override(scope.locale):
            body = calendar_file(
                _("Renewals of %s") % found.name, _events(queries.calendar_renewals(scope), found.slug), clock.now()
            )
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="renewals.ics"'
    return private(response)


def _events(found: Sequence[Any], slug: str) -> list[Event]:
    events = []
    for row in found:
        values = {"client": row.client.name, "line": row.product_line, "status": row.get_status_display()}
        address = f"{settings.SITE_URL}{reverse('renewals')}"
        about = _("%(line)s. Status: %(status)s.") % values
        events.append(
            Event(
                f"renewal-{row.pk}@{slug}", row.renews_on, _("Renewal: %(client)s, %(line)s") % values, about, address
            )
        )
        if row.status == RenewalStatus.PENDING:
            summary = _("Decide: %(client)s, %(line)s") % values
            events.append(Event(f"decision-{row.pk}@{slug}", deadline(row.renews_on), summary, about, address))
    return events
