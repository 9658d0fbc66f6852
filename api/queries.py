"""Reads tokens: a person's own, those of the whole partner, and the one that a request presents."""

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

NOTHING = "0" * 64  # compared with when there is no token, so that the answer takes as long


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A token as the page shows it. state: works, ended (expired) or revoked; owner_gone: its person left the partner."""

    token: ApiToken
    state: str
    is_own: bool
    owner_gone: bool
    may_be_revoked: bool


def tokens(scope: Scope) -> list[TokenRow]:
    """Tokens that this reader may see: their own, and everybody's for those who look after members. Newest first.

    Two queries, however many there are.
    """
    found = _visible(scope).select_related("user").order_by("-created_at", "-pk")
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
        for token in found
    ]


def token(scope: Scope, pk: int) -> ApiToken:
    """One of the tokens that this reader may see. Raises Http404."""
    found = _visible(scope).select_related("user").filter(pk=pk).first()
    if found is None:
        raise Http404
    return found


def state_of(token: ApiToken, now: datetime) -> str:
    """Whether the token works, has ended or was revoked."""
    if token.revoked_at is not None:
        return "revoked"
    return "works" if now < token.expires_at else "ended"


def live_tokens(scope: Scope) -> QuerySet[ApiToken]:
    """The reader's own tokens that work."""
    return ApiToken.objects.filter(
        partner=scope.partner, user=scope.user, revoked_at__isnull=True, expires_at__gt=clock.now()
    )


def partner_of_token(presented: Presented) -> Partner | None:
    """The partner that a token says it belongs to. Says nothing yet about whether that is true."""
    return Partner.objects.filter(pk=presented.partner).first()


def scope_of_token(partner: Partner, presented: Presented) -> tuple[ApiToken, Scope] | None:
    """The token and what may be seen with it now; None when it is unknown, revoked, ended, or its person has no access.

    Must run within the partner: there the database shows this partner's tokens only.
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
    found = ApiToken.objects.filter(partner=scope.partner)
    return found if scope.may(Permission.MEMBERS) else found.filter(user=scope.user)
