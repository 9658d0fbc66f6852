"""What somebody may ask of renewals: a range of days, a status, a manager; and when to be reminded."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.scope import Scope
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
    """A range (by default the next 90 days, the overdue ones on top), a status, and what needs a look."""

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
    """Whether to be reminded, and how many days before the decision deadline."""

    active = forms.BooleanField(label=_("Mail me before a renewal must be decided"), required=False)
    days_before = forms.IntegerField(
        label=_("Days before the decision deadline"),
        min_value=0,
        max_value=180,
        required=False,
        help_text=_("The deadline is 45 days before the renewal. Each renewal is told once."),
    )

    def __init__(self, *args: Any, scope: Scope, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.scope = scope

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("active") and cleaned.get("days_before") is None and "days_before" not in self.errors:
            self.add_error("days_before", _("How many days before?"))
        return cleaned
