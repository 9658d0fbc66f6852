"""Pages of operators: all partners, and a new one with its first admin. Part of the admin site, which does not exist for others."""

import logging
from smtplib import SMTPException
from typing import cast

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import queries, services
from accounts.access import PortalRequest
from accounts.forms import FirstAdminForm
from accounts.models import User
from ledger.queries import reposting
from partner_portal.partner_overview import FAULT_DAYS, overview

logger = logging.getLogger(__name__)
PARTNERS_A_PAGE = 50


@require_safe
def partners(request: PortalRequest) -> HttpResponse:
    """Every partner by name, with freshness, size, last run and faults."""
    request.scope = None  # an operator's page is no partner's, even for an operator who is somebody's member
    page = Paginator(queries.all_partners(), PARTNERS_A_PAGE).get_page(request.GET.get("page"))
    context = {"page": page, "rows": overview(list(page)), "days": FAULT_DAYS, "reposting": reposting()}
    return TemplateResponse(request, "accounts/partners.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required(allow_get=True)
def new_partner(request: PortalRequest) -> HttpResponse:
    """Create a partner and invite its first admin by mail: both, or neither."""
    request.scope = None
    form = FirstAdminForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = dict(form.cleaned_data)
        admin = {"email": values.pop("admin_email"), "name": values.pop("admin_name")}
        try:
            partner, user = services.create_partner_with_admin(
                operator=cast("User", request.user), admin=admin, **values
            )
        except ValidationError as error:
            form.add_error(None, error)
        except (SMTPException, OSError):
            logger.exception("An invitation could not be sent; check EMAIL_HOST and what belongs to it")
            form.add_error(None, _("The invitation could not be mailed, so nothing was created. Try again later."))
        else:
            text = _("%(partner)s is created, and %(email)s is invited as its admin.")
            messages.success(request, text % {"partner": partner.name, "email": user.email})
            return redirect("operator_partners")
    return TemplateResponse(request, "accounts/partner_new.html", {"form": form}, status=422 if form.errors else 200)
