"""Forms of the tier pages: the day, the filters of their rows, the range over time, and an invitation."""

from datetime import date
from decimal import Decimal
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from ledger.forms import RangeForm, choices_of, seen_on
from ledger.queries import history_starts
from partner_portal.lib.dates.periods import FIRST_DAY, Period
from partner_portal.lib.dates.ranges import PROGRAMME_LABELS
from partner_portal.lib.rows.datasets import Params
from partner_portal.lib.rows.forms import DatasetForm
from partner_portal.lib.web.choices import set_choices
from partner_portal.lib.web.one_line import OneLineField
from program.labels import labels, metric_label
from program.own_thresholds import OwnThresholds
from program.rulebook import RuleSet
from program.terms import SALES, SOLD_TRACKS, Cause, LotState, Market, Metric, Track, Unit
from tiers.breakdown import BreakdownFilter, countries
from tiers.queries import invitable

STATES = labels(LotState)
STEPS = [("", _("By month")), ("day", _("By day"))]
SOLD = {"12-months": _("Sold in the last 12 months")}
MARKETS = labels((Market.STANDARD, Market.GROWTH))


class DayForm(DatasetForm):
    """Reads the day of `on=YYYY-MM-DD`, which defaults to today. Cleaned data has it as `on` besides the fields."""

    scope: Scope
    day: date

    def __init__(self, data: Params | None = None, *, scope: Scope) -> None:
        super().__init__(data, scope=scope)
        self.day = seen_on(self.data, scope, self.problems)

    @property
    def past(self) -> bool:
        """Whether the day is not today."""
        return self.day != self.scope.today

    def clean(self) -> dict[str, Any]:
        return super().clean() | {"on": self.day}

    @property
    def query(self) -> dict[str, str]:
        """The parameters that name the same choice again."""
        return super().query | self.moved


class BreakdownForm(DayForm):
    """Filters the points breakdown. Cleaned data has a `BreakdownFilter` as `filter` besides the fields."""

    track = forms.ChoiceField(label=_("Points"), required=False, choices=choices_of(_("All points"), Track))
    kind = forms.ChoiceField(label=_("Deal type"), required=False, choices=choices_of(_("All deals"), SALES))
    market = forms.ChoiceField(
        label=_("Market type"), required=False, choices=[("", _("All markets")), *MARKETS.items()]
    )
    country = forms.ChoiceField(label=_("Country"), required=False)
    show = forms.ChoiceField(
        label=_("Clients"),
        required=False,
        choices=[("", _("With points")), ("none", _("Without points")), ("all", _("All clients"))],
    )

    def __init__(self, data: Params | None = None, *, scope: Scope) -> None:
        super().__init__(data, scope=scope)
        set_choices(self, "country", [("", _("All countries")), *((code, code) for code in countries(scope))])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        names = ("track", "kind", "market", "country", "show")
        return cleaned | {"filter": BreakdownFilter(**{name: cleaned[name] for name in names})}


class LotsForm(DayForm):
    """Filters sold lots, by client among others."""

    client = forms.CharField(required=False, max_length=1000)
    kind = forms.ChoiceField(label=_("Deal type"), required=False, choices=choices_of(_("All deals"), SALES))
    state = forms.ChoiceField(label=_("State"), required=False, choices=[("", _("All states")), *STATES.items()])
    track = forms.ChoiceField(label=_("Track"), required=False, choices=choices_of(_("Both tracks"), SOLD_TRACKS))
    sold = forms.ChoiceField(label=_("Sold"), required=False, choices=[("", _("At any time")), *SOLD.items()])


class EntriesForm(DayForm):
    """Filters ledger entries up to the day, by client among others."""

    client = forms.CharField(required=False, max_length=1000)
    track = forms.ChoiceField(label=_("Track"), required=False, choices=choices_of(_("All tracks"), Track))
    cause = forms.ChoiceField(label=_("Cause"), required=False, choices=choices_of(_("All causes"), Cause))


class InvitationForm(forms.Form):
    """Records an invitation by the vendor to a tier, and since when it holds."""

    tier = forms.ChoiceField(label=_("Tier"))
    on = forms.DateField(label=_("Invited on"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"))

    def __init__(self, data: QueryDict | None = None, *, scope: Scope) -> None:
        super().__init__(data, initial={"on": scope.today}, auto_id="invitation-%s")
        self.scope = scope
        set_choices(self, "tier", [(name, name) for name in invitable(scope)])

    def clean_on(self) -> date:
        on: date = self.cleaned_data["on"]
        if on > self.scope.today:
            raise forms.ValidationError(_("Enter a date that is not after today."))
        if on < FIRST_DAY:
            raise forms.ValidationError(_("Enter a date within this programme."))
        return on


class ThresholdsForm(forms.Form):
    """The partner's own thresholds of a rule set: `0-total_points` is that of its lowest tier. Ratios are typed in per cent."""

    source = OneLineField(
        label=_("Where these numbers come from"),
        max_length=200,
        help_text=_("Such as: partner portal of the vendor, 27 November. Everyone sees it beside the tiers."),
    )

    def __init__(self, data: QueryDict | None = None, *, rules: RuleSet) -> None:
        super().__init__(data, initial={"source": rules.source})
        self.rules = rules
        self.places = {
            f"{place}-{need.metric}": (tier.name, need)
            for place, tier in enumerate(rules.tiers)
            for need in tier.requirements
        }
        for name, (tier, need) in self.places.items():
            ratio = need.metric.unit is Unit.RATIO
            label = f"{tier}: {metric_label(need.metric)}" + (" (%)" if ratio else "")
            value = need.value * 100 if ratio else need.value
            self.fields[name] = forms.DecimalField(
                label=label, min_value=0, max_digits=14, decimal_places=4, initial=f"{value.normalize():f}"
            )

    def rows(self) -> list[tuple[str, list[forms.BoundField]]]:
        """The fields of each tier, lowest first."""
        return [
            (tier.name, [self[f"{place}-{need.metric}"] for need in tier.requirements])
            for place, tier in enumerate(self.rules.tiers)
        ]

    def clean(self) -> dict[str, object]:
        highest: dict[Metric, Decimal] = {}
        for name, (_tier, need) in self.places.items():
            value: Decimal | None = self.cleaned_data.get(name)
            if value is None:
                continue
            if value < highest.get(need.metric, value):
                self.add_error(name, _("A higher tier cannot need less than a lower one."))
            highest[need.metric] = max(value, highest.get(need.metric, value))
        return self.cleaned_data

    def thresholds(self) -> OwnThresholds:
        """What was entered; only when the form is valid."""
        values = {
            (tier, need.metric): self.cleaned_data[name] / (100 if need.metric.unit is Unit.RATIO else 1)
            for name, (tier, need) in self.places.items()
        }
        return OwnThresholds(self.cleaned_data["source"], values)


class OverTimeForm(RangeForm):
    """Reads the range and the step of the chart over time."""

    range_prefix = "time_"
    default_range = "last-12-months"

    step = forms.ChoiceField(label=_("Step"), required=False, choices=STEPS, initial="")

    def presets(self) -> dict[str, tuple[str, Period]]:
        """Named ranges beyond those of the calendar, the whole history among them."""
        starts = history_starts(self.scope)
        own = dict(super().presets())
        if starts is not None and starts <= self.day:
            own["whole-history"] = (str(PROGRAMME_LABELS["whole-history"]), Period(starts, self.day))
        return own
