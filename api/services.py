"""Tokens: make, revoke, store their use. Every function is atomic and writes an audit row."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.models import User
from accounts.roles import PERMISSIONS, Permission, Role
from accounts.scope import Scope
from api import queries
from api.models import ApiToken
from api.tokens import PREFIX_LETTERS, digest, new_secret, text_of
from partner_portal.lib.dates import clock

MOST_TOKENS = 20  # working ones of a person in a partner
USE_STORED_EVERY = timedelta(minutes=5)


@transaction.atomic
def make_token(*, scope: Scope, name: str, role: str, days: int) -> tuple[ApiToken, str]:
    """Make a token of the user that expires after `days`. Returns it and its text, which cannot be shown again.

    Raises ValidationError when another token of theirs has the name or they have too many, and PermissionDenied when the
    role holds a right that the user does not.
    """
    scope.require(Permission.VIEW)
    if scope.user is None or not PERMISSIONS[Role(role)] <= scope.permissions:
        raise PermissionDenied(role)
    User.objects.select_for_update().get(pk=scope.user.pk)  # serializes concurrent requests
    if queries.live_tokens(scope).count() >= MOST_TOKENS:
        raise ValidationError(
            _("You have %(count)d tokens already. Revoke one that you no longer use."), params={"count": MOST_TOKENS}
        )
    if ApiToken.objects.filter(partner=scope.partner, user=scope.user, name=name, revoked_at__isnull=True).exists():
        raise ValidationError({"name": _("Another of your tokens has this name. Revoke it, or choose another name.")})
    now, secret = clock.now(), new_secret()
    token = ApiToken.objects.create(
        partner=scope.partner,
        user=scope.user,
        name=name,
        role=role,
        prefix=secret[:PREFIX_LETTERS],
        digest=digest(secret),
        created_at=now,
        expires_at=now + timedelta(days=days),
    )
    audit.record(scope, "api_token.made", name, role=role, days=days)
    return token, text_of(scope.partner.pk, token.pk, secret)


@transaction.atomic
def revoke_token(*, scope: Scope, token_id: int) -> ApiToken:
    """Revoke a token: the user's own, or for admins anybody's. Idempotent. Raises Http404."""
    token = queries.token(scope, token_id)
    working = ApiToken.objects.filter(partner=scope.partner, pk=token.pk, revoked_at__isnull=True)
    if working.update(revoked_at=clock.now()):
        audit.record(scope, "api_token.revoked", token.name, owner=token.user.email)
    return token


@transaction.atomic
def revoke_all(*, scope: Scope, user: User) -> int:
    """Revoke every token of somebody who leaves the scope's partner. Returns how many."""
    tokens = list(ApiToken.objects.filter(partner=scope.partner, user=user, revoked_at__isnull=True))
    ApiToken.objects.filter(pk__in=[token.pk for token in tokens]).update(revoked_at=clock.now())
    for token in tokens:
        audit.record(scope, "api_token.revoked", token.name, owner=user.email)
    return len(tokens)


@transaction.atomic
def note_use(*, scope: Scope, token: ApiToken) -> None:
    """Store when the token was last used, at most every five minutes, and audit the first use of a day."""
    now, last = clock.now(), token.last_used_at
    if last is not None and now - last < USE_STORED_EVERY:
        return
    unchanged = ApiToken.objects.filter(partner=scope.partner, pk=token.pk, last_used_at=last)
    if unchanged.update(last_used_at=now) and (last is None or _day(last, scope) != _day(now, scope)):
        audit.record(scope, "api_token.used", token.name)


def _day(at: datetime, scope: Scope) -> date:
    return at.astimezone(ZoneInfo(scope.partner.time_zone)).date()
