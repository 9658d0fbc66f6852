"""/api/v1/. Every address carries the right it needs; one that names none stops the portal from starting."""

from django.urls import URLPattern, path, re_path

from api.access import answers, not_found
from api.views import pages
from api.views.endpoints import RIGHTS, api

app_name = "api"


def _guarded(pattern: URLPattern) -> URLPattern:
    return path(str(pattern.pattern), answers(RIGHTS[str(pattern.name)])(pattern.callback), name=pattern.name)


urlpatterns = [
    path("", pages.documentation, name="documentation"),
    path("openapi.json", pages.openapi, name="openapi"),
    *(_guarded(each) for each in api.urls[0] if isinstance(each, URLPattern) and each.name != "api-root"),
    re_path(r"^(?P<rest>.*)$", not_found),
]
