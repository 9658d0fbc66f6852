"""Forms that filter the ledger's rows by range, cause and track."""

from collections.abc import Iterable, Mapping
from datetime import date
from enum import StrEnum
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from partner_portal.lib.dates.periods import Period, requested_day
from partner_portal.lib.dates.ranges import ChosenPeriod, chosen_period
from partner_portal.lib.rows.datasets import Params
from partner_portal.lib.rows.forms import DatasetForm
from program.labels import labelled
from program.periods import programme_periods
from program.queries import rulebook
from program.terms import GAINS, SALES, SOLD_TRACKS, Cause


def seen_on(data: Params, scope: Scope, problems: list[str]) -> date:
    """The day of the parameter `on=YYYY-MM-DD`, or today without it.

    For text that is no day, and for a day ahead, it returns today and adds a sentence to `problems`.
    """
    text = str(data.get("on") or "").strip()
    if not text:
        return scope.today
    try:
        day = requested_day(text)
    except ValueError:
        problems.append(str(_("“%(value)s” is no day; today is shown.")) % {"value": text[:40]})
        return scope.today
    if day > scope.today:
        problems.append(str(_("%(day)s is ahead; today is shown.")) % {"day": day})
        return scope.today
    return day


class RangeForm(DatasetForm):
    """Reads `<prefix>range` or `<prefix>from` and `<prefix>to`; a wrong one falls back to the default.

    Presets are resolved from the day of the parameter `on`. Cleaned data has `period` (a `Period`) besides the fields.
    """

    range_prefix = "changes_"
    default_range = "last-30-days"

    scope: Scope
    chosen: ChosenPeriod
    day: date

    def __init__(self, data: Params | None = None, *, scope: Scope) -> None:
        super().__init__(data, scope=scope)
        self.day = seen_on(self.data, scope, self.problems)
        self.chosen = chosen_period(
            self.data,
            prefix=self.range_prefix,
            today=self.day,
            default=self.default_range,
            programme=self.presets(),
        )
        if self.chosen.problem:
            self.problems.append(self.chosen.problem)

    def presets(self) -> Mapping[str, tuple[str, Period]]:
        """Named ranges beyond those of the calendar."""
        return programme_periods(rulebook(self.scope), self.day)

    def clean(self) -> dict[str, Any]:
        return super().clean() | {"period": self.chosen.period}

    @property
    def query(self) -> dict[str, str]:
        """The parameters that name the same choice again."""
        return self.chosen.query | super().query | self.moved


def choices_of(empty: Any, members: Iterable[StrEnum]) -> list[tuple[str, Any]]:
    """Choices for the members of an enumeration, after one labelled `empty` that filters nothing."""
    return [("", empty), *labelled(members)]


class SoldGainForm(RangeForm):
    """Filters gains of sold points by range and track."""

    track = forms.ChoiceField(label=_("Track"), required=False, choices=choices_of(_("Both tracks"), SOLD_TRACKS))


class SoldLossForm(SoldGainForm):
    """Filters losses of sold points by range, track and cause."""

    cause = forms.ChoiceField(
        label=_("Cause"),
        required=False,
        choices=choices_of(_("All causes"), (Cause.EXPIRED, Cause.DOWNGRADED, Cause.CHURNED)),
    )


class ManagedGainForm(RangeForm):
    """Filters gains of managed points by range and cause."""

    cause = forms.ChoiceField(label=_("Cause"), required=False, choices=choices_of(_("All causes"), GAINS))


class ManagedLossForm(RangeForm):
    """Filters losses of managed points by range and cause."""

    cause = forms.ChoiceField(
        label=_("Cause"),
        required=False,
        choices=choices_of(_("All causes"), (Cause.CHURNED, Cause.REDUCED, Cause.ENDED)),
    )


class ExpiringForm(DatasetForm):
    """Filters lots that will expire: in a month `YYYY-MM`, `within` a number of days, or `by` the next review.

    Further by client id, deal type and track; without parameters, all lots that are left on the day of `on`. Always valid:
    values that are ignored are named in `problems`. Cleaned data has the day of the review as `until`.
    """

    left_out = _("“%(value)s” is no month, number of days or track; it is ignored.")

    scope: Scope
    day: date

    month = forms.CharField(required=False, max_length=7)
    within = forms.IntegerField(required=False, min_value=1, max_value=366)
    by = forms.ChoiceField(
        label=_("Expires"),
        required=False,
        choices=[("", _("At any time")), ("review", _("By the next review"))],
    )
    client = forms.CharField(required=False, max_length=1000)
    kind = forms.ChoiceField(
        label=_("Deal type"),
        required=False,
        choices=choices_of(_("All deals"), SALES),
    )
    track = forms.ChoiceField(label=_("Track"), required=False, choices=choices_of(_("Both tracks"), SOLD_TRACKS))

    def __init__(self, data: Params | None = None, *, scope: Scope) -> None:
        super().__init__(data, scope=scope)
        self.day = seen_on(self.data, scope, self.problems)

    def clean_month(self) -> date | None:
        text = self.cleaned_data["month"]
        if not text:
            return None
        try:
            return date.fromisoformat(f"{text}-01")
        except ValueError as error:
            raise forms.ValidationError("month") from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        review = rulebook(self.scope).next_review(self.day) if cleaned["by"] else None
        until = review.on if review else None
        return cleaned | {
            "month": cleaned["month"] or None,
            "within": cleaned["within"] or None,
            "until": until,
            "on": self.day,
        }

    @property
    def query(self) -> dict[str, str]:
        """The parameters that name the same choice again."""
        cleaned = self.cleaned_data
        query = {name: str(cleaned[name]) for name in ("within", "by", "client", "kind", "track") if cleaned.get(name)}
        if cleaned.get("month"):
            query["month"] = f"{cleaned['month']:%Y-%m}"
        return query | self.moved
