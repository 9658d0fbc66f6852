"""The operations below /api/v1/, all read-only. Types validate parameters and answers."""

import logging
from collections.abc import Callable
from typing import Annotated

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Field, NinjaAPI, Path, Query, Schema
from ninja.errors import AuthenticationError, Throttled, ValidationError

from accounts.access import ScopedRequest
from accounts.roles import Permission
from api import answers, schemas
from api.access import RefusedError, Token, refusal, signed_in
from api.document import document
from api.limits import RequestsPerMinute
from api.rows import (
    DEFAULT_PAGE_SIZE,
    MOST_ROWS,
    InvalidQueryError,
    NoSuchPageError,
    check_names,
    description,
    page_of_rows,
    selection_of,
)  # fmt: skip
from partner_portal.lib.db.outage import is_outage
from partner_portal.lib.rows.datasets import all_datasets, find
from partner_portal.lib.web.refusals import json_failure, refuse_away

logger = logging.getLogger(__name__)


api = NinjaAPI(
    title="Partner Portal",
    version="1",
    description="Figures and rows of one partner, read-only. Points are texts with 4 decimals, money texts with 2.",
    urls_namespace="api",
    auth=[Token(), signed_in],
    throttle=RequestsPerMinute(),
    docs_url=None,
    openapi_url=None,
)
RIGHTS: dict[str, Permission] = {}  # url name -> what the operation needs; `api.urls` guards it with that


def reads[View: Callable[..., object]](
    path: str, permission: Permission, answers_with: type[Schema]
) -> Callable[[View], View]:
    """Register a view as an operation. Summary and description are the first line and the rest of its docstring."""

    def mark(view: View) -> View:
        name = view.__name__
        RIGHTS[name] = permission
        first, _stop, rest = (view.__doc__ or "").partition("\n")
        register: Callable[[View], View] = api.get(
            path,
            response={200: answers_with} | schemas.REFUSALS,
            url_name=name,
            operation_id=name,
            summary=first.rstrip("."),
            description=" ".join(rest.split()) or None,
            exclude_unset=True,
            by_alias=True,
        )
        return register(view)

    return mark


Day = Annotated[str | None, Field(pattern=r"^\d{4}-\d{2}-\d{2}$", json_schema_extra={"format": "date"})]


class SeenFrom(Schema):
    on: Day = Field(
        None,
        description="The day it is seen from, 2000-01-01 to today; a day ahead is refused. Today without one",
    )


class Range(Schema):
    named: str | None = Field(
        None,
        alias="range",
        description="A named range such as last-90-days, this-quarter, since-last-review; last-30-days without one",
    )
    first: Day = Field(
        None, alias="from", description="The first day, instead of a named range; from 2000-01-01 to today"
    )
    last: Day = Field(
        None, alias="to", description="The last day, included; no later than today: a day ahead is refused"
    )


class Paging(Schema):
    page: int = Field(1, ge=1, le=10_000_000, description="From 1 on")
    page_size: int = Field(DEFAULT_PAGE_SIZE, ge=1, le=MOST_ROWS, description="Rows on a page")


@reads("/progress", Permission.VIEW, schemas.Progress)
def progress(request: ScopedRequest, seen: Query[SeenFrom]) -> dict[str, object]:
    """Programme progress.

    Points, tiers, what every tier takes, and what the next review does if nothing else happens.
    """
    check_names(request.GET, ("on",))
    return answers.progress(request.scope, answers.day_of(request.scope, seen.on))


@reads("/changes", Permission.VIEW, schemas.Changes)
def changes(request: ScopedRequest, days: Query[Range]) -> dict[str, object]:
    """Tier point changes.

    Opening + new - lost = closing over a range of days, and the same by track and cause.
    """
    check_names(request.GET, ("range", "from", "to"))
    return answers.changes_of(request.scope, request.GET.dict())


@reads("/forecast", Permission.VIEW, schemas.Forecast)
def forecast(request: ScopedRequest, seen: Query[SeenFrom]) -> dict[str, object]:
    """Points that expire by month.

    Up to the same month a year on, if nothing else happens.
    """
    check_names(request.GET, ("on",))
    return answers.forecast(request.scope, answers.day_of(request.scope, seen.on))


@reads("/statements", Permission.VIEW_MONEY, schemas.Statements)
def statements(request: ScopedRequest) -> dict[str, object]:
    """Commission statements."""
    check_names(request.GET, ())
    return answers.statements(request.scope)


