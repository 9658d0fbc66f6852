"""The partner's settings and its contacts at the vendor."""

from copy import copy
from typing import Any

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.contrib import messages
from django.core import signing
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from accounts import queries, services
from accounts.access import ScopedRequest, requires
from accounts.forms import ContactForm, PartnerForm
from accounts.roles import Permission
from accounts.scope import Scope
from partner_portal.lib.rows.events import mail_domains_asked

REMOVED_KEY = "removed_contact"
UNDO_SECONDS = 3600


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
@reauthentication_required(allow_get=True)
def partner_settings(request: ScopedRequest) -> HttpResponse:
    """What the portal knows about the partner, and its contacts."""
    form = PartnerForm(request.POST or None, instance=copy(request.scope.partner))
    stopped: list[str] = []
    if request.method == "POST" and form.is_valid() and "sure" not in request.POST:
        stopped = _stopped_by(request.scope, form.cleaned_data["mail_domains"])
    if request.method == "POST" and form.is_valid() and not stopped:
        services.change_partner(scope=request.scope, values=form.cleaned_data)
        messages.success(request, _("The settings are saved."), extra_tags="time_zone")
        return redirect("settings")
    context = {
        "form": form,
        "contacts": queries.team_contacts(request.scope),
        "removed": request.session.pop(REMOVED_KEY, None),
        "stopped": stopped,
        "demo": settings.DEMO,
    }
    return TemplateResponse(request, "accounts/settings.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
def reset_demo(request: ScopedRequest) -> HttpResponse:
    """Ask, then have the process that runs the demo load the sample partners anew. Exists in the demo only."""
    if not settings.DEMO:
        raise Http404
    if request.method != "POST":
        return TemplateResponse(request, "accounts/demo_reset.html")
    settings.RESET_DEMO_FILE.touch()
    messages.info(request, _("The demo is being reset. Reload this page in about a minute."))
    return redirect("settings")


def _stopped_by(scope: Scope, mail_domains: str) -> list[str]:
    """Sentences about what would stop with these mail domains."""
    answers = mail_domains_asked.send(sender=PartnerForm, scope=scope, domains=set(mail_domains.split()))
    return [sentence for _receiver, answer in answers for sentence in answer or ()]


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
def new_contact(request: ScopedRequest) -> HttpResponse:
    """Add a contact."""
    form = ContactForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        contact = services.add_contact(scope=request.scope, values=form.cleaned_data)
        messages.success(request, _("%(person)s was added.") % {"person": contact.name}, extra_tags="contacts")
        return redirect("settings")
    return TemplateResponse(request, "accounts/contact.html", {"form": form}, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.SETTINGS)
def change_contact(request: ScopedRequest, pk: int) -> HttpResponse:
    """Change a contact."""
    contact = queries.team_contact(request.scope, pk)
    form = ContactForm(request.POST or None, instance=copy(contact))
    if request.method == "POST" and form.is_valid():
        services.change_contact(scope=request.scope, contact_id=pk, values=form.cleaned_data)
        messages.success(request, _("%(person)s was changed.") % {"person": form.cleaned_data["name"]})
        return redirect("settings")
    context = {"form": form, "contact": contact}
    return TemplateResponse(request, "accounts/contact.html", context, status=422 if form.errors else 200)


@require_POST
@requires(Permission.SETTINGS)
def remove_contact(request: ScopedRequest, pk: int) -> HttpResponse:
    """Remove a contact without asking; the next page offers to undo it."""
    contact = services.remove_contact(scope=request.scope, contact_id=pk)
    values = {field: getattr(contact, field) for field in ContactForm.Meta.fields}
    signed = signing.dumps({"id": pk, "values": values, "position": contact.position}, salt=_undo_salt(request.scope))
    request.session[REMOVED_KEY] = {"name": contact.name, "signed": signed}
    return redirect("settings")


@require_POST
@requires(Permission.SETTINGS)
def restore_contact(request: ScopedRequest) -> HttpResponse:
    """Add a removed contact again, as it was and where it was."""
    try:
        removed: dict[str, Any] = signing.loads(
            request.POST.get("contact", ""), salt=_undo_salt(request.scope), max_age=UNDO_SECONDS
        )
    except signing.BadSignature:
        messages.error(request, _("That was too long ago. Add the contact again."))
    else:
        contact = services.restore_contact(
            scope=request.scope, contact_id=removed["id"], values=removed["values"], position=removed["position"]
        )
        messages.success(request, _("%(person)s is back.") % {"person": contact.name})
    return redirect("settings")


def _undo_salt(scope: Scope) -> str:
    return f"removed contact of partner {scope.partner.pk}"


@require_POST
@requires(Permission.SETTINGS)
def move_contact(request: ScopedRequest, pk: int) -> HttpResponse:
    """Move a contact one place up (`earlier`) or down."""
    contact = services.move_contact(scope=request.scope, contact_id=pk, earlier="earlier" in request.POST)
    messages.info(request, _("%(person)s was moved.") % {"person": contact.name})
    return redirect(reverse("settings") + "#contacts")
