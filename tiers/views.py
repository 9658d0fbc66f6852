"""Views of the tier page, its parts, and the rows behind its figures."""

from collections.abc import Callable, Set
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import ScopedRequest, requires
from accounts.chosen_columns import shown
from accounts.last_ranges import remembers_ranges
from accounts.panel_layout import arrange_panels, in_order, panel_layout
from accounts.roles import Permission
from ledger.queries import history_starts, posting
from partner_portal.lib.charts.chart import Chart
from partner_portal.lib.charts.plotly import plotly_figure
from partner_portal.lib.rows.datasets import Selection
from partner_portal.lib.web.drilldown import Empty, Link, drilldown, shown_with_rows
from partner_portal.lib.web.htmx import private, wanted_part
from partner_portal.lib.web.range_control import RangeControl
from partner_portal.lib.web.view_rules import kept_by_browsers
from partner_portal.lib.web.whole_number import whole_number
from program.caching import cached_part
from program.queries import rules_in_force
from tiers import services
from tiers.forms import STEPS, DayForm, InvitationForm, OverTimeForm, ThresholdsForm
from tiers.over_time import expiry_calendar, over_time
from tiers.page_text import page_text, series_text
from tiers.queries import invitations
from tiers.sections import DEFAULT_LAYOUT, SECTIONS
from tiers.tier_page import tier_page
from tiers.timeline import timeline

CALENDAR_ROWS = 12
PAGE = "tier"  # as layouts of panels name it


@require_safe
@requires(Permission.VIEW)
@remembers_ranges("time_")
@kept_by_browsers(lambda request: None)
def tier(request: ScopedRequest) -> HttpResponse:
    """The tier page; `over-time` and `expiry-calendar` are its parts."""
    scope = request.scope
    if posting(scope) is None:
        return private(TemplateResponse(request, "tiers/empty.html"))
    form = _day(request)
    part = wanted_part(request)
    layout = panel_layout(request, PAGE, DEFAULT_LAYOUT)
    folded = layout.folded - {part}
    context: dict[str, object] = {"form": form, "folded": folded}

    def html(template: str, read: Callable[[], dict[str, object]]) -> SafeString:
        return _section(request, template, folded, form, read)

    parts: dict[str, Callable[[], dict[str, object]]] = {
        "over-time": lambda: _over_time(request),
        "expiry-calendar": lambda: _calendar(request, form),
    }
    if part in parts:
        shown = next(section for section in SECTIONS if section.key == part)
        return private(HttpResponse(html(shown.template, parts[part])))
    page = tier_page(scope, form.day, request.GET.get("target"))
    own = {"page": page, "text": page_text(page), "targets": _targets(request, page.tiers)}
    sections = in_order(SECTIONS, layout)
    context |= own | {"sections": sections, "rules": page.rules, "invitations": invitations(scope, form.day)}
    if scope.may(Permission.SETTINGS) and not form.past:
        context["inviting"] = InvitationForm(scope=scope)
    context |= {
        "held": html("tiers/sections/held.html", lambda: own),
        "announced": html("tiers/sections/announced.html", lambda: own),
        # The history has forms, so it is rendered with the page.
        "shown": [
            (section, "" if section.key == "history" else html(section.template, parts.get(section.key, lambda: own)))
            for section in sections
        ],
    }
    context["starts"] = history_starts(scope)
    return private(TemplateResponse(request, "tiers/tier.html", context))


def _section(
    request: ScopedRequest,
    template: str,
    folded: Set[str],
    form: DayForm,
    read: Callable[[], dict[str, object]],
) -> SafeString:
    """A section of the tier page: it depends on what the ledger holds, the address, and what is folded."""

    def context() -> dict[str, object]:
        shown = {"scope": request.scope, "form": form, "folded": folded} | read()
        return shown | {"starts": history_starts(request.scope)}

    asked = (form.day, request.path, request.GET.urlencode(), wanted_part(request), *sorted(folded))
    return cached_part(request, request.scope, asked, template, context)


