"""The context of one request of the front page: its scope, its query, and the figures that several panels share."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from functools import cached_property

from accounts.scope import Scope
from dashboard.queries import review_days
from ledger.queries import MonthLoss, expiry_forecast, history_starts
from partner_portal.lib.dates.months import month_end
from partner_portal.lib.dates.ranges import ChosenPeriod, section_parameters
from tiers.forms import DayForm
from tiers.queries import Projected, TierStanding, projection, tier_standing

TOGETHER = ("changes_", "shared_")  # sections that can share one range; that of renewals is in the future


class Overview:
    """Everything that the panels of one request share; figures are read once.

    `path` and `query` are the URL of the page, even for a request of one panel. `day` is the day of `on`: when it is past,
    the scope's today is that day, and links name ranges by their days, so that they lead to the same rows.
    """

    def __init__(self, scope: Scope, path: str, query: Mapping[str, str], part: str = "") -> None:
        self.day = DayForm(query, scope=scope)
        self.scope = scope.on(self.day.day)
        self.path = path
        self.query = query
        self.part = part

    @cached_property
    def standing(self) -> TierStanding:
        """Tiers and gaps of today."""
        return tier_standing(self.scope)

    @cached_property
    def tier_names(self) -> tuple[str, ...]:
        """The tiers of the rule set in force, lowest first."""
        rule_set = self.standing.rule_set
        return tuple(tier.name for tier in rule_set.tiers) if rule_set else ()

    def section(self, prefix: str) -> Mapping[str, str]:
        """The parameters of a section; those without a prefix apply to all sections."""
        return section_parameters(self.query, prefix)

    def fixed(self, chosen: ChosenPeriod) -> ChosenPeriod:
        """A range as links name it: on a past day by its days, since a preset would depend on the clock."""
        return replace(chosen, preset="") if self.day.past else chosen

    @cached_property
    def starts(self) -> date | None:
        """The first day with a ledger entry; None without any."""
        return history_starts(self.scope)

    @cached_property
    def months(self) -> Sequence[MonthLoss]:
        """What expires, by month, from this month to the same one next year."""
        return expiry_forecast(self.scope, self.scope.today)

    @cached_property
    def ahead(self) -> Sequence[Projected]:
        """The ends of these months, and last the next review day, if nothing else happens."""
        review = self.standing.next_review
        days = [month_end(loss.month) for loss in self.months] + ([review] if review else [])
        return projection(self.scope, self.scope.today, days)

    @cached_property
    def review_days(self) -> Sequence[date]:
        """The reviews in these months that are still to come."""
        return [
            day
            for day in review_days(self.scope, self.scope.today, month_end(self.months[-1].month))
            if day > self.scope.today
        ]
