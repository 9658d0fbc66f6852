"""What the mails about accounts say, in the active language, by the names that allauth and this app send them under."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from partner_portal.lib import site
from partner_portal.lib.mail import Content, Link
from partner_portal.lib.web.one_line import one_line

# What a mail is about, by the names of its values.
type Values = Mapping[str, Any]


def content_of(name: str, values: Values) -> Content | None:
    """What the mail says that is sent under this name; None for a name that is not known here."""
    if name in _CHANGES:
        subject, sentence = (_(text) for text in _CHANGES[name])
        return _changed(subject, sentence, values)
    text = _TEXTS.get(name)
    return text(values) if text else None


def other_content(subject: str, body: str) -> Content:
    """A mail whose text comes from elsewhere, paragraph by paragraph."""
    paragraphs = [one_line(paragraph) for paragraph in body.split("\n\n")]
    return Content(subject, _has_account(), paragraphs=[paragraph for paragraph in paragraphs if paragraph])


def _has_account() -> str:
    return _("You get this because you have an account with this address.")


def _moment(at: datetime) -> str:
    return f"{date_format(at.astimezone(UTC), 'j M Y, H:i')} UTC"


def _new_password(values: Values) -> Content:
    return Content(
        _("Choose a new password"),
        _("You get this because somebody, probably you, asked for a new password for this address."),
        paragraphs=[_("With this link you choose a new password. It works once.")],
        action=Link(_("Choose a new password"), values["password_reset_url"]),
        further=[_("If you did not ask for it, you can ignore this mail: your password stays as it is.")],
    )


def _confirm_address(values: Values) -> Content:
    person = one_line(values["user"])
    return Content(
        _("Confirm your new address"),
        _("You get this because somebody entered this address for their account."),
        paragraphs=[_("%(person)s wants to sign in with this address from now on.") % {"person": person}],
        action=Link(_("Confirm this address"), values["activate_url"]),
        further=[_("Until you confirm, the old address stays valid. If this was not you, you can ignore this mail.")],
    )


def _address_changed(values: Values) -> Content:
    new, old = values["to_email"], values["from_email"]
    sentence = _("From now on you sign in with %(new)s, no longer with %(old)s.") % {"new": new, "old": old}
    return _changed(_("Your address was changed"), sentence, values)


def _address_taken(values: Values) -> Content:
    text = _(
        "Somebody, perhaps you, wants to use %(email)s for another account. You already have an account with it, so"
        " nothing was changed."
    )
    return Content(
        _("Your address was entered for another account"),
        _has_account(),
        paragraphs=[text % {"email": values["email"]}],
        further=[_("If this was not you, you can ignore this mail.")],
    )


def _guessed(values: Values) -> Content:
    tried = _("Somebody tried several wrong passwords for your account, last on %(when)s from %(address)s.")
    return Content(
        _("Somebody tried to sign in as you"),
        _("You get this because you have an account with this address. We write at most once in six hours."),
        paragraphs=[
            tried % {"when": _moment(values["at"]), "address": values["network_address"]},
            _("They did not get in. If it was you, there is nothing else to do."),
            _(
                "If it was not you, make sure that you use this password nowhere else, and turn on two-step verification."
            ),
        ],
        action=Link(_("Turn on two-step verification"), values["second_factor_url"]),
        further=[
            _(
                "You can still sign in where you have signed in before. Elsewhere, wait five minutes or set a new password."
            ),
            Link(_("Set a new password"), values["reset_url"]),
        ],
    )


def _invitation(values: Values) -> Content:
    partner = one_line(values["partner"].name)
    names = {"partner": partner, "person": one_line(values["invited_by"] or "")}
    invited = (
        _("%(person)s has made you a member of %(partner)s in Partner Portal.")
        if values["invited_by"]
        else _("You are now a member of %(partner)s in Partner Portal.")
    ) % names
    why = _("You get this because an admin of %(partner)s entered your address.") % names
    subject = _("You are invited to %(partner)s") % names
    what = _("There you see the tier, points, renewals and reports of your organisation.")
    if "set_password_url" not in values:
        action = Link(_("Sign in"), values["sign_in_url"])
        return Content(subject, why, partner, paragraphs=[invited, what, _("Sign in as always.")], action=action)
    until = _("The link works once and for %(days)s days. After that, ask for a new one:") % {"days": values["days"]}
    return Content(
        subject,
        why,
        partner,
        paragraphs=[invited, what],
        action=Link(_("Choose a password and sign in"), values["set_password_url"]),
        further=[until, Link(_("Send a new link"), values["reset_url"])],
    )


def _changed(subject: str, sentence: str, values: Values) -> Content:
    when = _("Changed on %(when)s from the network address %(address)s.")
    return Content(
        subject,
        _("You get this because your account was changed."),
        paragraphs=[sentence, when % {"when": _moment(values["timestamp"]), "address": values["ip"]}],
        further=[
            _("If this was not you, set a new password now and tell an admin of your partner organisation."),
            Link(_("Set a new password"), site.link("account_reset_password")),
        ],
    )


# Subject and sentence of the mails that only say that an account was changed.
_CHANGES: dict[str, tuple[str, str]] = {
    "account/email/password_changed": (
        gettext_noop("Your password was changed"),
        gettext_noop("The password of your account was changed."),
    ),
    "account/email/password_reset": (
        gettext_noop("You have a new password"),
        gettext_noop("A new password was set for your account, by a link from a mail."),
    ),
    "account/email/password_set": (
        gettext_noop("You have a password now"),
        gettext_noop("A password was set for your account."),
    ),
    "mfa/email/totp_activated": (
        gettext_noop("Two-step verification is on"),
        gettext_noop("From now on you sign in with your password and a code of your authenticator app."),
    ),
    "mfa/email/totp_deactivated": (
        gettext_noop("Two-step verification is off"),
        gettext_noop("From now on you sign in with your password alone."),
    ),
    "mfa/email/recovery_codes_generated": (
        gettext_noop("You have new recovery codes"),
        gettext_noop("New recovery codes were made for your account. The old ones no longer work."),
    ),
    "socialaccount/email/account_connected": (
        gettext_noop("Single sign-on was connected"),
        gettext_noop("You can now also sign in through your organisation’s single sign-on."),
    ),
    "socialaccount/email/account_disconnected": (
        gettext_noop("Single sign-on was disconnected"),
        gettext_noop("You can no longer sign in through your organisation’s single sign-on."),
    ),
}
_TEXTS: dict[str, Callable[[Values], Content]] = {
    "account/email/password_reset_key": _new_password,
    "account/email/email_confirmation": _confirm_address,
    "account/email/email_changed": _address_changed,
    "account/email/address_taken": _address_taken,
    "account/email/somebody_guesses": _guessed,
    "accounts/email/invitation": _invitation,
}
