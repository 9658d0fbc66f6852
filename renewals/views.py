"""Views of renewals, and of the calendar feed that calendar programs read without signing in."""

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
from accounts.chosen_columns import shown
from accounts.last_ranges import remembers_ranges
from accounts.roles import Permission
from accounts.scope import claim_slot, member_scope, partner_scope, system_scope
from partner_portal.lib import site
from partner_portal.lib.dates import clock
from partner_portal.lib.dates.ranges import PRESETS
from partner_portal.lib.web.drilldown import Link, drilldown, shown_with_rows
from partner_portal.lib.web.htmx import page_or_part, private, wanted_part
from partner_portal.lib.web.page_table import ROWS, SheetTable, names_of
from partner_portal.lib.web.range_control import RangeControl
from partner_portal.lib.web.refusals import refuse_parallel
from partner_portal.lib.web.view_rules import kept_by_browsers
from renewals import page, queries, services
from renewals.calendar_file import calendar_file
from renewals.forms import ReminderForm

DEFAULT_DAYS = 7


@require_safe
@requires(Permission.VIEW)
@remembers_ranges("renewals_")
@kept_by_browsers(shown_with_rows)
def overview(request: ScopedRequest) -> HttpResponse:
    """Renewals of a range with points at stake; only the table after a sort, a search or a filter."""
    scope = request.scope
    selection = shown(request, "renewals", usual=names_of(page.COLUMNS))
    table = SheetTable(
        request.path,
        selection,
        request.GET.get("page", "1"),
        Link(_("Dashboard"), reverse("dashboard")),
        page.COLUMNS,
    )
    for row in table.page.object_list:
        row["subject"] = page.mail_subject(row)
    context: dict[str, object] = {"drill": table, "credited": page.credited_tier(scope), "part": wanted_part(request)}
    if context["part"] != ROWS:
        period = selection.params["period"]
        summary, timeline = page.head(scope, period)
        context |= {
            "range": RangeControl(
                request.path,
                request.GET.dict(),
                selection.chosen,
                target="main",
                presets=tuple(PRESETS),
            ),
            "summary": summary,
            # The rows that the summary counts: the same range without search and filters.
            "in_range": f"{request.path}?{urlencode(selection.chosen.query)}",
            "timeline": timeline,
        }
    return page_or_part(request, "renewals/overview.html", context, parts=(ROWS,))


@require_safe
@requires(Permission.VIEW)
def rows(request: ScopedRequest) -> HttpResponse:
    """The renewals as plain rows."""
    return drilldown(request, shown(request, "renewals"), back=Link(_("Renewals"), reverse("renewals")))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW)
def reminders(request: ScopedRequest) -> HttpResponse:
    """One's own reminder and calendar address."""
    scope = request.scope
    action = request.POST.get("action", "")
    reminder = queries.reminder_of(scope)
    initial = {"active": reminder is not None, "days_before": reminder.days_before if reminder else DEFAULT_DAYS}
    form = ReminderForm(request.POST if action == "remind" else None, initial=initial)
    same_page = HttpResponseRedirect(reverse("renewal_reminders"))
    address = ""
    if action == "remind" and form.is_valid():
        days = form.cleaned_data["days_before"] if form.cleaned_data["active"] else None
        services.remind_me(scope=scope, days_before=days)
        messages.success(request, _("You are reminded by mail.") if days is not None else _("You get no reminders."))
        return same_page
    if action == "calendar":
        token = services.new_calendar(scope=scope)
        address = site.link("renewal_calendar", scope.partner.slug, token)
    if action == "revoke":
        services.revoke_calendar(scope=scope)
        messages.success(request, _("The calendar address no longer works."))
        return same_page
    context = {"form": form, "feed": queries.feed_of(scope), "address": address}
    failed = action == "remind"
    return private(TemplateResponse(request, "renewals/reminders.html", context, status=422 if failed else 200))


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def stop_reminder(request: HttpRequest, token: str) -> HttpResponse:
    """Unsubscribe from reminders by the link of a mail; POST does it, from the button or by one click (RFC 8058).

    The token is sufficient proof: neither a session nor a CSRF token is needed.
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
    """The renewals of the next year for a calendar program, by its owner's present rights and without amounts."""
    owner = queries.partner_of_feed(partner)
    if owner is None:
        raise Http404(partner)
    with partner_scope(owner):
        membership = queries.feed_by_token(owner, token)
        if membership is None:
            raise Http404(partner)
        if not claim_slot(membership.user_id, settings.REQUESTS_AT_ONCE):
            return refuse_parallel(request)
        scope = member_scope(membership)
        scope.require(Permission.VIEW)
        with translation.override(scope.locale):
            body = calendar_file(
                _("Renewals of %s") % owner.name,
                page.calendar_events(queries.calendar_renewals(scope), owner.slug),
                clock.now(),
            )
    response = HttpResponse(body, content_type="text/calendar; charset=utf-8")
    response["Content-Disposition"] = 'inline; filename="renewals.ics"'
    return private(response)
