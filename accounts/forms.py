"""Forms of the account and settings pages, and of the operators' commands."""

from datetime import date
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from allauth.account.adapter import get_adapter
from allauth.account.forms import AddEmailForm, ChangePasswordForm, LoginForm, ResetPasswordForm
from allauth.account.internal.flows.email_verification import send_verification_email_to_address
from allauth.account.models import EmailAddress
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.ratelimit import respond_429
from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.validators import DomainNameValidator
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from accounts import sign_in_limits, tasks
from accounts.audit import named_actions
from accounts.models import Membership, Partner, TeamContact, User
from accounts.roles import Role
from partner_portal.lib.cldr import currency_codes, currency_name
from partner_portal.lib.web.choices import set_choices
from partner_portal.lib.web.one_line import OneLineField


@cache
def time_zones() -> tuple[str, ...]:
    """The zones to choose from: places, and UTC."""
    return ("UTC", *sorted(zone for zone in available_timezones() if "/" in zone and not zone.startswith("Etc/")))


class SignInForm(LoginForm):
    """allauth's form with the portal's labels. The link to a new password is below the form, not inside it."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("E-mail")
        self.fields["password"].label = _("Password")
        self.fields["password"].help_text = ""
        self.fields["remember"].label = _("Stay signed in on this device")

    def clean(self) -> dict[str, object]:
        try:
            cleaned: dict[str, object] = super().clean()
        except ValidationError:
            self.add_error("password", _("Enter your password again"))
            raise
        return cleaned


class NewPasswordForm(ChangePasswordForm):
    """allauth's form with the portal's labels."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["oldpassword"].label = _("Current password")
        self.fields["oldpassword"].help_text = ""
        self.fields["password1"].label = _("New password")
        self.fields["password2"].label = _("New password again")


class NewAddressForm(AddEmailForm):
    """The address to change to. Sent again with the same address, it mails the link once more.

    Nothing here tells whether somebody else has the address: the mail to it does.
    """

    def clean_email(self) -> str:
        value: str = get_adapter().clean_email(self.cleaned_data["email"].lower())
        if value == self.user.email:
            raise get_adapter().validation_error("duplicate_email")
        return value

    def save(self, request: HttpRequest) -> EmailAddress:
        email = self.cleaned_data["email"]
        with transaction.atomic():
            user = User.objects.select_for_update().get(pk=self.user.pk)  # a double click is one change
            pending = EmailAddress.objects.get_new(user)
            if pending is None or pending.email != email:
                if pending is not None:
                    pending.delete()
                pending = EmailAddress.objects.create(user=user, email=email)
        if not send_verification_email_to_address(request, pending):
            messages.warning(
                request, _("Several links were mailed just now. Wait ten minutes before you ask for another.")
            )
        return pending


class ResetRequestForm(ResetPasswordForm):
    """Whose password is forgotten. The web process does the same for every address: a worker finds out whose it is."""

    def clean_email(self) -> str:
        return str(get_adapter().clean_email(self.cleaned_data["email"].lower()))

    def save(self, request: HttpRequest, **_kwargs: object) -> str:
        email: str = self.cleaned_data["email"]
        admitted = sign_in_limits.admit_reset(request, email)
        if admitted is None:
            raise ImmediateHttpResponse(respond_429(request))
        if admitted:
            tasks.later(tasks.mail_reset_link, email, get_language() or "")
        return email


def one_line(form: forms.BaseForm) -> str:
    """Every error as `field: what is wrong`, for a command to print."""
    return " ".join(f"{name}: {' '.join(map(str, errors))}" for name, errors in form.errors.items())


