"""Makes and revokes tokens, and notes that one was used. Every function is atomic and leaves an audit row."""

from datetime import datetime, timedelta
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

MOST_TOKENS = 20  # of one person in one partner, at a time
NOTED_EVERY = timedelta(minutes=5)


@transaction.atomic
def make_token(*, scope: Scope, name: str, role: str, days: int) -> tuple[ApiToken, str]:
    """A new token of the user that ends after so many days, and its text, which cannot be read again.

    Raises ValidationError (name taken by a token that is not revoked, too many tokens) and PermissionDenied when the role
    holds a right that the user does not.
    """
    scope.require(Permission.VIEW)
    if scope.user is None or not PERMISSIONS[Role(role)] <= scope.permissions:
        raise PermissionDenied(role)
    User.objects.select_for_update().get(pk=scope.user.pk)  # two at once are counted one after the other
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
    """End a token for good: one's own, or anybody's for those who look after members. Raises Http404. Once is enough."""
    token = queries.token(scope, token_id)
    ended = ApiToken.objects.filter(partner=scope.partner, pk=token.pk, revoked_at__isnull=True)
    if ended.update(revoked_at=clock.now()):
        audit.record(scope, "api_token.revoked", token.name, owner=token.user.email)
    return token


@transaction.atomic
def revoke_all(*, scope: Scope, user: User) -> int:
    """End every token of somebody who leaves the scope's partner; returns how many."""
    tokens = list(ApiToken.objects.filter(partner=scope.partner, user=user, revoked_at__isnull=True))
    ApiToken.objects.filter(pk__in=[token.pk for token in tokens]).update(revoked_at=clock.now())
    for token in tokens:
        audit.record(scope, "api_token.revoked", token.name, owner=user.email)
    return len(tokens)


@transaction.atomic
def note_use(*, scope: Scope, token: ApiToken) -> None:
    """Keep when the token was last used, to five minutes, and put the first use of a day into the audit log."""
    now, last = clock.now(), token.last_used_at
    if last is not None and now - last < NOTED_EVERY:
        return
    same = ApiToken.objects.filter(partner=scope.partner, pk=token.pk, last_used_at=last)
    if same.update(last_used_at=now) and (last is None or _day(last, scope) != _day(now, scope)):
        audit.record(scope, "api_token.used", token.name)


def _day(at: datetime, scope: Scope) -> object:
    return at.astimezone(ZoneInfo(scope.partner.time_zone)).date()
