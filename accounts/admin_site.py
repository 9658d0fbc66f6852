"""The admin site is for operators. It has no sign-in of its own, and does not exist for anybody else."""

from functools import update_wrapper
from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.admin.apps import AdminConfig
from django.db import connection
from django.db.models.base import ModelBase
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse


class OperatorsSite(AdminSite):
    """Programme rules, behind the portal's sign-in with its rate limits and second factor."""

    site_header = site_title = "Partner Portal"
    index_title = "Operators"

    def register(self, model_or_iterable: Any, admin_class: Any = None, **options: object) -> None:
        """Only rules. Other packages would put here who signs in and with which secrets: with these an operator could sign
        in as somebody else, and see what operators do not see."""
        models: Any = [model_or_iterable] if isinstance(model_or_iterable, ModelBase) else model_or_iterable
        rules = [model for model in models if model._meta.app_label == "program"]
        super().register(rules, admin_class, **options)

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        guarded = super().admin_view(view, cacheable)

        def inner(request: HttpRequest, *args: object, **kwargs: object) -> object:
            if not self.has_permission(request):
                raise Http404
            from accounts.scope import set_tenant

            if connection.in_atomic_block:
                set_tenant(None)  # rules are everybody's: no partner's rows, and the names of all operators
            return guarded(request, *args, **kwargs)

        return update_wrapper(inner, guarded)

    def login(self, request: HttpRequest, extra_context: dict[str, object] | None = None) -> HttpResponse:
        if request.user.is_authenticated and not self.has_permission(request):
            raise Http404
        wanted = request.GET.get("next") or reverse("admin:index")
        # The sign-in page checks where `next` leads, and sends whoever is signed in already straight there.
        return HttpResponseRedirect(reverse("account_login", query={"next": wanted}))


class OperatorsAdminConfig(AdminConfig):
    """django.contrib.admin with our site."""

    default_site = "accounts.admin_site.OperatorsSite"