class OpenPartnerForm(forms.Form):
    """One of the member's partners, by id."""

    partner = forms.TypedChoiceField(coerce=int)

    def __init__(self, *args: Any, memberships: list[Membership], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        set_choices(self, "partner", [(membership.partner_id, membership.partner.name) for membership in memberships])


class AppearanceForm(forms.ModelForm):
    """Chooses the theme (light, dark, or that of the system) and how dense pages are."""

    class Meta:
        model = User
        fields = ["theme", "density"]


class LanguageForm(forms.Form):
    """One of the portal's languages."""

    language = forms.ChoiceField(choices=settings.LANGUAGES)


class ProfileForm(forms.ModelForm):
    """Changes a person's own profile."""

    language = forms.ChoiceField(
        label=_("Language"), required=False, choices=[("", _("As set for the partner")), *settings.LANGUAGES]
    )

    class Meta:
        model = User
        fields = ["name", "language", "theme", "density", "single_keys"]
        field_classes = {"name": OneLineField}
        labels = {
            "name": _("Name"), "theme": _("Theme"), "density": _("Density"), "single_keys": _("Single-key shortcuts (/ and ?)"),
        }  # fmt: skip


class MemberForm(forms.Form):
    """Whom to take into the partner, as what."""

    email = forms.EmailField(label=_("E-mail"), max_length=254)
    name = OneLineField(label=_("Name"), max_length=120, required=False)
    role = forms.ChoiceField(
        label=_("Role"),
        choices=Role,
        initial=Role.MEMBER,
        error_messages={"invalid_choice": _("“%(value)s” is none of admin, manager, finance, member.")},
    )

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class RoleForm(forms.Form):
    """A role."""

    role = forms.ChoiceField(label=_("Role"), choices=Role)


def _currencies(language: str) -> list[tuple[str, str]]:
    return [(code, f"{code}: {currency_name(code, language)}") for code in sorted(currency_codes())]


class _PartnerFields(forms.ModelForm):
    time_zone = forms.ChoiceField(label=_("Time zone"), choices=lambda: [(zone, zone) for zone in time_zones()])
    language = forms.ChoiceField(label=_("Language"), choices=settings.LANGUAGES)
    payout_currency = forms.ChoiceField(
        label=_("Payout currency"),
        choices=lambda: _currencies(get_language() or settings.LANGUAGE_CODE),
        error_messages={"invalid_choice": _("“%(value)s” is no currency code such as USD.")},
    )


class PartnerForm(_PartnerFields):
    """Changes the partner's settings."""

    stale_after_days = forms.IntegerField(
        label=_("Data is stale after (days)"),
        min_value=1,
        max_value=365,
        help_text=_("After this, every page warns that the data is old."),
    )

    class Meta:
        model = Partner
        fields = ["name", "time_zone", "language", "payout_currency", "mail_domains", "stale_after_days"]
        field_classes = {"name": OneLineField}
        labels = {"name": _("Name"), "mail_domains": _("Allowed mail domains")}
        help_texts = {
            "mail_domains": _(
                "One a line, such as northwind.example. Scheduled files may also be mailed to addresses there."
            ),
        }
        widgets = {"mail_domains": forms.Textarea(attrs={"rows": 3, "spellcheck": "false"})}

    def clean_mail_domains(self) -> str:
        domains = self.cleaned_data["mail_domains"].replace(",", " ").lower().split()
        valid = DomainNameValidator()
        for domain in domains:
            try:
                valid(domain)
            except ValidationError:
                raise ValidationError(_("“%(domain)s” is not a domain name."), params={"domain": domain}) from None
        return "\n".join(dict.fromkeys(domains))


class NewPartnerForm(_PartnerFields):
    """A partner as an operator creates it."""

    slug = forms.RegexField(
        r"^[a-z0-9][a-z0-9_-]*$",
        max_length=60,
        error_messages={"invalid": _("Small letters, digits, - and _ only, such as northwind.")},
    )

    class Meta:
        model = Partner
        fields = ["slug", "name", "payout_currency", "time_zone", "language"]
        field_classes = {"name": OneLineField}


class FirstAdminForm(NewPartnerForm):
    """A partner as an operator creates it in the browser, with the person who is invited as its first admin."""

    admin_email = forms.EmailField(label=_("E-mail of the first admin"), max_length=254)
    admin_name = OneLineField(label=_("Name of the first admin"), max_length=120, required=False)

    class Meta(NewPartnerForm.Meta):
        labels = {"slug": _("Short name"), "name": _("Name")}
        help_texts = {"slug": _("For commands and files: small letters, digits, - and _, such as northwind.")}

    def clean_admin_email(self) -> str:
        return str(self.cleaned_data["admin_email"]).lower()


class ContactForm(forms.ModelForm):
    """Adds or changes a contact at the vendor."""

    class Meta:
        model = TeamContact
        fields = ["name", "role", "email", "description"]
        field_classes = {"name": OneLineField, "role": OneLineField}
        labels = {
            "name": _("Name"),
            "role": _("Role"),
            "email": _("E-mail"),
            "description": _("What to ask them"),
        }
        help_texts = {"role": _("Such as Partner development manager.")}
        widgets = {"description": forms.Textarea(attrs={"rows": 4})}


class AuditFilterForm(forms.Form):
    """Filters the audit log. Every field is optional."""

    action = forms.ChoiceField(label=_("Action"), required=False)
    person = forms.TypedChoiceField(label=_("Person"), required=False, coerce=int, empty_value=None)
    since = forms.DateField(
        label=_("From"), required=False, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d")
    )
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"))

    def __init__(self, *args: Any, people: list[tuple[int, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        set_choices(self, "action", [("", _("All")), *named_actions()])
        set_choices(self, "person", [("", _("Everybody")), *people])

    def clean(self) -> dict[str, object]:
        cleaned: dict[str, object] = super().clean() or {}
        since: date | None = self.cleaned_data.get("since")
        until: date | None = self.cleaned_data.get("until")
        if since and until and until < since:
            self.add_error("until", _("The end lies before the start."))
        return cleaned
