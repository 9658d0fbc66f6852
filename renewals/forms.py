"""Forms that filter renewals and that set one's own reminder."""

from django import forms
from django.utils.translation import gettext_lazy as _

from ledger.forms import RangeForm
from program.labels import labelled
from program.terms import RenewalStatus

DECISIONS = {
    "overdue": _("Overdue"),
    "undecided": _("Pending, deadline not passed"),
    "late": _("Pending, deadline passed"),
    "tier": _("Would cost a tier"),
    "dated": _("Dated in the range, without overdue ones"),
    "decided": _("Dated in the range, decided"),
    "open": _("Dated in the range, not decided"),
}


class RenewalsForm(RangeForm):
    """Filters renewals by range (by default the next 90 days and overdue ones), status, decision and manager."""

    range_prefix = "renewals_"
    default_range = "next-90-days"

    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[("", _("Every status")), *labelled(RenewalStatus)]
    )
    show = forms.ChoiceField(label=_("Show"), required=False, choices=[("", _("All renewals")), *DECISIONS.items()])
    manager = forms.ChoiceField(
        label=_("Renewal manager"), required=False, choices=[("", _("Everybody")), ("none", _("Not assigned"))]
    )


class ReminderForm(forms.Form):
    """Turns one's own reminder on or off and sets the days before the decision deadline."""

    active = forms.BooleanField(label=_("E-mail me before a decision is due"), required=False)
    days_before = forms.IntegerField(
        label=_("Days before the decision deadline"),
        min_value=0,
        max_value=180,
        required=False,
        help_text=_("The deadline is 45 days before the renewal. One e-mail per renewal."),
    )

    def clean(self) -> None:
        super().clean()
        cleaned = self.cleaned_data
        if cleaned.get("active") and cleaned.get("days_before") is None and "days_before" not in self.errors:
            self.add_error("days_before", _("How many days before?"))
