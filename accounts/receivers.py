"""What follows when allauth and Django tell about people: an event in the audit log of each of their partners, a confirmed
address for a new person, a known device after signing in."""

from typing import Any

from allauth.account import signals as account_signals
from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from allauth.mfa import signals as mfa_signals
from django.contrib.auth.signals import user_logged_out, user_login_failed
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse

from accounts import audit, known_devices
from accounts.models import User
from accounts.sessions import LEFT_KEY


@receiver(post_save, sender=User)
def give_confirmed_address(instance: User, created: bool, raw: bool = False, **_kwargs: Any) -> None:
    """Every person has a verified primary address from the beginning."""
    if created and not raw:
        EmailAddress.objects.create(user=instance, email=instance.email, verified=True, primary=True)


@receiver(account_signals.user_logged_in)
def device_is_known(request: HttpRequest, user: User, response: HttpResponse | None = None, **_kwargs: Any) -> None:
    request.session.pop(LEFT_KEY, None)
    if response is not None:
        known_devices.remember(request, response, user)


def _address(request: HttpRequest | None) -> dict[str, str]:
    return {"ip": get_adapter().get_client_ip(request)} if request is not None else {}


@receiver(account_signals.user_logged_in)
def signed_in(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    audit.record_for_person(user, "signin.done", **_address(request))


@receiver(user_logged_out)
def signed_out(request: HttpRequest, user: User | None, **_kwargs: Any) -> None:
    if user is not None:
        audit.record_for_person(user, "signin.left")


@receiver(user_login_failed)
def sign_in_failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_kwargs: Any) -> None:
    user = User.objects.filter(email=str(credentials.get("email", "")).lower()).first()
    if user is not None:
        audit.record_for_person(user, "signin.failed", **_address(request))


@receiver(mfa_signals.authentication_failed)
def code_failed(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    audit.record_for_person(user, "signin.code_failed", **_address(request))


@receiver([account_signals.password_changed, account_signals.password_set])
def password_changed(user: User, **_kwargs: Any) -> None:
    audit.record_for_person(user, "password.changed")


@receiver(account_signals.password_reset)
def password_reset(user: User, **_kwargs: Any) -> None:
    audit.record_for_person(user, "password.reset")


@receiver(account_signals.email_changed)
def email_changed(user: User, from_email_address: Any, to_email_address: Any, **_kwargs: Any) -> None:
    audit.record_for_person(
        user,
        "email.changed",
        old=from_email_address.email if from_email_address else "",
        new=to_email_address.email if to_email_address else "",
    )


@receiver(mfa_signals.authenticator_added)
def second_factor_added(user: User, authenticator: Any, **_kwargs: Any) -> None:
    audit.record_for_person(user, "second_factor.added", kind=authenticator.type)


@receiver(mfa_signals.authenticator_removed)
def second_factor_removed(user: User, authenticator: Any, **_kwargs: Any) -> None:
    audit.record_for_person(user, "second_factor.removed", kind=authenticator.type)


@receiver(mfa_signals.authenticator_reset)
def recovery_codes_renewed(user: User, **_kwargs: Any) -> None:
    audit.record_for_person(user, "second_factor.renewed")
