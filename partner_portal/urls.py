"""Every address of the portal (docs/contract.md)."""

from django.contrib import admin
from django.urls import include, path, register_converter

from partner_portal import help_page, operator_pages, search_page
from partner_portal.lib.web.id_converter import IdConverter

register_converter(IdConverter, "id")  # before the apps' routes are read

handler400 = "partner_portal.error_pages.bad_request"
handler403 = "partner_portal.error_pages.permission_denied"
handler404 = "partner_portal.error_pages.page_not_found"
handler500 = "partner_portal.error_pages.server_error"

urlpatterns = [
    path("search/", search_page.search_page, name="search"),
    path("help/", help_page.help_page, name="help"),
    path("accounts/", include("accounts.urls")),
    path("accounts/tokens/", include("api.token_urls")),
    path("accounts/", include("allauth.urls")),
    path("settings/", include("accounts.settings_urls")),
    path("imports/", include("imports.urls")),
    path("connections/", include("sources.urls")),
    path("admin/partners/", admin.site.admin_view(operator_pages.partners), name="operator_partners"),
    path("admin/partners/new/", admin.site.admin_view(operator_pages.new_partner), name="operator_partner_new"),
    path("admin/", admin.site.urls),
    path("", include("portfolio.urls")),
    path("commissions/", include("commissions.urls")),
    path("renewals/", include("renewals.urls")),
    path("notices/", include("notices.urls")),
    path("api/v1/", include("api.urls")),
    path("", include("reports.urls")),
    path("", include("calculator.urls")),
    path("", include("tiers.urls")),
    path("", include("dashboard.urls")),
]
