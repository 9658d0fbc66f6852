"""Pages of notices: the inbox, the bell of the top bar, and one notice, which leads on to its rows."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from accounts.scope import partner_scope, system_scope
from notices import channels, queries, services
from notices.channel_text import answer_text, message_label, refusal_text
from notices.forms import PLACES, ChannelForm, InboxForm, NewChannelForm, SettingsForm
from notices.kinds import DEFAULT_PLACES, visible_kinds
from notices.outbound import AddressRefused
from partner_portal.lib.web.htmx import page_or_part, private
from reports.queries.exports import waiting

A_PAGE = 30  # notices


@require_safe
@requires(Permission.VIEW)
def inbox(request: ScopedRequest) -> HttpResponse:
    """The user's notices, newest first."""
    form = InboxForm(request.GET.dict(), scope=request.scope)
    form.is_valid()
    kind, unread = form.cleaned_data.get("kind") or "", bool(form.cleaned_data.get("unread"))
    rows = queries.inbox(request.scope, kind=kind, unread=unread)
    page = Paginator(rows, A_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": queries.shown(list(page.object_list)),
        "filtered": bool(kind or unread),
    }
    return page_or_part(request, "notices/inbox.html", context)


@require_safe
@requires(Permission.VIEW)
def bell(request: ScopedRequest) -> HttpResponse:
    """The bell of the top bar. It polls while a file is being made."""
    return private(TemplateResponse(request, "notices/bell.html", {"waiting": waiting(request.scope)}))


@require_POST
@requires(Permission.VIEW)
def mark_all_read(request: ScopedRequest) -> HttpResponse:
    """Mark every notice as read."""
    services.mark_read(scope=request.scope)
    messages.success(request, _("All notices are marked as read."))
    return redirect("notices")


@require_safe
@requires(Permission.VIEW)
def open_notice(request: ScopedRequest, pk: int) -> HttpResponse:
    """Mark a notice as read, and go to its rows."""
    [shown] = queries.shown([queries.notice(request.scope, pk)])
    services.mark_read(scope=request.scope, pk=pk)
    return HttpResponseRedirect(shown.words.link)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.VIEW)
def settings_page(request: ScopedRequest) -> HttpResponse:
    """Which notices the user wants, and where."""
    scope = request.scope
    chosen = queries.settings_of(scope)
    initial: dict[str, object] = {
        name: getattr(chosen, name) for name in ("fall", "quiet_from", "quiet_until", "digest", "digest_at")
    }
    for kind in visible_kinds(scope.role):
        initial |= {f"{kind}-{place}": True for place in chosen.places.get(kind, DEFAULT_PLACES)}
    form = SettingsForm(request.POST or None, scope=scope, initial=initial)
    if request.method == "POST" and form.is_valid():
        cleaned = form.cleaned_data
        quiet = (cleaned["quiet_from"], cleaned["quiet_until"]) if cleaned["quiet_from"] else None
        choices = services.NoticeChoices(
            form.chosen_places(), cleaned["fall"], quiet, cleaned["digest"], cleaned["digest_at"]
        )
        services.choose(scope=scope, choices=choices)
        messages.success(request, _("Saved."))
        return redirect("notices_settings")
    context = {"form": form, "chosen": chosen, "places": PLACES.values()}
    return page_or_part(request, "notices/settings.html", context, status=422 if form.errors else 200)


@csrf_exempt
@login_not_required
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest, token: str) -> HttpResponse:
    """Unsubscribe by the link of a mail; POST does it, from the button or by one click (RFC 8058).

    The token is sufficient proof: neither a session nor a CSRF token is needed.
    """
    partner, user, what = queries.stopped_by_token(token)
    with translation.override(user.language or partner.language):
        if request.method == "POST":
            with partner_scope(partner, user):
                services.stop(scope=system_scope(partner), user=user, what=what)
        context = {"done": request.method == "POST", "partner_name": partner.name, "what": what}
        return private(TemplateResponse(request, "notices/stop.html", context).render())


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
@reauthentication_required(allow_get=True)
@sensitive_post_parameters("address")
def channel_list(request: ScopedRequest) -> HttpResponse:
    """The partner's channels, and a form for another one."""
    form = NewChannelForm(request.POST or None, initial={"kinds": [kind.value for kind in channels.channel_kinds()]})
    secret = ""
    if request.method == "POST" and form.is_valid():
        try:
            made, secret = channels.add(scope=request.scope, **form.cleaned_data)
        except AddressRefused as error:
            form.add_error("address", refusal_text(error.code))
        else:
            if not secret:
                messages.success(request, _("%(name)s is added. Send it a test.") % {"name": made.label})
                return redirect("notices_channel", made.pk)
    context = {"form": form, "secret": secret, "rows": list(channels.channels(request.scope))}
    return page_or_part(request, "notices/channels.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
def channel_page(request: ScopedRequest, pk: int) -> HttpResponse:
    """One channel: what is posted to it, and what became of its messages."""
    found = channels.channel(request.scope, pk)
    form = ChannelForm(request.POST or None, initial={"kinds": found.kinds})
    if request.method == "POST" and form.is_valid():
        channels.change(scope=request.scope, of=found, kinds=form.cleaned_data["kinds"])
        messages.success(request, _("Saved."))
        return redirect("notices_channel", pk)
    rows = [
        (row, message_label(row.kind), answer_text(row.answer)) for row in channels.messages_of(request.scope, found)
    ]
    context = {"form": form, "channel": found, "rows": rows}
    return page_or_part(request, "notices/channel.html", context, status=422 if form.errors else 200)


@require_POST
@requires(Permission.SETTINGS)
def channel_action(request: ScopedRequest, pk: int) -> HttpResponse:
    """Test, pause, resume or remove a channel."""
    scope, action = request.scope, request.POST.get("action", "")
    found = channels.channel(scope, pk)
    if action == "test":
        channels.enqueue_test(scope=scope, of=found)
        messages.success(request, _("A test is sent within a minute. Reload this page to see what came of it."))
    elif action in {"pause", "resume"}:
        channels.set_active(scope=scope, of=found, active=action == "resume")
    elif action == "remove":
        channels.remove(scope=scope, of=found)
        messages.success(request, _("%(name)s is removed.") % {"name": found.label})
        return redirect("notices_channels")
    return redirect("notices_channel", pk)
