"""Forms of the list of clients, of withdrawing a fact, and of merging product lines."""

from collections.abc import Mapping, Sequence
from typing import Protocol

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

    health = forms.ChoiceField(label=_("Health"), required=False, choices=[("", _("Any health")), *HEALTH.items()])
    state = forms.ChoiceField(label=_("State"), required=False, choices=[("", _("Every state")), *STATES.items()])
    holds = forms.ChoiceField(label=_("Show"), required=False, choices=[("", _("All clients")), *HOLDS.items()])


class WithdrawForm(forms.Form):
    """Why a fact is withdrawn."""

    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        help_text=_("For example: merged with another deal. It stays in the audit log."),
    )


class _Line(Protocol):
    pk: int
    name: str


class MergeForm(forms.Form):
    """The product line that another one is merged into."""

    def __init__(self, data: Mapping[str, object] | None, *, lines: Sequence[_Line]) -> None:
        super().__init__(data)
        self.fields["into"] = forms.ChoiceField(
            label=_("Merge into"), choices=[("", _("Choose")), *((str(line.pk), line.name) for line in lines)]
        )

    @property
    def into(self) -> int:
        """Primary key of the chosen line."""
        return int(self.cleaned_data["into"])
