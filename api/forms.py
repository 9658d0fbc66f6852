"""What a new token is asked for."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.roles import PERMISSIONS, Role
from accounts.scope import Scope


class TokenForm(forms.Form):
    """Name, role and end. No role is offered that holds more than one's own."""

    name = forms.CharField(label=_("Name"), max_length=60, help_text=_("What will use it, such as “Sales report”."))
    role = forms.ChoiceField(
        label=_("Role"), help_text=_("Member sees no amounts of money. It never sees more than you do at the time.")
    )
    days = forms.TypedChoiceField(
        label=_("Works for"),
        coerce=int,
        initial=90,
        choices=[(30, _("30 days")), (90, _("90 days")), (180, _("180 days")), (365, _("a year"))],
    )

    def __init__(self, data: Any = None, *, scope: Scope) -> None:
        super().__init__(data)
        field: Any = self.fields["role"]
        field.choices = [(role.value, role.label) for role in Role if PERMISSIONS[role] <= scope.permissions]
        field.initial = Role.MEMBER
