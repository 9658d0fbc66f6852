"""Forms that filter the rows of the front page: shared deals, stuck ones, and a month of retention."""

from datetime import date

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
from clients.churn import CHURNED, CONTRACTED, latest_month
from ledger.forms import RangeForm
from partner_portal.lib.dates.months import month_start
from partner_portal.lib.dates.periods import requested_day
from partner_portal.lib.rows.forms import DatasetForm
from partner_portal.lib.web.one_line import OneLineField
from program.labels import labelled
from program.terms import Origin, Stage

KINDS = {CHURNED: _("Churned"), CONTRACTED: _("Pays less")}
STUCK = {"stalled": _("Stalled"), "past_close": _("Past the expected close")}


class SharedForm(RangeForm):
    """A range of shared deals, an origin, a stage."""

    range_prefix = "shared_"
    default_range = "this-quarter"

    origin = forms.ChoiceField(label=_("Origin"), required=False, choices=[("", _("Every origin")), *labelled(Origin)])
    stage = forms.ChoiceField(label=_("Stage"), required=False, choices=[("", _("Every stage")), *labelled(Stage)])


class StuckForm(DatasetForm):
    """Why a deal is stuck."""

    why = forms.ChoiceField(label=_("Show"), required=False, choices=[("", _("All of them")), *STUCK.items()])


class ChurnForm(DatasetForm):
    """A month `YYYY-MM` (the last complete one unless another is named), and how a client paid less."""

    scope: Scope

    month = forms.CharField(required=False, max_length=7)
    kind = forms.ChoiceField(label=_("Kind"), required=False, choices=[("", _("Both kinds")), *KINDS.items()])

    def clean_month(self) -> date | None:
        text = self.cleaned_data["month"]
        try:
            return month_start(requested_day(f"{text}-01")) if text else latest_month(self.scope)
        except ValueError:
            self.problems.append(str(_("“%(value)s” is no month; the last complete one is shown.")) % {"value": text})
            return latest_month(self.scope)

    @property
    def query(self) -> dict[str, str]:
        """The parameters that name the same choice again; without a month it moves with the clock."""
        month = self.cleaned_data["month"]
        params = {"month": f"{month:%Y-%m}"} if self.data.get("month") and month else {}
        return params | ({"kind": self.cleaned_data["kind"]} if self.cleaned_data["kind"] else {})


class PackForm(forms.Form):
    """The title of a review pack."""

    title = OneLineField(label=_("Title"), max_length=120)
