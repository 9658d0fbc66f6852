"""/api/v1/. Every address carries the right it needs; one that names none stops the portal from starting."""

from django.urls import URLPattern, path, re_path

from api.access import guarded, not_found
from api.views import pages
from api.views.endpoints import RIGHTS, api

app_name = "api"


def _guarded(pattern: URLPattern) -> URLPattern:
    return path(str(pattern.pattern), guarded(pattern.callback, RIGHTS[str(pattern.name)]), name=pattern.name)


urlpatterns = [
    path("", pages.documentation, name="documentation"),
    *(_guarded(route) for route in api.urls[0] if isinstance(route, URLPattern) and route.name != "api-root"),
    re_path(r"^(?P<rest>.*)$", not_found),
]
