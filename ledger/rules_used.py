"""Which rules a partner's facts have points computed by, as a fingerprint: a change of other rules posts nothing anew (ADR 175)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from hashlib import sha256

from django.db.models import Max, Min

from accounts.scope import Scope
from clients.models import Deal, Service
from program.rulebook import Dated, Rulebook, UnknownCurrencyError
from program.terms import TRACK_OF_ORIGIN, Origin, Stage

type Days = tuple[date, date]  # the first and the last


@dataclass(slots=True)
class Uses:
    """For what, and for which days, facts make the engine ask the rules; days between them count as asked for."""

    currencies: dict[str, Days] = field(default_factory=dict)  #: of deals and services, by currency
    countries: dict[str, Days] = field(default_factory=dict)  #: of deals and services, by the client's country
    origins: dict[Origin, Days] = field(default_factory=dict)  #: days on which deals closed
    services: bool = False

    def add(self, currency: str, country: str, days: Days) -> None:
        """Add days on which an amount in a currency counts for a client of a country."""
        _widen(self.currencies, currency, days)
        _widen(self.countries, country, days)


def _widen[K](by_key: dict[K, Days], key: K, days: Days) -> None:
    first, last = by_key.get(key, days)
    by_key[key] = min(first, days[0]), max(last, days[1])


def uses_of(scope: Scope) -> Uses:
    """The uses of all facts of the partner, those dated ahead too. Two queries."""
    uses = Uses()
    deals = Deal.objects.filter(partner=scope.partner, stage=Stage.WON).order_by()
    for currency, country, origin, first, last in deals.values_list("currency", "client__country", "origin").annotate(
        Min("closed_on"), Max("closed_on")
    ):
        uses.add(currency, country, (first, last))
        _widen(uses.origins, Origin(origin), (first, last))
    services = Service.objects.filter(partner=scope.partner).order_by()
    for currency, country, first, last in services.values_list("currency", "client__country").annotate(
        Min("started_on"), Max("started_on")
    ):
        uses.add(currency, country, (first, last))
        uses.services = True
    return uses


def fingerprint(uses: Uses, rulebook: Rulebook) -> str:
    """Digest of everything that the rules answer to these uses. Equal digests: equal entries, earnings and lots."""
    tables, markets, rates = rulebook.currency_tables, rulebook.growth_markets, rulebook.sold_rates
    answers: list[object] = [
        _answers(uses.currencies, tables, lambda currency: lambda day: _per_unit(rulebook, currency, day)),
        _answers(uses.countries, markets, lambda country: lambda day: Fraction(rulebook.factor(country, day))),
    ]
    if uses.origins:
        # A line's first sale decides its rate: it is of any origin, and no later than the deal.
        since = min(first for first, _last in uses.origins.values())
        sold = {origin: (since, last) for origin, (_first, last) in uses.origins.items() if origin in TRACK_OF_ORIGIN}
        answers += [
            _answers(sold, rates, lambda origin: lambda day: Fraction(rulebook.rate(origin, day))),
            rulebook.sold_life_months,
            (rulebook.commission.start, rulebook.commission.months),
        ]
    if uses.services:
        answers.append(Fraction(rulebook.managed_rate))
    return sha256(repr(answers).encode()).hexdigest()


def _per_unit(rulebook: Rulebook, currency: str, day: date) -> Fraction | None:
    try:
        return Fraction(rulebook.per_unit(currency, day))
    except UnknownCurrencyError:
        return None


def _answers[K: str](
    asked: Mapping[K, Days], rows: Iterable[Dated], answer_of: Callable[[K], Callable[[date], object]]
) -> list[tuple[K, list[tuple[date, object]]]]:
    """By key, in order, the answers for its days as steps: the days from which another one holds."""
    starts = sorted(row.start for row in rows)
    return [(key, _steps(days, starts, answer_of(key))) for key, days in sorted(asked.items())]


def _steps(days: Days, starts: Iterable[date], answer: Callable[[date], object]) -> list[tuple[date, object]]:
    first, last = days
    steps = [(first, answer(first))]
    for start in starts:
        if first < start <= last and (value := answer(start)) != steps[-1][1]:
            steps.append((start, value))
    return steps
