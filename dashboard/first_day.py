"""The checklist of a partner's first day: what to import or set up, what it enables, and whether it is done."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Exists, QuerySet
from django.db.models.expressions import Combinable, RawSQL
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.access import ScopedRequest
from accounts.models import Partner
from accounts.roles import Permission
from accounts.scope import Scope
from clients.models import Certification, Client, Deal, RetentionMonth, Service
from commissions.models import StatementLine
from program.caching import cached_by_generation
from program.queries import rulebook
from renewals.models import Renewal

MONTHS = 12  # of comparable MRR before retention is known


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to import or to set up."""

    #: The kind of facts, or what is set up.
    key: str
    label: str | Promise
    #: What it enables.
    why: str | Promise
    done: bool
    #: The URL of the page where it is done; "" where only operators can.
    address: str
    #: The URL of a template file; "" for none.
    template: str = ""


_FACTS = (
    ("clients", _("Clients"), _("Whom you sell to and manage: everything else is about them.")),
    ("deals", _("Deals"), _("Sold points, shared selling and the commission to expect.")),
    ("services", _("Services"), _("Managed points.")),
    ("certifications", _("Certifications"), _("Without one there is no tier.")),
    ("renewals", _("Renewals"), _("Decision deadlines, and the points at stake.")),
    ("mrr_history", _("MRR by month, 13 months"), _("Retention: C$R and GRR need 12 months to compare.")),
    ("statement_lines", _("Commission statements"), _("What was paid, and lines that don’t add up.")),
)
_SETTINGS = (
    (
        "contacts",
        _("Contacts at the vendor"),
        _("Everyone knows whom to ask."),
        "settings_contact_new",
        Permission.SETTINGS,
    ),
    ("members", _("Colleagues"), _("They see what their role allows."), "accounts_members", Permission.MEMBERS),
    (
        "time_zone",
        _("Time zone"),
        _("It decides when a business day begins; now it is UTC."),
        "settings",
        Permission.SETTINGS,
    ),
)


def steps_for(request: ScopedRequest) -> list[Step]:
    """The checklist as the reader's dashboard shows it; empty when they have hidden it. Read once per request."""
    scope = request.scope
    if any(row.checklist_hidden for row in request.memberships if row.partner_id == scope.partner_id):
        return []
    return scope.once("checklist", lambda: checklist(scope))


def checklist(scope: Scope) -> list[Step]:
    """The steps for somebody who imports; empty once all are done. One query, besides what the cache keeps."""
    if not scope.may_import:
        return []
    done = _imported(scope) | _people(scope) | {"time_zone": scope.partner.time_zone != "UTC"}
    facts = [
        Step(key, label, why, done[key], reverse("imports"), reverse("imports_template", args=[key]))
        for key, label, why in _FACTS
    ]
    settings = [
        Step(key, label, why, done[key], reverse(page))
        for key, label, why, page, right in _SETTINGS
        if scope.may(right)
    ]
    if all(step.done for step in facts + settings):
        return []
    return facts + _thresholds(scope) + settings


def _thresholds(scope: Scope) -> list[Step]:
    """The step to replace sample thresholds; none where the programme's own are in force."""
    rules = rulebook(scope).rule_set(scope.today)
    entered = rules is not None and rules.start.isoformat() in scope.partner.thresholds
    if rules is None or not (rules.sample or entered):
        return []
    why = _("They are samples. Enter the ones of your own agreement.")
    address = reverse("tier_thresholds") if scope.may(Permission.SETTINGS) else ""
    return [Step("thresholds", _("Tier thresholds"), why, entered, address)]


def next_step(request: ScopedRequest, done: str = "") -> Step | None:
    """What the reader can do next: the first open step behind the one that is done, then from the start. None for none.

    done: the key of a step; "" for the imports, with which the list begins.
    """
    steps = steps_for(request)
    behind = next((place for place, step in enumerate(steps, 1) if step.key == done), 0)
    return next((step for step in steps[behind:] + steps[:behind] if step.address and not step.done), None)


@cached_by_generation("first-day-imported")
def _imported(scope: Scope) -> dict[str, bool]:
    """Whether there are facts of the kinds that have a step, by its key. Asks along what `_people` is about to ask."""
    own = {"partner": scope.partner}
    months = RetentionMonth.objects.filter(**own).order_by().values("partner")
    kinds: dict[str, Combinable] = {
        "clients": Exists(Client.objects.filter(**own)),
        "deals": Exists(Deal.objects.filter(**own)),
        "services": Exists(Service.objects.filter(**own)),
        "certifications": Exists(Certification.objects.filter(**own)),
        "renewals": Exists(Renewal.objects.filter(**own)),
        "mrr_history": Exists(months.annotate(months=Count("month", distinct=True)).filter(months__gte=MONTHS)),
        "statement_lines": Exists(StatementLine.objects.filter(**own)),
    }
    people = _rows_of_people(scope)
    found = _exist(scope, kinds | people)
    asked_along = {key: found.pop(key) for key in people}
    scope.once("first-day-people", lambda: asked_along)
    return found


def _people(scope: Scope) -> dict[str, bool]:
    """Whether anybody is named in the steps about people, by their key. Never cached: people move no generation."""
    return scope.once("first-day-people", lambda: _exist(scope, _rows_of_people(scope)))


def _rows_of_people(scope: Scope) -> dict[str, Combinable]:
    # As text, since every front page asks it, those that the browser has already too.
    own = [scope.partner_id]
    contacts = "EXISTS (SELECT FROM accounts_teamcontact WHERE partner_id = %s)"
    members = "EXISTS (SELECT FROM accounts_membership WHERE partner_id = %s AND user_id IS DISTINCT FROM %s)"
    user = [scope.user.pk if scope.user else None]
    return {"contacts": RawSQL(contacts, own), "members": RawSQL(members, own + user)}  # noqa: S611 -- constant texts


def _exist(scope: Scope, rows: Mapping[str, Combinable]) -> dict[str, bool]:
    own = Partner.objects.filter(pk=scope.partner.pk)
    found: QuerySet[Any, Any] = own.values(**rows)  # its names are built, which the types do not know
    return dict(found.get())
