"""Views of the front page, of its panels one by one for htmx, of the rows behind its figures, and of review packs."""

from urllib.parse import urlencode, urlsplit

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import get_script_prefix, reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import services as account_services
from accounts.access import ScopedRequest, requires
from accounts.chosen_columns import shown
from accounts.last_ranges import remembers_ranges
from accounts.panel_layout import arrange_panels, cards_before, in_order, panel_layout
from accounts.queries import team_contacts
from accounts.roles import Permission
from accounts.scope import Scope
from dashboard import front_page_text, services
from dashboard import packs as packs_of
from dashboard.first_day import steps_for
from dashboard.forms import PackForm
from dashboard.overview import TOGETHER, Overview
from dashboard.panels import DEFAULT_LAYOUT, PANELS, Panel, panels_for, side_by_side
from dashboard.panels.changes import changes_range
from dashboard.queries import CHANGES_PREFIX, changes_period, nearest_changes
from dashboard.vendor_mail import figures_text, mailto
from ledger.queries import history_starts, ledger_age, posting
from partner_portal.formats.days import period_text
from partner_portal.formats.numbers import whole
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rows.datasets import Selection, select
from partner_portal.lib.web.addresses import split_address
from partner_portal.lib.web.drilldown import Empty, Link, drilldown, shown_with_rows
from partner_portal.lib.web.htmx import private, wanted_part
from partner_portal.lib.web.view_rules import kept_by_browsers
from program.queries import rules_in_force
from program.terms import Direction, Side

PAGE = "dashboard"  # as layouts of panels name it
SHARED_COUNTERS = ("created", "in-flight", "won")
COUNTERS = ("new-sold", "lost-sold", "new-managed", "lost-managed")
# A mail asks about figures; the account and settings pages show none.
PAGES_WITHOUT_FIGURES = ("/dashboard/team/", "/accounts/", "/settings/", "/admin/")


def _shown_besides(request: ScopedRequest) -> object:
    """What the front page shows besides facts: the checklist, and work on questions and the like."""
    steps = [(str(step.label), step.done) for step in steps_for(request)]
    return steps, [panel.shows_besides(request.scope) for panel in PANELS]


@require_safe
@requires(Permission.VIEW)
def home(request: ScopedRequest) -> HttpResponse:
    """Redirect to the front page."""
    return HttpResponseRedirect(reverse("dashboard"))


@require_safe
@requires(Permission.VIEW)
@remembers_ranges("renewals_", together=TOGETHER)
@kept_by_browsers(_shown_besides)
def overview(request: ScopedRequest) -> HttpResponse:
    """The front page, or the panel that htmx wants replaced."""
    wanted = wanted_part(request)
    panel = next((panel for panel in PANELS if panel.part and panel.part == wanted), None)
    if panel is not None:
        return _panel(request, panel)
    if posting(request.scope) is None:
        return private(TemplateResponse(request, "dashboard/empty.html", _checklist(request)))
    page = Overview(request.scope, request.path, request.GET)
    first, rest = front_page_text.opening(page.standing, past=page.day.past)
    layout = panel_layout(request, PAGE, DEFAULT_LAYOUT)
    panels = in_order(panels_for(page.scope), layout)
    halves = side_by_side(panels)
    context: dict[str, object] = {
        "panels": panels,
        "shown": [panel.html(request, page, folded=layout.folded, halves=halves) for panel in panels],
        "rule_set": page.standing.rule_set,
        "cards_before": range(cards_before(request)),
    }
    context |= {"first": first, "rest": rest, "day": page.day, "scope": page.scope}
    if not page.day.past:
        context |= _checklist(request)
    else:
        context["rules"] = rules_in_force(page.scope, page.day.day)
    return private(TemplateResponse(request, "dashboard/overview.html", context))


def _checklist(request: ScopedRequest) -> dict[str, object]:
    steps = steps_for(request)
    return {"steps": steps, "steps_done": sum(step.done for step in steps)}


