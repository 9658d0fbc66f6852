"""Every address without a person, and without the right it needs. Rows of others: test_isolation.py; odd values: test_fuzz.py."""

import re

import pytest
from django.urls import URLPattern

from accounts.checks import GUARDED_ELSEWHERE, routes
from partner_portal.lib.web.view_rules import rules_of

# Without signing in: addresses whose token is the right (here it is nobody's).
OPEN_TO_ALL = {"accounts/logout/": 302}


def own_routes() -> dict[str, URLPattern]:
    """The portal's own addresses; those of allauth and the admin site guard themselves and are swept apart."""
    return {
        address: pattern
        for address, pattern in routes()
        if not pattern.callback.__module__.startswith(GUARDED_ELSEWHERE) and not address.startswith("admin/")
    }


def with_numbers(address: str) -> str:
    """An address in which every id names something that is nobody's."""
    address = re.sub(r"<(?:int|slug):[^>]+>", "987654321", address)
    address = re.sub(r"<uuid:[^>]+>", "00000000-0000-4000-8000-000000000000", address)
    return "/" + re.sub(r"<[^>]+>", "no-such-thing", address)


ADDRESSES = sorted(own_routes())


@pytest.mark.parametrize("address", ADDRESSES)
def test_nobody_is_sent_to_sign_in(db, web, address):
    response = web(None).get(with_numbers(address))
    if rules_of(own_routes()[address].callback).takes_tokens:
        assert response.status_code == 401  # a program is told, not sent to a page
        assert response["WWW-Authenticate"].startswith("Bearer")
        return
    if address in OPEN_TO_ALL or getattr(own_routes()[address].callback, "login_required", True) is False:
        assert response.status_code == OPEN_TO_ALL.get(address, 404)
        return
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_right_that_is_not_held_is_refused(db, web, address):
    from accounts.roles import PERMISSIONS, Role

    permission = rules_of(own_routes()[address].callback).permission
    if permission is None or permission in PERMISSIONS[Role.MEMBER]:
        return
    asked = web("member").get(with_numbers(address)).status_code, web("member").post(with_numbers(address)).status_code
    assert asked in {(403, 403), (403, 405), (405, 403)}  # a wrong method is told first, never both times
