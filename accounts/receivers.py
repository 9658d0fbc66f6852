"""Receivers of the signals of allauth and Django: events for the audit log of the person's partners, a confirmed address for
a new person, a known device after signing in."""

from allauth.account import signals as account_signals
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.mfa import signals as mfa_signals
from allauth.mfa.models import Authenticator
from django.contrib.auth.signals import user_logged_out, user_login_failed
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from accounts import audit, known_devices
from accounts.models import User
from accounts.sessions import LEFT_KEY


@receiver(post_save, sender=User)
def confirm_first_address(instance: User, created: bool, raw: bool = False, **_: object) -> None:
    """Create the verified primary address that every person has from the beginning."""
    if created and not raw:
        EmailAddress.objects.create(user=instance, email=instance.email, verified=True, primary=True)


@receiver(account_signals.user_logged_in)
def remember_device(request: HttpRequest, user: User, response: HttpResponse | None = None, **_: object) -> None:
    """Remember the browser, which a stranger's guessing then cannot lock out."""
    request.session.pop(LEFT_KEY, None)
    if response is not None:
        known_devices.remember(request, response, user)


def _address(request: HttpRequest | None) -> dict[str, str]:
    return {"ip": get_adapter().get_client_ip(request)} if request is not None else {}


@receiver(account_signals.user_logged_in)
def record_sign_in(request: HttpRequest, user: User, **_: object) -> None:
    """Record that somebody signed in, and from which address."""
    audit.record_for_person(user, "signin.done", **_address(request))


@receiver(user_logged_out)
def record_sign_out(request: HttpRequest, user: User | None, **_: object) -> None:
    """Record that somebody signed out."""
    if user is not None:
        audit.record_for_person(user, "signin.left")


@receiver(user_login_failed)
def record_failed_sign_in(credentials: dict[str, object], request: HttpRequest | None = None, **_: object) -> None:
    """Record a failed sign-in with the address of an account."""
    user = User.objects.filter(email=str(credentials.get("email", "")).lower()).first()
    if user is not None:
        audit.record_for_person(user, "signin.failed", **_address(request))


@receiver(mfa_signals.authentication_failed)
def record_failed_code(request: HttpRequest, user: User, **_: object) -> None:
    """Record a wrong code of a second factor."""
    audit.record_for_person(user, "signin.code_failed", **_address(request))


@receiver([account_signals.password_changed, account_signals.password_set])
def record_new_password(user: User, **_: object) -> None:
    """Record a change of password."""
    audit.record_for_person(user, "password.changed")


@receiver(account_signals.password_reset)
def record_password_reset(user: User, **_: object) -> None:
    """Record a password set through a mailed link."""
    audit.record_for_person(user, "password.reset")


@receiver(account_signals.email_changed)
def record_new_address(
    user: User, from_email_address: EmailAddress | None, to_email_address: EmailAddress | None, **_: object
) -> None:
    """Record a change of e-mail address, with both addresses."""
    audit.record_for_person(
        user,
        "email.changed",
        old=from_email_address.email if from_email_address else "",
        new=to_email_address.email if to_email_address else "",
    )


@receiver(mfa_signals.authenticator_added)
def record_new_second_factor(user: User, authenticator: Authenticator, **_: object) -> None:
    """Record a new second factor, and its kind."""
    audit.record_for_person(user, "second_factor.added", kind=authenticator.type)


@receiver(mfa_signals.authenticator_removed)
def record_removed_second_factor(user: User, authenticator: Authenticator, **_: object) -> None:
    """Record the removal of a second factor, and its kind."""
    audit.record_for_person(user, "second_factor.removed", kind=authenticator.type)


@receiver(mfa_signals.authenticator_reset)
def record_new_recovery_codes(user: User, **_: object) -> None:
    """Record new recovery codes."""
    audit.record_for_person(user, "second_factor.renewed")
