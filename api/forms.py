"""The form of a new token."""

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from accounts.roles import PERMISSIONS, Role
from accounts.scope import Scope


class TokenForm(forms.Form):
    """Name, role and lifetime. Roles with more rights than the user's are not offered."""

    name = forms.CharField(label=_("Name"), max_length=60, help_text=_("What will use it, such as “Sales report”."))
    role = forms.ChoiceField(
        label=_("Role"),
        initial=Role.MEMBER,
        help_text=_("Member sees no amounts of money. It never sees more than you do at the time."),
    )
    days = forms.TypedChoiceField(
        label=_("Works for"),
        coerce=int,
        initial=90,
        choices=[(30, _("30 days")), (90, _("90 days")), (180, _("180 days")), (365, _("a year"))],
    )

    def __init__(self, data: QueryDict | None = None, *, scope: Scope) -> None:
        super().__init__(data)
        field = self.fields["role"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [(role.value, role.label) for role in Role if PERMISSIONS[role] <= scope.permissions]
