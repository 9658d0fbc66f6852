"""What people may send to the account pages."""

from typing import Any

from django import forms
from django.conf import settings

from accounts.models import Membership, User


class PartnerForm(forms.Form):
    """One of the member's partners, by id."""

    partner = forms.TypedChoiceField(coerce=int)

    def __init__(self, *args: Any, memberships: list[Membership], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["partner"].choices = [(each.partner_id, each.partner.name) for each in memberships]  # type: ignore[attr-defined]


class ThemeForm(forms.ModelForm):
    """Light, dark, or as the system has it."""

    class Meta:
        model = User
        fields = ["theme"]


class LanguageForm(forms.Form):
    """One of the portal's languages."""

    language = forms.ChoiceField(choices=settings.LANGUAGES)
