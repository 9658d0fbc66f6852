"""The context of every page: the two navigations, how old the data is, and the programme's name.

An entry is only an address and a label. It is shown when the address exists and the member's role may open it, as the
view itself declares (`accounts.access.requires`), so no right is written down twice.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import cast
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest
from django.urls import Resolver404, get_script_prefix, resolve
from django.utils import timezone
from django.utils.functional import Promise, SimpleLazyObject
from django.utils.translation import gettext_lazy as _

from accounts.access import scope_of
from accounts.models import User
from accounts.scope import Scope
from partner_portal.lib.dates import clock
from partner_portal.lib.web.htmx import Context
from partner_portal.lib.web.view_rules import ViewRules, rules_of
from program import queries as program_queries
from sources.queries import last_arrival

HOME = "/dashboard/"


@dataclass(frozen=True, slots=True)
class Entry:
    """A page of the portal."""

    path: str
    label: str | Promise
    #: Whether it is set apart at the end of the bar.
    at_end: bool = False
    #: Other paths that belong to it.
    under: tuple[str, ...] = ()

    def holds(self, path: str) -> bool:
        """Whether `path` lies under this page."""
        return path.startswith((self.path, *self.under))


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as one request sees it."""

    address: str
    label: str | Promise
    at_end: bool
    current: bool


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old the facts are."""

    #: When the last ones came in; None for never.
    as_of: datetime | None
    days_old: int = 0
    #: Whether that is more days than the partner allows, or a live connection has missed runs.
    stale: bool = False
    #: Name of the live connection that keeps them up to date; "" for files.
    source: str = ""
    #: Why the connection has missed runs, as a sentence; "" when it has not.
    why: str = ""
    #: Kinds that only files bring and whose last file is older: label, and when it came. The oldest comes first.
    older: Sequence[tuple[str, datetime]] = ()


MAIN = (
    Entry("/dashboard/", _("Dashboard")),
    Entry("/tiers/", _("Tier")),
    Entry("/clients/", _("Clients")),
    Entry("/commissions/", _("Commissions")),
    Entry("/renewals/", _("Renewals")),
    Entry("/lists/", _("Lists")),
    Entry("/reports/", _("Reports")),
    Entry("/exports/", _("Exports"), under=("/schedules/",)),
    Entry("/imports/", _("Imports"), at_end=True),
    Entry("/calculator/", _("Calculator"), at_end=True),
)
ACCOUNT = (
    Entry("/settings/", _("Settings")),
    Entry("/connections/", _("Connections")),
    Entry("/notices/channels/", _("Channels")),
    Entry("/accounts/members/", _("Members")),
    Entry("/accounts/audit/", _("Audit log")),
    Entry("/accounts/profile/", _("Your account")),
    Entry("/help/", _("Help and terms")),
)


#: Pages of operators. The admin site guards them.
OPERATORS = (
    Entry("/admin/partners/", _("Partners")),
    Entry("/admin/program/", _("Programme rules")),
)
#: Pages below those of the two navigations, for the search.
BELOW = (
    Entry("/dashboard/team/", _("Team")),
    Entry("/dashboard/packs/", _("Review packs")),
    Entry("/dashboard/stuck-deals/", _("Open deals to check")),
    Entry("/tiers/breakdown/", _("Points breakdown")),
    Entry("/tiers/expiring/", _("Points that expire")),
    Entry("/tiers/people/", _("Certified people")),
    Entry("/tiers/tools/", _("Tool usage")),
    Entry("/tiers/plans/", _("Tier plans")),
    Entry("/tiers/thresholds/", _("Tier thresholds")),
    Entry("/commissions/rows/statements/", _("Statements")),
    Entry("/commissions/rows/lines/", _("Statement lines")),
    Entry("/commissions/questions/", _("Queries")),
    Entry("/renewals/reminders/", _("Reminders and calendar")),
    Entry("/schedules/", _("Schedules")),
    Entry("/certifications/", _("Certifications of your people")),
    Entry("/imports/columns/", _("Columns of import files")),
    Entry("/settings/product-lines/", _("Product lines")),
    Entry("/notices/", _("Notices")),
    Entry("/notices/settings/", _("Notices you get")),
    Entry("/accounts/email/", _("E-mail")),
    Entry("/accounts/password/change/", _("Password")),
    Entry("/accounts/2fa/", _("Two-step verification")),
    Entry("/accounts/sessions/", _("Sessions")),
    Entry("/accounts/tokens/", _("API tokens")),
    Entry("/api/v1/docs/", _("JSON API")),
)


def links(entries: tuple[Entry, ...], scope: Scope | None, path: str) -> list[Link]:
    """The entries that lead somewhere for this scope; the one that `path` lies under is current.

    Only the first of those at the end is marked so: it takes the free space, the others follow it.
    """
    prefix = get_script_prefix().rstrip("/")
    shown = [entry for entry in entries if _opens(entry.path, scope)]
    first_at_end = next((entry for entry in shown if entry.at_end), None)
    return [Link(prefix + entry.path, entry.label, entry is first_at_end, entry.holds(path)) for entry in shown]


def pages(scope: Scope) -> list[Link]:
    """Every page that the scope may open, those of the navigations first."""
    return links((*MAIN, *ACCOUNT, *BELOW), scope, "")


def freshness(scope: Scope) -> Freshness:
    """How old the facts are. Reckoned by the real clock: it is about files, not about business days. Read once per scope."""
    return scope.once("freshness", lambda: _freshness(scope))


def _freshness(scope: Scope) -> Freshness:
    arrival = last_arrival(scope)
    if arrival.as_of is None:
        return Freshness(None)
    days = (timezone.localdate(clock.now()) - timezone.localdate(arrival.as_of)).days
    stale = days > scope.partner.stale_after_days or arrival.is_late
    return Freshness(arrival.as_of, days, stale, arrival.source, arrival.why, arrival.older)


def _opens(path: str, scope: Scope | None) -> bool:
    rules = _rules_at(path)
    if rules is None or rules.permission is None:
        return rules is not None
    return scope is not None and scope.may(rules.permission)


@cache
def _rules_at(path: str) -> ViewRules | None:
    """The rules of the view at an address; None without a view. Addresses do not change while the process runs."""
    try:
        return rules_of(resolve(path).func)
    except Resolver404:
        return None


def frame(request: HttpRequest) -> Context:
    """Context processor: `home`, `navigation`, `freshness`, `programme` (its name), `appearance` (what one can choose of it).

    What costs something is asked only where the page shows it, so not for a part of one.

    Somebody who signs in to see a page gets `return_to`, the name of the part of the portal that it lies in.
    """
    scope = scope_of(request)
    signed_in = getattr(request, "user", None) is not None and request.user.is_authenticated
    path = request.path_info

    def navigation() -> Mapping[str, list[Link]]:
        if not signed_in:
            return {}
        account = (*ACCOUNT, *OPERATORS) if request.user.is_staff else ACCOUNT
        return {"main": links(MAIN, scope, path) if scope else [], "account": links(account, scope, path)}

    return {
        "home": get_script_prefix().rstrip("/") + HOME,
        "navigation": SimpleLazyObject(navigation),
        "programme": SimpleLazyObject(lambda: program_queries.rulebook(scope).name) if scope else "",
        "freshness": SimpleLazyObject(lambda: freshness(scope)) if scope else None,
        "return_to": "" if signed_in else _label_of(request.GET.get("next", "")),
        "appearance": _appearance(cast("User", request.user)) if signed_in else (),
        "operator_mail": mailto(settings.OPERATOR_EMAIL, str(scope.partner))
        if scope and settings.OPERATOR_EMAIL
        else "",
    }


def mailto(address: str, subject: str) -> str:
    """The link that writes a mail to the address."""
    return f"mailto:{quote(address, safe='@')}?subject={quote(subject, safe='')}"


def _appearance(user: User) -> list[tuple[str, Promise, object, str]]:
    """Name, title, choices and present value of what a person chooses about the looks of every page."""
    fields = (("theme", _("Theme"), User.theme), ("density", _("Density"), User.density))
    return [(name, title, field.field.choices, getattr(user, name)) for name, title, field in fields]


def _label_of(path: str) -> str | Promise:
    return next((entry.label for entry in (*MAIN, *ACCOUNT) if entry.holds(path)), "")
