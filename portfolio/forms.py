"""Forms of the list of clients, and of withdrawing a fact."""

from django import forms
from django.utils.translation import gettext_lazy as _

from partner_portal.lib.rows.forms import DatasetForm
from portfolio.client_list import HEALTH, STATES

HOLDS = {
    "managed": _("Managed by us"),
    "sold": _("With sold points"),
    "renewing": _("Renews within 90 days"),
    "none": _("Without points"),
}


class PortfolioForm(DatasetForm):
    """Clients of one health or state, or with something."""

    health = forms.ChoiceField(label=_("Health"), required=False, choices=[("", _("Every health")), *HEALTH.items()])
    state = forms.ChoiceField(label=_("State"), required=False, choices=[("", _("Every state")), *STATES.items()])
    holds = forms.ChoiceField(label=_("Show"), required=False, choices=[("", _("All clients")), *HOLDS.items()])


class WithdrawForm(forms.Form):
    """Why a fact is withdrawn."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        help_text=_("For example: merged with another deal. It stays in the audit log."),
    )