@require_safe
@requires(Permission.VIEW)
def team(request: ScopedRequest) -> HttpResponse:
    """The people at the vendor who support the partner, each with a mail that says the figures."""
    scope = request.scope
    contacts = team_contacts(scope)
    view = _view_in_mind(request)
    figures = figures_text(scope, _period_in_mind(scope, view)) if contacts else []
    rows = [{"contact": contact, "mailto": mailto(scope, contact.email, figures, view)} for contact in contacts]
    return TemplateResponse(request, "dashboard/team.html", {"contacts": rows, "has_figures": bool(figures)})


def _view_in_mind(request: ScopedRequest) -> str:
    """The full address of the page that the reader came from, or the dashboard as it was chosen."""
    came_from = split_address(request.headers.get("Referer", ""))
    if came_from and came_from.netloc == request.get_host():
        path = "/" + came_from.path.removeprefix(get_script_prefix())
        if path != "/" and not path.startswith(PAGES_WITHOUT_FIGURES):
            return came_from._replace(fragment="").geturl()
    chosen = request.GET.urlencode()
    return request.build_absolute_uri("../" + (f"?{chosen}" if chosen else ""))


def _period_in_mind(scope: Scope, view: str) -> Period:
    """The range of point changes on the page with this address; the usual one where it has none."""
    return changes_period(scope, QueryDict(urlsplit(view).query)).period


@require_POST
@requires(Permission.IMPORT)
def hide_checklist(request: ScopedRequest) -> HttpResponse:
    """Hide the checklist of the first day."""
    account_services.hide_checklist(scope=request.scope)
    return HttpResponseRedirect(reverse("dashboard"))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW)
def panels(request: ScopedRequest) -> HttpResponse:
    """The page that arranges the panels of the front page; a POST folds, unfolds or moves one, or resets them all."""
    return arrange_panels(
        request,
        PAGE,
        DEFAULT_LAYOUT,
        panels_for(request.scope),
        title=_("Arrange the dashboard"),
        back=Link(_("Dashboard"), reverse("dashboard")),
    )


def _panel(request: ScopedRequest, panel: Panel) -> HttpResponse:
    """One panel. Parameters of the others come from the reader's present URL, which may have changed since the page."""
    query = _address_with(request, panel.owns)
    page = Overview(request.scope, request.path, query, part=panel.part)
    layout = panel_layout(request, PAGE, DEFAULT_LAYOUT)
    halves = side_by_side(in_order(panels_for(page.scope), layout))
    folded = layout.folded - {panel.key}  # it is open: its range or target was changed in it
    response = HttpResponse(panel.html(request, page, folded=folded, halves=halves))
    response["HX-Push-Url"] = f"{request.path}?{query.urlencode()}" if query else request.path
    return private(response)


def _address_with(request: ScopedRequest, own: tuple[str, ...]) -> QueryDict:
    here = urlsplit(request.htmx.current_url_abs_path or "")
    query = QueryDict(here.query if here.path == request.path else "", mutable=True)
    for name in own:
        query.pop(name, None)
        if request.GET.get(name):
            query[name] = request.GET[name]
    return query


@require_safe
@requires(Permission.VIEW)
@kept_by_browsers(shown_with_rows)
def changes(request: ScopedRequest, which: str) -> HttpResponse:
    """The entries behind one of the four counters."""
    if which not in COUNTERS:
        raise Http404(which)
    selection = shown(request, f"changes-{which}")
    chosen = selection.chosen
    back = Link(_("Dashboard"), f"{reverse('dashboard')}?{urlencode(chosen.query)}#changes")
    return drilldown(
        request,
        selection,
        back=back,
        when_empty=lambda: _no_changes(request, selection, which),
        ranges=changes_range(
            request.scope,
            request.path,
            QueryDict(selection.address()),
            chosen,
            starts=history_starts(request.scope),
        ),
    )


def _no_changes(request: ScopedRequest, selection: Selection, which: str) -> Empty:
    direction, side = which.split("-")
    period = selection.params["period"]
    title = _("%(title)s: none, %(range)s") % {"title": selection.dataset.title, "range": period_text(period)}
    nearest = nearest_changes(request.scope, Side(side), Direction(direction), period)
    if nearest is None:
        return Empty(title, _("There have never been any."))
    query = {f"{CHANGES_PREFIX}from": nearest.first.isoformat(), f"{CHANGES_PREFIX}to": nearest.last.isoformat()}
    rows = select(selection.dataset, request.scope, query)
    text = _("The nearest range of %(days)s days with any is %(range)s, with %(points)s points.") % {
        "days": period.days,
        "range": period_text(nearest),
        "points": whole(rows.figure),
    }
    return Empty(title, text, Link(_("Show %s") % period_text(nearest), f"{request.path}?{urlencode(query)}"))


