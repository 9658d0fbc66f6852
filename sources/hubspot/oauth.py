"""OAuth with an app of the operator's: the consent page, and what its tokens need. The refresh token is what is stored."""

import base64
import hashlib
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from sources.hubspot import endpoints
from sources.hubspot.client import LOOPBACK, REFRESHED, HubSpotClient
from sources.source import AnswerInvalid, Refused, TokenRejected

CONSENT_PAGE = "https://app.hubspot.com/oauth/authorize"
NEEDED = ("oauth", "crm.objects.deals.read", "crm.objects.companies.read")
#: Accounts that are no partner's cannot grant these; the page says what is missing then.
OPTIONAL = (
    "crm.objects.partner-clients.read",
    "crm.objects.partner-services.read",
    "crm.lists.read",
    "crm.lists.write",
)


def is_set_up() -> bool:
    """Whether the operator has an app."""
    return bool(settings.HUBSPOT_CLIENT_ID and settings.HUBSPOT_CLIENT_SECRET)


def consent_url(state: str, verifier: str, back: str) -> str:
    """Address of the page where somebody allows the app to read. back: where that page returns to, with a code."""
    digest = hashlib.sha256(verifier.encode()).digest()
    query = {
        "client_id": settings.HUBSPOT_CLIENT_ID, "redirect_uri": back, "state": state, "scope": " ".join(NEEDED),
        "optional_scope": " ".join(OPTIONAL), "code_challenge_method": "S256",
        "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
    }  # fmt: skip
    base = settings.HUBSPOT_API_BASE
    page = f"{base}/oauth/authorize" if urlsplit(base).hostname in LOOPBACK else CONSENT_PAGE
    return f"{page}?{urlencode(query)}"


def redeem(client: HubSpotClient, code: str, verifier: str, back: str) -> str:
    """The token to store, for the code that the consent page returned. Raises TokenRejected, SourceError."""
    fields = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "redirect_uri": back}
    try:
        answer = client.form(endpoints.OAUTH_TOKEN, fields)
    except Refused:
        raise TokenRejected from None
    if not isinstance(answer.get("refresh_token"), str):
        raise AnswerInvalid("form")
    return REFRESHED + str(answer["refresh_token"])


def revoke(client: HubSpotClient, token: str) -> None:
    """End a token that was redeemed; one that has ended already is no error. Raises SourceError."""
    try:
        fields = {"token": token.removeprefix(REFRESHED), "token_type_hint": "refresh_token"}
        client.form(endpoints.OAUTH_REVOKE, fields)
    except Refused:
        return
