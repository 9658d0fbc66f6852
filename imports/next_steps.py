"""What somebody can do after an import: which kind of file comes next, and where its result is seen."""

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from partner_portal.lib.rows.facts import FactKind, kind, kinds

# In the order in which a new partner needs them, with what they are for.
PURPOSES: dict[str, str | Promise] = {
    "clients": _("Everything else belongs to a client."),
    "deals": _("Won deals earn sourced and assisted points."),
    "services": _("The services you run earn managed points."),
    "certifications": _("Without a certification you have no tier, however many points you have."),
    "renewals": _("They show which points you could lose, and when."),
    "mrr_history": _("Twelve months of it give your retention (C$R and GRR)."),
    "cancellations": _("They take the points of clients and products that left."),
    "statement_lines": _("They let you compare what was paid with what you expect."),
}
# Where people see what they imported: the name of the address, and of the page.
PAGES: dict[str, tuple[str, str | Promise]] = {
    "clients": ("clients", _("Clients")),
    "deals": ("dashboard", _("Dashboard")),
    "services": ("dashboard", _("Dashboard")),
    "cancellations": ("dashboard", _("Dashboard")),
    "mrr_history": ("dashboard", _("Dashboard")),
    "certifications": ("tier", _("Tier")),
    "renewals": ("renewals", _("Renewals")),
    "statement_lines": ("commissions", _("Commissions")),
}


@dataclass(frozen=True, slots=True)
class NextSteps:
    """What comes after an import."""

    missing: FactKind | None  #: the kind to import next; None when there is something of every kind
    purpose: str | Promise
    later: tuple[FactKind, ...]  #: kinds of which there is nothing either
    pages: tuple[tuple[str, str | Promise], ...]  #: where the imported kinds are seen


def next_steps(scope: Scope, imported: Collection[str]) -> NextSteps:
    """The next steps after an import of these kinds. One query a kind."""
    known = {of_kind.key for of_kind in kinds()}
    missing = [
        kind(key)
        for key in PURPOSES
        if key in known and not kind(key).model._default_manager.filter(partner=scope.partner).exists()
    ]
    first = missing[0] if missing else None
    pages = dict.fromkeys(PAGES[key] for key in PURPOSES if key in imported and key in PAGES)
    dashboard_first = tuple(sorted(pages, key=lambda page: page[0] != "dashboard"))
    return NextSteps(first, PURPOSES[first.key] if first else "", tuple(missing[1:]), dashboard_first)
