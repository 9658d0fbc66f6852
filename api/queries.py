"""Tokens: the user's own, those of the whole partner, and the one that a request presents."""

from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import QuerySet
from django.http import Http404

from accounts.models import Membership, Partner
from accounts.roles import PERMISSIONS, Permission
from accounts.scope import Scope, member_scope
from api.models import ApiToken
from api.tokens import Presented, matches
from partner_portal.lib.dates import clock

NOTHING = "0" * 64  # compared with when there is no token, so that the answer takes equally long


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as the page shows it."""

    token: ApiToken
    state: str  # works, ended (expired) or revoked
    is_own: bool
    owner_gone: bool  # its person has left the partner, or may not sign in
    may_be_revoked: bool


def tokens(scope: Scope) -> list[TokenRow]:
    """The tokens that this scope may see, newest first: the user's own, and for admins everybody's.

    Two queries, whatever their number.
    """
    visible = _visible(scope).select_related("user").order_by("-created_at", "-pk")
    members = set(Membership.objects.filter(partner=scope.partner).values_list("user_id", flat=True))
    now = clock.now()
    return [
        TokenRow(
            token=token,
            state=state_of(token, now),
            is_own=scope.user is not None and token.user_id == scope.user.pk,
            owner_gone=token.user_id not in members or not token.user.is_active,
            may_be_revoked=token.revoked_at is None,
        )
        for token in visible
    ]


def token(scope: Scope, pk: int) -> ApiToken:
    """One of the tokens that this scope may see. Raises Http404."""
    match = _visible(scope).select_related("user").filter(pk=pk).first()
    if match is None:
        raise Http404
    return match


def state_of(token: ApiToken, now: datetime) -> str:
    """Whether the token works, has ended or was revoked."""
    if token.revoked_at is not None:
        return "revoked"
    return "works" if now < token.expires_at else "ended"


def live_tokens(scope: Scope) -> QuerySet[ApiToken]:
    """The user's own tokens that work."""
    return ApiToken.objects.filter(
        partner=scope.partner, user=scope.user, revoked_at__isnull=True, expires_at__gt=clock.now()
    )


def partner_of_token(presented: Presented) -> Partner | None:
    """The partner that a token claims to belong to, not verified; None when there is no such partner."""
    return Partner.objects.filter(pk=presented.partner).first()


def scope_of_token(partner: Partner, presented: Presented) -> tuple[ApiToken, Scope] | None:
    """Verify a token. Returns it with its scope; None when it is unknown, revoked, ended, or its owner has no access.

    Needs the partner's scope, in which the database shows only this partner's tokens.
    """
    token = ApiToken.objects.select_related("user").filter(partner=partner, pk=presented.token).first()
    if not matches(presented.secret, token.digest if token else NOTHING) or token is None:
        return None
    if state_of(token, clock.now()) != "works" or not token.user.is_active:
        return None
    membership = Membership.objects.filter(partner=partner, user=token.user).first()
    if membership is None:
        return None
    membership.partner, membership.user = partner, token.user
    scope = member_scope(membership)
    rights = PERMISSIONS[token.role] & scope.permissions
    lower = token.role if PERMISSIONS[token.role] <= scope.permissions else membership.role
    return token, replace(scope, role=lower, permissions=rights)


def _visible(scope: Scope) -> QuerySet[ApiToken]:
    tokens = ApiToken.objects.filter(partner=scope.partner)
    return tokens if scope.may(Permission.MEMBERS) else tokens.filter(user=scope.user)