@require_safe
@requires(Permission.VIEW)
def closer(request: ScopedRequest) -> HttpResponse:
    """Points over time on a page of their own, to zoom into; the address names the range and step as the tier page's does."""
    if posting(request.scope) is None:
        return redirect("tier")
    context = _over_time(request)
    drawn = context["timeline"]
    context["figure"] = plotly_figure(drawn) if isinstance(drawn, Chart) else None
    context["back"] = f"{reverse('tier')}?{request.GET.urlencode()}#over-time"
    return private(TemplateResponse(request, "tiers/closer.html", context))


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW)
def panels(request: ScopedRequest) -> HttpResponse:
    """The page that arranges the sections of the tier page; a POST folds, unfolds or moves one, or resets them all."""
    title, back = _("Arrange the tier page"), Link(_("Tier"), reverse("tier"))
    return arrange_panels(request, PAGE, DEFAULT_LAYOUT, SECTIONS, title=title, back=back)


@require_POST
@requires(Permission.SETTINGS)
def invitation(request: ScopedRequest) -> HttpResponse:
    """Record an invitation to a tier, or remove one with the parameter `remove`."""
    scope = request.scope
    if "remove" in request.POST:
        services.remove_invitation(scope=scope, tier=request.POST["remove"])
        messages.success(request, _("The invitation is removed."))
    else:
        form = InvitationForm(request.POST, scope=scope)
        if form.is_valid():
            services.record_invitation(scope=scope, **form.cleaned_data)
            messages.success(request, _("The invitation to %(tier)s is saved.") % form.cleaned_data)
        else:
            for problems in form.errors.values():
                messages.error(request, " ".join(map(str, problems)))
    return HttpResponseRedirect(f"{reverse('tier')}#history")


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
def thresholds(request: ScopedRequest) -> HttpResponse:
    """Enter the partner's own thresholds of the rule set in force, or remove them with the parameter `remove`."""
    scope = request.scope
    rules = rules_in_force(scope, scope.today).rule_set
    if rules is None:
        raise Http404("no rule set is in force")
    form = ThresholdsForm(request.POST or None, rules=rules)
    removes = request.method == "POST" and "remove" in request.POST
    if removes or form.is_valid():
        services.enter_thresholds(scope=scope, start=rules.start, own=None if removes else form.thresholds())
        done = _("The programme’s thresholds are back.") if removes else _("Your thresholds are saved and count now.")
        messages.success(request, done, extra_tags="" if removes else "thresholds")
        return redirect("tier")
    own = rules.start.isoformat() in scope.partner.thresholds
    context = {"form": form, "rules": rules, "own": own}
    return TemplateResponse(request, "tiers/thresholds.html", context, status=422 if form.errors else 200)


@require_safe
@requires(Permission.VIEW)
@kept_by_browsers(shown_with_rows)
def points_breakdown(request: ScopedRequest) -> HttpResponse:
    """Clients and their points, as a page or as rows in the dialog."""
    selection = shown(request, "breakdown")
    no_clients = Empty(
        _("No client has such points"),
        _("Look at all clients, or at another day."),
        Link(_("Show all clients"), reverse("clients")),
    )
    if wanted_part(request):
        return drilldown(request, selection, back=_back(selection), when_empty=lambda: no_clients)
    return drilldown(
        request,
        selection,
        back=_back(selection),
        when_empty=lambda: no_clients,
        template="tiers/breakdown.html",
        form=selection.form,
        rules=rules_in_force(request.scope, selection.params["on"]),
        starts=history_starts(request.scope),
    )


@require_safe
@requires(Permission.VIEW)
@kept_by_browsers(shown_with_rows)
def expiring(request: ScopedRequest) -> HttpResponse:
    """Lots that expire in a month or within some days, of one client or all."""
    return _rows(request, "expiring")


