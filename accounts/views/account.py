"""Views of one's own account: name, language, appearance, the partner to open, and signing out."""

from copy import copy

from allauth.account.views import logout
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, resolve_url
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_http_methods, require_POST

from accounts import services
from accounts.access import ScopedRequest, requires
from accounts.forms import AppearanceForm, LanguageForm, OpenPartnerForm, ProfileForm
from accounts.middleware import PARTNER_KEY
from accounts.roles import Permission


@login_not_required
def sign_out(request: HttpRequest) -> HttpResponse:
    """allauth's page; the response to signing out also clears the browser's cached pages."""
    response: HttpResponse = logout(request)
    if request.method == "POST":
        response["Clear-Site-Data"] = '"cache", "storage"'
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW)
def profile(request: ScopedRequest) -> HttpResponse:
    """Name, language, appearance and keys."""
    form = ProfileForm(request.POST or None, instance=copy(request.scope.user))
    if request.method == "POST" and form.is_valid():
        services.change_preferences(scope=request.scope, **form.cleaned_data)
        with override(form.cleaned_data["language"] or request.scope.partner.language):
            messages.success(request, _("Your profile is saved."))
        return redirect("accounts_profile")
    status = 422 if form.errors else 200
    return TemplateResponse(request, "accounts/profile.html", {"form": form}, status=status)


@require_POST
@requires(Permission.VIEW)
def open_partner(request: ScopedRequest) -> HttpResponse:
    """Open another partner that one belongs to.

    Always redirects to the front page: a URL inside one partner means nothing in another.
    """
    form = OpenPartnerForm(request.POST, memberships=request.memberships)
    if form.is_valid():
        partner_id = form.cleaned_data["partner"]
        request.session[PARTNER_KEY] = partner_id
        partner = next(row.partner for row in request.memberships if row.partner_id == partner_id)
        services.record_opening(scope=request.scope, partner=partner)
    return HttpResponseRedirect(resolve_url(settings.LOGIN_REDIRECT_URL))


@require_POST
@requires(Permission.VIEW)
def appearance(request: ScopedRequest) -> HttpResponse:
    """Save the theme, the density or both. htmx needs no response: the page has changed already."""
    form = AppearanceForm(request.POST)
    if form.is_valid():
        chosen = {name: value for name, value in form.cleaned_data.items() if name in request.POST}
        services.change_preferences(scope=request.scope, **chosen)
    return HttpResponse(status=204) if request.htmx else _back(request)


@require_POST
@requires(Permission.VIEW)
def language(request: ScopedRequest) -> HttpResponse:
    """Save the language and show the same page in it."""
    form = LanguageForm(request.POST)
    if form.is_valid():
        services.change_preferences(scope=request.scope, language=form.cleaned_data["language"])
    return _back(request)


def _back(request: ScopedRequest) -> HttpResponseRedirect:
    """To the page that the form was on, when it is one of ours."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = resolve_url(settings.LOGIN_REDIRECT_URL)
    return HttpResponseRedirect(target)
