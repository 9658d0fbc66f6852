"""The authentication backend: which addresses a person may sign in with."""

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.base_user import AbstractBaseUser

from accounts.models import User


class ConfirmedAddressBackend(AuthenticationBackend):
    """Sign in by a person's own address only.

    allauth would also accept an address that somebody has typed on the e-mail page and not confirmed yet.
    """

    def _authenticate_by_email(self, email: str, password: str) -> AbstractBaseUser | None:
        user: AbstractBaseUser | None = self._check_password(User.objects.filter(email=email.lower()).first(), password)
        return user
