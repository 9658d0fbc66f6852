"""Views of the members of a partner and of the audit log."""

import logging
from io import TextIOWrapper
from smtplib import SMTPException
from tempfile import SpooledTemporaryFile

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import FileResponse, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import queries, services
from accounts.access import ScopedRequest, requires
from accounts.forms import AuditFilterForm, MemberForm, RoleForm
from accounts.roles import Permission, Role
from partner_portal.lib.web.htmx import page_or_part, private

logger = logging.getLogger(__name__)
EVENTS_A_PAGE = 50
SPOOL_BYTES = 4_000_000  # a larger file waits on the disk
MAIL_ERRORS = (SMTPException, OSError)


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.MEMBERS)
@reauthentication_required(allow_get=True)
def members(request: ScopedRequest) -> HttpResponse:
    """Who belongs to the partner; POST invites one more."""
    form = MemberForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            user = services.invite(scope=request.scope, **form.cleaned_data)
        except ValidationError as error:
            form.add_error("email", error)
        except MAIL_ERRORS:
            logger.exception("An invitation could not be sent; check EMAIL_HOST and what belongs to it")
            form.add_error(None, _("The invitation could not be mailed, so nobody was added. Try again later."))
        else:
            messages.success(
                request, _("%(email)s is a member now and gets a mail.") % {"email": user.email}, extra_tags="members"
            )
            return redirect("accounts_members")
    context = {"members": queries.members(request.scope), "form": form, "roles": Role.choices}
    return TemplateResponse(request, "accounts/members.html", context, status=422 if form.errors else 200)


@requires(Permission.MEMBERS)
@reauthentication_required(allow_get=True)
def change_role(request: ScopedRequest, pk: int) -> HttpResponse:
    """Give a member another role. A GET is somebody who came back from proving who they are, too late."""
    queries.member(request.scope, pk)
    form = RoleForm(request.POST)
    if request.method == "POST" and form.is_valid():
        try:
            member = services.change_role(scope=request.scope, membership_id=pk, role=form.cleaned_data["role"])
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            messages.success(
                request,
                _("%(person)s is now: %(role)s.") % {"person": member.user, "role": member.get_role_display()},
            )
    return redirect("accounts_members")


@requires(Permission.MEMBERS)
@reauthentication_required(allow_get=True)
def invite_again(request: ScopedRequest, pk: int) -> HttpResponse:
    """Mail the invitation once more."""
    queries.member(request.scope, pk)
    if request.method == "POST":
        try:
            user = services.invite_again(scope=request.scope, membership_id=pk)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        except MAIL_ERRORS:
            logger.exception("An invitation could not be sent; check EMAIL_HOST and what belongs to it")
            messages.error(request, _("The invitation could not be mailed. Try again later."))
        else:
            messages.success(request, _("The invitation was mailed to %(email)s again.") % {"email": user.email})
    return redirect("accounts_members")


@require_http_methods(["GET", "HEAD", "POST"])
@requires(Permission.MEMBERS)
@reauthentication_required(allow_get=True)
def remove_member(request: ScopedRequest, pk: int) -> HttpResponse:
    """Ask once, then end the membership."""
    if request.method == "POST":
        try:
            user, left_behind = services.remove_member(scope=request.scope, membership_id=pk)
        except ValidationError as error:
            messages.error(request, " ".join(error.messages))
        else:
            text = _("%(person)s no longer belongs to %(partner)s.")
            removed = text % {"person": user, "partner": request.scope.partner.name}
            messages.success(request, " ".join([removed, *left_behind]))
        return redirect("accounts_members")
    member = queries.member(request.scope, pk)
    return TemplateResponse(request, "accounts/member_remove.html", {"member": member})


@require_safe
@requires(Permission.AUDIT)
def audit_log(request: ScopedRequest) -> HttpResponse:
    """Who did what, when; a filter that is wrong is named and left out."""
    form = AuditFilterForm(request.GET, people=queries.audit_people(request.scope))
    form.is_valid()
    events = queries.audit_events(request.scope, **form.cleaned_data)
    page = Paginator(events, EVENTS_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "form": form,
        "page": page,
        "rows": queries.audit_rows(page.object_list),
        "is_filtered": any(form.cleaned_data.values()),
        "file_query": request.GET.urlencode(),
    }
    return page_or_part(request, "accounts/audit.html", context, parts=("events",))


@require_safe
@requires(Permission.AUDIT)
def audit_file(request: ScopedRequest) -> HttpResponseBase:
    """The events of the same filter as a CSV."""
    form = AuditFilterForm(request.GET, people=queries.audit_people(request.scope))
    form.is_valid()
    events = queries.audit_events(request.scope, **form.cleaned_data)
    spool = SpooledTemporaryFile(max_size=SPOOL_BYTES)  # noqa: SIM115 -- the response closes it
    text = TextIOWrapper(spool, encoding="utf-8", newline="", write_through=True)
    services.export_audit(scope=request.scope, events=events, out=text)
    text.detach()
    spool.seek(0)
    response = FileResponse(
        spool,
        as_attachment=True,
        filename=f"audit-log_{request.scope.today}.csv",
        content_type="text/csv; charset=utf-8",
    )
    return private(response)