@require_safe
@requires(Permission.VIEW)
@kept_by_browsers(shown_with_rows)
def expiring(request: ScopedRequest) -> HttpResponse:
    """The lots that expire, in one month or at any time."""
    selection = shown(request, "expiring")
    back = Link(_("Dashboard"), f"{reverse('dashboard')}#expiry")
    return drilldown(request, selection, back=back, when_empty=_nothing_expires)


def _nothing_expires() -> Empty:
    everything = Link(_("Show every sale"), reverse("dashboard_expiring"))
    return Empty(_("Nothing expires then"), _("No sold points that are left today expire in this month."), everything)


@require_safe
@requires(Permission.VIEW)
@kept_by_browsers(shown_with_rows)
def shared(request: ScopedRequest, which: str) -> HttpResponse:
    """The deals behind one of the counters of shared selling."""
    if which not in SHARED_COUNTERS:
        raise Http404(which)
    selection = shown(request, f"shared-{which}")
    ranges = {name: value for name, value in selection.query.items() if name.startswith("shared_")}
    back = Link(_("Dashboard"), f"{reverse('dashboard')}?{urlencode(ranges)}#shared")
    return drilldown(request, selection, back=back)


@require_safe
@requires(Permission.VIEW)
@kept_by_browsers(shown_with_rows)
def stuck(request: ScopedRequest) -> HttpResponse:
    """Open shared deals that are stalled or past their expected close."""
    back = Link(_("Dashboard"), f"{reverse('dashboard')}#shared")
    return drilldown(request, shown(request, "shared-stuck"), back=back)


@require_safe
@requires(Permission.VIEW)
def churn(request: ScopedRequest) -> HttpResponse:
    """The clients behind a month of retention."""
    back = Link(_("Dashboard"), f"{reverse('dashboard')}#retention")
    return drilldown(request, shown(request, "retention-lost"), back=back)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW)
def pack(request: ScopedRequest) -> HttpResponse:
    """The figures of the front page, for its ranges and its day, as one page for paper; a POST saves it."""
    if posting(request.scope) is None:
        return HttpResponseRedirect(reverse("dashboard"))
    page = Overview(request.scope, reverse("dashboard"), request.GET)
    state = ledger_age(request.scope)
    as_of = state.as_of if state else None
    form = PackForm(request.POST or None, initial={"title": packs_of.suggested_title(request.scope)})
    body = render_to_string("dashboard/pack_body.html", packs_of.contents(page) | {"as_of": as_of}, request)
    if request.method == "POST" and form.is_valid():
        saved = services.save_pack(
            scope=request.scope, title=form.cleaned_data["title"], on=page.day.day, as_of=as_of, body=body
        )
        messages.success(request, _("The pack is saved as it is now."))
        return HttpResponseRedirect(reverse("dashboard_saved_pack", args=[saved.pk]))
    context = {"body": body, "form": form, "may_save": request.scope.may(Permission.SAVE)}
    return private(
        TemplateResponse(request, "dashboard/pack.html", context, status=422 if request.method == "POST" else 200)
    )


@require_safe
@requires(Permission.VIEW)
def packs(request: ScopedRequest) -> HttpResponse:
    """The saved packs."""
    return private(TemplateResponse(request, "dashboard/packs.html", {"packs": packs_of.saved_packs(request.scope)}))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW)
def saved_pack(request: ScopedRequest, pk: int) -> HttpResponse:
    """A saved pack as it was; a POST removes it."""
    saved = packs_of.saved_pack(request.scope, pk)
    if saved is None:
        raise Http404(str(pk))
    if request.method == "POST":
        services.remove_pack(scope=request.scope, pack=saved)
        messages.success(request, _("The pack is removed."))
        return HttpResponseRedirect(reverse("dashboard_packs"))
    return private(TemplateResponse(request, "dashboard/pack.html", {"body": saved.body, "pack": saved}))