@require_safe
@requires(Permission.VIEW)
def lots(request: ScopedRequest) -> HttpResponse:
    """Sold lots of one client or all."""
    return _rows(request, "client-lots")


@require_safe
@requires(Permission.VIEW)
@kept_by_browsers(shown_with_rows)
def entries(request: ScopedRequest) -> HttpResponse:
    """Ledger entries of one client or all, up to the day."""
    return _rows(request, "client-entries")


@require_safe
@requires(Permission.VIEW)
def people(request: ScopedRequest) -> HttpResponse:
    """People with a valid certification."""
    return _rows(request, "certified-people")


@require_safe
@requires(Permission.VIEW)
def tools(request: ScopedRequest) -> HttpResponse:
    """Clients whose tool usage counts."""
    return _rows(request, "tool-usage")


def _day(request: ScopedRequest) -> DayForm:
    form = DayForm(request.GET, scope=request.scope)
    form.is_valid()
    return form


def _rows(request: ScopedRequest, key: str) -> HttpResponse:
    selection = shown(request, key)
    return drilldown(request, selection, back=_back(selection))


def _back(selection: Selection) -> Link:
    """The client's page where the rows are one client's, otherwise the tier page of the same day."""
    on = {name: value for name, value in selection.query.items() if name == "on"}
    client = str(selection.params.get("client") or "")
    address = reverse("client", args=[client]) if client else reverse("tier")
    return Link(client or _("Tier"), f"{address}?{urlencode(on)}" if on else address)


def _targets(request: ScopedRequest, names: tuple[str, ...]) -> list[Link]:
    return [Link(name, f"{request.path}?{_with(request.GET, 'target', name.casefold())}") for name in names]


def _over_time(request: ScopedRequest) -> dict[str, object]:
    form = OverTimeForm(request.GET, scope=request.scope)
    form.is_valid()
    series = over_time(request.scope, form.day, form.chosen.period, form.cleaned_data["step"] or "month")
    rule_set = rules_in_force(request.scope, form.day).rule_set
    about = series_text(series)
    return {
        "refocus": wanted_part(request) == "over-time",
        "series": series,
        "tier_names": [tier.name for tier in rule_set.tiers] if rule_set else [],
        "series_text": about,
        "series_form": form,
        "series_steps": [
            Link(str(label), f"{request.path}?{_with(request.GET, 'step', value)}") for value, label in STEPS
        ],
        "timeline": timeline(series, about),
        "closer": f"{reverse('tier_over_time')}?{request.GET.urlencode()}",
        "range": RangeControl(
            request.path,
            request.GET,
            form.chosen,
            target="over-time",
            programme=form.presets(),
            starts=history_starts(request.scope),
            ends=form.day,
        ),
    }


def _with(query: QueryDict, name: str, value: str) -> str:
    """The query string with that parameter; without it if the value is empty."""
    changed = query.copy()
    changed.pop(name, None)
    if value:
        changed[name] = value
    return changed.urlencode()


def _calendar(request: ScopedRequest, form: DayForm) -> dict[str, object]:
    first = max(0, whole_number(request.GET.get("clients_from"), digits=7))
    calendar = expiry_calendar(request.scope, form.day, first=first, count=CALENDAR_ROWS)
    return {"calendar": calendar, "calendar_pages": _calendar_pages(request, first, calendar.clients)}


def _calendar_pages(request: ScopedRequest, first: int, clients: int) -> dict[str, str | int]:
    earlier, later = max(0, first - CALENDAR_ROWS), first + CALENDAR_ROWS
    return {
        "first": first + 1,
        "last": min(first + CALENDAR_ROWS, clients),
        "previous": f"{request.path}?{_with(request.GET, 'clients_from', str(earlier or ''))}" if first else "",
        "next": f"{request.path}?{_with(request.GET, 'clients_from', str(later))}" if later < clients else "",
    }