@reads("/connections", Permission.SETTINGS, schemas.Connections)
def connections(request: ScopedRequest) -> dict[str, object]:
    """Live connections.

    How each is, when it last read anything, and when it does next.
    """
    check_names(request.GET, ())
    return answers.connections(request.scope)


@reads("/breakdown", Permission.EXPORT, schemas.Rows)
def breakdown(request: ScopedRequest, paging: Query[Paging]) -> dict[str, object]:
    """Points by client.

    The dataset `breakdown` under a short address.
    """
    return _rows(request, "breakdown", paging, reverse("api:breakdown"))


@reads("/datasets", Permission.VIEW, schemas.Datasets)
def datasets(request: ScopedRequest) -> dict[str, object]:
    """The datasets that you may read.

    Each with its columns, its parameters, and the columns that a search covers.
    """
    check_names(request.GET, ())
    scope = request.scope
    return {
        "partner": scope.partner.slug,
        "datasets": [description(dataset, scope) for dataset in all_datasets() if scope.may(dataset.permission)],
    }


@reads("/datasets/{key}", Permission.EXPORT, schemas.Rows)
def dataset(request: ScopedRequest, key: Path[str], paging: Query[Paging]) -> dict[str, object]:
    """Rows of a dataset.

    The same rows, filters, search and sums as on the pages and in the files; every amount with its currency.
    """
    return _rows(request, key, paging, reverse("api:dataset", args=[key]))


def _rows(request: ScopedRequest, key: str, paging: Paging, address: str) -> dict[str, object]:
    try:
        dataset = find(key)
    except KeyError as error:
        raise Http404 from error
    scope = request.scope
    selection = selection_of(dataset, scope, request.GET)
    rows = page_of_rows(selection, paging.page, paging.page_size, address)
    return {"partner": scope.partner.slug, "as_of": answers.as_of(scope)} | rows


@api.get("/openapi.json", url_name="openapi", include_in_schema=False)
def openapi(request: ScopedRequest) -> HttpResponse:
    """The OpenAPI document as this caller gets it."""
    content = document(api, request.scope, reverse("api:documentation"))
    return JsonResponse(content, json_dumps_params={"ensure_ascii": False})


RIGHTS["openapi"] = Permission.VIEW


# Refusals


@api.exception_handler(AuthenticationError)
def unauthenticated(request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    """401 for a missing or invalid token."""
    if "Authorization" in request.headers:
        return refusal(401, _("This token is unknown, revoked or has ended, or its owner has no access any more."))
    return refusal(401, _("Send a token: Authorization: Bearer pp_…"))


@api.exception_handler(Throttled)
def throttled(_request: HttpRequest, error: Throttled) -> HttpResponse:
    """429 for too many requests in a minute. ninja adds Retry-After."""
    return refusal(429, _("Too many requests. Ask again in %(seconds)d seconds.") % {"seconds": error.wait or 0})


@api.exception_handler(RefusedError)
def refused(_request: HttpRequest, error: RefusedError) -> HttpResponse:
    """The response that the check of access made."""
    return error.response


@api.exception_handler(ValidationError)
def invalid_type(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    """422 for a parameter of the wrong type."""
    problems = [f"“{fault['loc'][-1]}”: {fault['msg']}." for fault in error.errors]
    return refusal(422, " ".join(problems), problems)


@api.exception_handler(InvalidQueryError)
def invalid_query(_request: HttpRequest, error: InvalidQueryError) -> HttpResponse:
    """422 for a parameter without meaning here."""
    return refusal(422, str(error), error.problems)


@api.exception_handler(PermissionDenied)
def denied(request: ScopedRequest, _error: PermissionDenied) -> HttpResponse:
    """403 for what this role may not read."""
    return refusal(403, _("The role “%(role)s” may not read this.") % {"role": request.scope.role})


@api.exception_handler(NoSuchPageError)
def no_such_page(_request: HttpRequest, error: NoSuchPageError) -> HttpResponse:
    """404 for a page beyond the last."""
    return refusal(404, str(error))


@api.exception_handler(Http404)
def nothing_there(_request: HttpRequest, _error: Http404) -> HttpResponse:
    """404 for a dataset that does not exist."""
    return refusal(404, _("There is nothing at this address."))


@api.exception_handler(Exception)
def failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """500 for an unexpected error, which is logged and not described to the caller; 503 while the database is away."""
    if is_outage(error):
        return refuse_away(request)
    logger.error("%s failed", request.path, exc_info=error)
    return json_failure()
