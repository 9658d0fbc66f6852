"""The addresses below /api/v1/: each reads, none writes. Types check what comes in and what goes out."""

import logging
from collections.abc import Callable
from typing import Annotated, Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from ninja import Field, NinjaAPI, Path, Query, Schema
from ninja.errors import ValidationError
from ninja.security.base import AuthBase

from accounts.access import ScopedRequest, scope_of
from accounts.roles import Permission
from api import answers, schemas
from api.access import refusal
from api.rows import (
    DEFAULT_PAGE_SIZE,
    MOST_ROWS,
    NoSuchPageError,
    UnusableError,
    answer,
    asked,
    description,
    refuse_others,
)  # fmt: skip
from partner_portal.lib.rows.datasets import all_datasets, find

logger = logging.getLogger(__name__)


class Token(AuthBase):
    """Tells the document that a token is needed. Who asks was settled before (`api.access.answers`)."""

    openapi_type = "http"
    openapi_scheme = "bearer"

    def __call__(self, request: HttpRequest) -> Any:
        return scope_of(request)


api = NinjaAPI(
    title="Partner Portal",
    version="1",
    description="Figures and rows of one partner, read-only. Points are texts with 4 decimals, money texts with 2.",
    urls_namespace="api",
    auth=Token(),
    docs_url=None,
    openapi_url=None,
)
RIGHTS: dict[str, Permission] = {}


def reads[View: Callable[..., Any]](
    path: str, permission: Permission, answers_with: type[Schema]
) -> Callable[[View], View]:
    """Put a view at an address; `api.urls` lets only callers with the permission reach it."""

    def mark(view: View) -> View:
        name = view.__name__
        RIGHTS[name] = permission
        first, _stop, rest = (view.__doc__ or "").partition("\n")
        endpoint = api.get(
            path,
            response={200: answers_with} | schemas.REFUSALS,
            url_name=name,
            operation_id=name,
            summary=first.rstrip("."),
            description=" ".join(rest.split()) or None,
            exclude_unset=True,
            by_alias=True,
        )
        return endpoint(view)

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
def progress(request: ScopedRequest, seen: Query[SeenFrom]) -> dict[str, Any]:
    """Programme progress.

    Points, tiers, what every tier takes, and what the next review does if nothing else happens.
    """
    refuse_others(request.GET, ("on",))
    return answers.progress(request.scope, answers.day_of(request.scope, seen.on))


@reads("/changes", Permission.VIEW, schemas.Changes)
def changes(request: ScopedRequest, days: Query[Range]) -> dict[str, Any]:
    """Tier point changes.

    Opening + new - lost = closing over a range of days, and the same by track and cause.
    """
    refuse_others(request.GET, ("range", "from", "to"))
    return answers.changes_of(request.scope, request.GET.dict())


@reads("/forecast", Permission.VIEW, schemas.Forecast)
def forecast(request: ScopedRequest, seen: Query[SeenFrom]) -> dict[str, Any]:
    """Points that expire by month.

    Up to the same month a year on, if nothing else happens.
    """
    refuse_others(request.GET, ("on",))
    return answers.forecast(request.scope, answers.day_of(request.scope, seen.on))


@reads("/statements", Permission.VIEW_MONEY, schemas.Statements)
def statements(request: ScopedRequest) -> dict[str, Any]:
    """Commission statements."""
    refuse_others(request.GET, ())
    return answers.statements(request.scope)


@reads("/breakdown", Permission.EXPORT, schemas.Rows)
def breakdown(request: ScopedRequest, paging: Query[Paging]) -> dict[str, Any]:
    """Points by client.

    The dataset `breakdown` under a short address.
    """
    return _rows(request, "breakdown", paging, reverse("api:breakdown"))


@reads("/datasets", Permission.VIEW, schemas.Datasets)
def datasets(request: ScopedRequest) -> dict[str, Any]:
    """The datasets that you may read.

    Each with its columns, what may be asked of it, and what a search looks in.
    """
    refuse_others(request.GET, ())
    scope = request.scope
    return {
        "partner": scope.partner.slug,
        "datasets": [description(each, scope) for each in all_datasets() if scope.may(each.permission)],
    }


@reads("/datasets/{key}", Permission.EXPORT, schemas.Rows)
def dataset(request: ScopedRequest, key: Path[str], paging: Query[Paging]) -> dict[str, Any]:
    """Rows of a dataset.

    The same rows, filters, search and sums as on the pages and in the files; every amount with its currency.
    """
    return _rows(request, key, paging, reverse("api:dataset", args=[key]))


def _rows(request: ScopedRequest, key: str, paging: Paging, address: str) -> dict[str, Any]:
    try:
        chosen = find(key)
    except KeyError as error:
        raise Http404 from error
    scope = request.scope
    selection = asked(chosen, scope, request.GET)
    found = answer(selection, paging.page, paging.page_size, address)
    return {"partner": scope.partner.slug, "as_of": answers.as_of(scope)} | found


# Refusals, as sentences


@api.exception_handler(ValidationError)
def not_understood(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    """A parameter of the wrong kind."""
    problems = [f"“{each['loc'][-1]}”: {each['msg']}." for each in error.errors]
    return refusal(422, " ".join(problems), problems)


@api.exception_handler(UnusableError)
def unusable(_request: HttpRequest, error: UnusableError) -> HttpResponse:
    """A parameter that cannot be used as it stands."""
    return refusal(422, str(error), error.problems)


@api.exception_handler(PermissionDenied)
def denied(request: ScopedRequest, _error: PermissionDenied) -> HttpResponse:
    """Rows that this role may not see."""
    return refusal(403, _("The role “%(role)s” may not read this.") % {"role": request.scope.role})


@api.exception_handler(NoSuchPageError)
def no_such_page(_request: HttpRequest, error: NoSuchPageError) -> HttpResponse:
    """A page beyond the last."""
    return refusal(404, str(error))


@api.exception_handler(Http404)
def nothing_there(_request: HttpRequest, _error: Http404) -> HttpResponse:
    """An address that is none."""
    return refusal(404, _("There is nothing at this address."))


@api.exception_handler(Exception)
def failed(request: HttpRequest, error: Exception) -> HttpResponse:
    """A fault of the portal: into the log, and no word about it outside."""
    logger.error("%s failed", request.path, exc_info=error)
    return refusal(500, _("Something went wrong here. It is not your request; try again later."))
