"""OAuth of the simulated account: a consent page that allows at once, tokens that end after 30 minutes, PKCE, revocation."""

import base64
import hashlib
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import parse_qsl, urlencode

from sources.simulator.answers import Answer, Request, error
from sources.simulator.world import World

MINUTES = 30
PAGE = "/oauth/authorize"
_CALLS = re.compile(r"/oauth/\d{4}-\d{2}/token(?P<revoke>/revoke)?")


@dataclass(slots=True)
class Consent:
    """The app that the account knows, and what it was given.

    codes: by code what the consent page was asked with. refresh: tokens, each with its scopes. ends: of access tokens.
    """

    apps: dict[str, str] = field(default_factory=dict)  #: secret by client id
    codes: dict[str, dict[str, str]] = field(default_factory=dict)
    refresh: dict[str, set[str]] = field(default_factory=dict)
    ends: dict[str, datetime] = field(default_factory=dict)


def answer(world: World, consent: Consent, request: Request) -> Answer | None:
    """Answer to a call of OAuth; None for other calls."""
    if request.path == PAGE and request.method == "GET":
        return _allowed(world, consent, request)
    called = _CALLS.fullmatch(request.path)
    if called is None or request.method != "POST":
        return None
    form = dict(parse_qsl(request.body.decode()))
    if not form.get("client_id") or consent.apps.get(form["client_id"]) != form.get("client_secret"):
        return error(401, "The app is not known.", "INVALID_CLIENT")
    if called["revoke"]:
        consent.refresh.pop(form.get("token", ""), None)
        return Answer(200, {})
    if form.get("grant_type") == "authorization_code":
        return _redeemed(world, consent, form)
    if form.get("grant_type") == "refresh_token" and form.get("refresh_token") in consent.refresh:
        return _tokens(world, consent, form["refresh_token"])
    return error(400, "The token is not known.", "BAD_REFRESH_TOKEN", error="invalid_grant")


def drop_ended(world: World, consent: Consent) -> None:
    """End access tokens whose time is over."""
    for token in [token for token, end in consent.ends.items() if world.now() >= end]:
        del consent.ends[token]
        world.tokens.pop(token, None)


def _allowed(world: World, consent: Consent, request: Request) -> Answer:
    asked = dict(request.query)
    if asked.get("client_id") not in consent.apps or not asked.get("redirect_uri"):
        return error(400, "The app is not known.", "INVALID_CLIENT")
    code = f"code-{world.random.getrandbits(64):x}"
    consent.codes[code] = asked
    query = urlencode({"code": code, "state": asked.get("state", "")})
    return Answer(302, b"", {"Location": f"{asked['redirect_uri']}?{query}"})


def _redeemed(world: World, consent: Consent, form: dict[str, str]) -> Answer:
    asked = consent.codes.pop(form.get("code", ""), {})
    digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    if asked.get("code_challenge") != challenge or asked.get("redirect_uri") != form.get("redirect_uri"):
        return error(400, "The code is not known.", "BAD_AUTH_CODE", error="invalid_grant")
    token = f"refresh-{world.random.getrandbits(128):x}"
    consent.refresh[token] = set(f"{asked.get('scope', '')} {asked.get('optional_scope', '')}".split())
    return _tokens(world, consent, token)


def _tokens(world: World, consent: Consent, refresh: str) -> Answer:
    access = f"access-{world.random.getrandbits(128):x}"
    world.add_token(access, consent.refresh[refresh])
    consent.ends[access] = world.now() + timedelta(minutes=MINUTES)
    answer = {"access_token": access, "refresh_token": refresh, "token_type": "bearer", "expires_in": MINUTES * 60}
    return Answer(200, answer)
