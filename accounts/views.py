"""Pages about the signed-in person and the people of a partner."""

from django.conf import settings
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from accounts import services
from accounts.access import ScopedRequest, requires
from accounts.forms import LanguageForm, PartnerForm, ThemeForm
from accounts.middleware import PARTNER_KEY
from accounts.roles import Permission


def _back(request: ScopedRequest) -> HttpResponseRedirect:
    """To the page that the form was on, when it is one of ours."""
    target = request.POST.get("next", "")
    if not url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure()):
        target = resolve_url(settings.LOGIN_REDIRECT_URL)
    return HttpResponseRedirect(target)


@require_POST
@requires(Permission.VIEW)
def switch_partner(request: ScopedRequest) -> HttpResponse:
    """Look at another partner that one is a member of. Always ends on the front page: ids of one partner mean nothing in another."""
    form = PartnerForm(request.POST, memberships=request.memberships)
    if form.is_valid():
        request.session[PARTNER_KEY] = form.cleaned_data["partner"]
    return HttpResponseRedirect(resolve_url(settings.LOGIN_REDIRECT_URL))


@require_POST
@requires(Permission.VIEW)
def theme(request: ScopedRequest) -> HttpResponse:
    """Keep the theme; htmx needs no answer, since the page has changed already."""
    form = ThemeForm(request.POST)
    if form.is_valid():
        services.change_preferences(scope=request.scope, theme=form.cleaned_data["theme"])
    return HttpResponse(status=204) if request.htmx else _back(request)


@require_POST
@requires(Permission.VIEW)
def language(request: ScopedRequest) -> HttpResponse:
    """Keep the language and show the same page in it."""
    form = LanguageForm(request.POST)
    if form.is_valid():
        services.change_preferences(scope=request.scope, language=form.cleaned_data["language"])
    return _back(request)
