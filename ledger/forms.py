"""What somebody may ask of the ledger's rows: a range of days, causes, tracks."""

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from ledger.models import GAINS, LOSSES, SOLD_TRACKS, Cause, Track
from partner_portal.lib.periods import ChosenPeriod, chosen_period
from program.periods import programme_periods
from program.queries import rulebook


class RangeForm(forms.Form):
    """Reads `<prefix>range` or `<prefix>from` and `<prefix>to`; always valid, with what fell back in `problems`.

    Cleaned data has `period` (a `Period`) and, for other fields, their value or "".
    """

    range_prefix = "changes_"
    default_range = "last-30-days"

    def __init__(self, data: Any = None, *, scope: Scope, **kwargs: Any) -> None:
        super().__init__(data or {}, **kwargs)
        self.scope = scope
        self.problems: list[str] = []
        self.chosen: ChosenPeriod = chosen_period(
            self.data,
            prefix=self.range_prefix,
            today=scope.today,
            default=self.default_range,
            programme=programme_periods(rulebook(scope), scope.today),
        )
        if self.chosen.problem:
            self.problems.append(self.chosen.problem)

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in list(self.errors):
            self.problems.append(
                str(_("“%(value)s” is not one of the choices; all are shown."))
                % {"value": str(self.data.get(name))[:40]}
            )
        self._errors = forms.utils.ErrorDict()
        return {name: cleaned.get(name) or "" for name in self.fields} | {"period": self.chosen.period}

    @property
    def query(self) -> dict[str, str]:
        """The parameters that name the same choice again."""
        chosen = {name: str(self.cleaned_data[name]) for name in self.fields if self.cleaned_data.get(name)}
        return self.chosen.query | chosen


def _choices(empty: Any, values: Any) -> list[tuple[str, Any]]:
    return [("", empty), *((value.value, value.label) for value in values)]


class SoldGainForm(RangeForm):
    track = forms.ChoiceField(
        label=_("Track"), required=False, choices=_choices(_("Both tracks"), map(Track, SOLD_TRACKS))
    )


class SoldLossForm(SoldGainForm):
    cause = forms.ChoiceField(
        label=_("Cause"),
        required=False,
        choices=_choices(_("All causes"), (Cause.EXPIRED, Cause.DOWNGRADED, Cause.CHURNED)),
    )


class ManagedGainForm(RangeForm):
    cause = forms.ChoiceField(label=_("Cause"), required=False, choices=_choices(_("All causes"), map(Cause, GAINS)))


class ManagedLossForm(RangeForm):
    cause = forms.ChoiceField(
        label=_("Cause"),
        required=False,
        choices=_choices(_("All causes"), [Cause(c) for c in LOSSES if c in {"churned", "reduced", "ended"}]),
    )


class ExpiringForm(forms.Form):
    """A month of the forecast, `YYYY-MM`; without one, everything that is left. `on` moves the day it is seen from."""

    month = forms.CharField(required=False, max_length=7)
    track = forms.ChoiceField(
        label=_("Track"), required=False, choices=_choices(_("Both tracks"), map(Track, SOLD_TRACKS))
    )
    on = forms.DateField(required=False)

    def __init__(self, data: Any = None, *, scope: Scope, **kwargs: Any) -> None:
        super().__init__(data or {}, **kwargs)
        self.scope = scope
        self.problems: list[str] = []

    def clean_month(self) -> date | None:
        text = self.cleaned_data["month"]
        if not text:
            return None
        try:
            return date.fromisoformat(f"{text}-01")
        except ValueError as error:
            raise forms.ValidationError("month") from error

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        for name in list(self.errors):
            self.problems.append(
                str(_("“%(value)s” is no month or day; it is ignored.")) % {"value": str(self.data.get(name))[:40]}
            )
        self._errors = forms.utils.ErrorDict()
        day = cleaned.get("on")
        if day and day > self.scope.today:
            self.problems.append(str(_("%(day)s is ahead; today is shown.")) % {"day": day})
            day = None
        return {"month": cleaned.get("month"), "track": cleaned.get("track") or "", "on": day}

    @property
    def query(self) -> dict[str, str]:
        """The parameters that name the same choice again."""
        found = {}
        if self.cleaned_data.get("month"):
            found["month"] = f"{self.cleaned_data['month']:%Y-%m}"
        if self.cleaned_data.get("track"):
            found["track"] = self.cleaned_data["track"]
        if self.cleaned_data.get("on"):
            found["on"] = self.cleaned_data["on"].isoformat()
        return found
