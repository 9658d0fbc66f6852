"""The help page: how points are earned, by the programme's own rules, what the terms mean, and where everything is."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from django.conf import settings
from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.urls import get_script_prefix
from django.utils.functional import Promise
from django.utils.translation import get_language, override
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

from accounts.access import ScopedRequest, requires
from accounts.roles import Permission
from imports.next_steps import PAGES, PURPOSES
from partner_portal import navigation
from partner_portal.lib.cldr import country_name
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.rows.facts import kind
from program.glossary import GLOSSARY, Term
from program.queries import RulesInForce, rulebook, rules_in_force
from program.rulebook import Rulebook
from program.terms import Market

# The original's manual, "View and manage your partner dashboard": what it calls a thing, and the page and place of ours.
MANUAL: tuple[tuple[str, str | Promise, str, str | Promise], ...] = (
    ("Partner > Dashboard", _("Dashboard"), "/dashboard/", ""),
    ("Program Progress", _("Programme progress"), "/dashboard/#progress", _("Also what happens at the next review.")),
    (
        "Tier progression, Get to",
        _("Tier progression"),
        "/dashboard/#progression",
        _("The tier you choose is part of the address."),
    ),
    (
        "Tier Point Changes",
        _("Tier point changes"),
        "/dashboard/#changes",
        _("Every number opens its rows and says why."),
    ),
    ("Shared Selling", _("Shared selling"), "/dashboard/#shared", _("Also the deals to check.")),
    ("Use in lists", _("Add to list"), "/lists/", _("In the dialog behind every number; your lists are here.")),
    ("Export unsummarized data", _("Export"), "/exports/", _("In the same dialog; your files wait here.")),
    ("Save as report", _("Save as report"), "/reports/", _("In the same dialog. A report opens with current data.")),
    (
        "Commission, Go to Commission App",
        _("Commissions"),
        "/commissions/",
        _("Down to each line, compared with what to expect."),
    ),
    (
        "Upcoming HubSpot Renewals",
        _("Renewals"),
        "/renewals/",
        _("With the points at stake and the tier without them."),
    ),
    ("Partner > Tier", _("Tier"), "/tiers/", ""),
    ("Tier Insights", _("Tier insights"), "/tiers/#insights", ""),
    ("Points Breakdown", _("Points breakdown"), "/tiers/breakdown/", _("Deal type and market are filters.")),
    ("Progress Over Time", _("Progress over time"), "/tiers/#over-time", _("With what is already known to expire.")),
    ("Points calculator", _("Calculator"), "/calculator/", _("The tab Currency is the second half of the page.")),
    ("HubSpot Team", _("Team"), "/dashboard/team/", _("Whom to write to at the vendor.")),
)


@dataclass(frozen=True, slots=True)
class Rate:
    """Points of one market for an amount that is one unit."""

    market: Market
    sourced: Decimal
    assisted: Decimal
    managed: Decimal


@dataclass(frozen=True, slots=True)
class EarlierRate:
    """The rates of product lines first sold before `until`."""

    until: date
    sourced: Decimal
    assisted: Decimal


@dataclass(frozen=True, slots=True)
class Named:
    """A term with its names in the other languages: code and name."""

    term: Term
    others: tuple[tuple[str, str], ...]


@require_safe
@requires(Permission.VIEW)
def help_page(request: ScopedRequest) -> HttpResponse:
    """All help on one page; every term has an address of its own, such as `/help/#term-sourced`."""
    scope = request.scope
    book, rules = rulebook(scope), rules_in_force(scope, scope.today)
    language = get_language() or scope.locale
    prefix = get_script_prefix().rstrip("/")
    opens = {link.address for link in navigation.pages(scope)}
    context = {
        "book": book,
        "rules": rules,
        "rates": _rates(book, rules, scope.today),
        "earlier": _earlier(book, rules),
        "amounts": sorted(rules.currency_table.amounts.items()),
        "growth": _countries(rules, language),
        "reviews": book.reviews_between(scope.today, add_months(scope.today, 12)),
        "chapters": [(chapter, [_named(term, language) for term in chapter.terms]) for chapter in GLOSSARY],
        "kinds": [(kind(key), purpose, *PAGES[key]) for key, purpose in PURPOSES.items()],
        "manual": [
            (theirs, ours, prefix + path, note)
            for theirs, ours, path, note in MANUAL
            if prefix + path.partition("#")[0] in opens
        ],
    }
    return TemplateResponse(request, "help.html", context)


def _rates(book: Rulebook, rules: RulesInForce, day: date) -> list[Rate]:
    """The rates of lines sold from now on, for each market that there is."""
    factors = {Market.STANDARD: Decimal(1)}
    if rules.growth_market is not None:
        factors[Market.GROWTH] = book.market_factor(True, day)
    return [
        Rate(market, *(rate * factor for rate in (rules.rates.sourced, rules.rates.assisted, rules.managed_rate)))
        for market, factor in factors.items()
    ]


def _earlier(book: Rulebook, rules: RulesInForce) -> list[EarlierRate]:
    """Rates that lines first sold under them still have, latest first."""
    starts = [rate.start for rate in book.sold_rates]
    return [
        EarlierRate(until, rate.sourced, rate.assisted)
        for rate, until in zip(book.sold_rates, starts[1:], strict=False)
        if until <= rules.rates.start
    ][::-1]


def _countries(rules: RulesInForce, language: str) -> list[str]:
    market = rules.growth_market
    return sorted(country_name(code, language) for code in market.countries) if market else []


def _named(term: Term, language: str) -> Named:
    """The term with the names that differ in the other languages of the portal."""
    own, others = str(term.name), []
    for code, _language in settings.LANGUAGES:
        if code != language:
            with override(code):
                name = str(term.name)
            if name != own:
                others.append((code, name))
    return Named(term, tuple(others))
