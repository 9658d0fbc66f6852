"""Pages of notices: the inbox, the bell of the top bar, and one notice, which leads on to its rows."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from notices import queries, services
from notices.forms import InboxForm
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
