"""Every address, as admin, member, somebody of another partner, and nobody: what opens, what does not exist, who signs in."""

import re

import pytest
from django.urls import URLPattern

from accounts.checks import GUARDED_ELSEWHERE, routes

OPEN_TO_ALL = {"health/live", "health/ready"}


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
    if getattr(own_routes()[address].callback, "takes_tokens", False):
        assert response.status_code == 401  # a program is told, not sent to a page
        assert response["WWW-Authenticate"].startswith("Bearer")
        return
    if address in OPEN_TO_ALL or getattr(own_routes()[address].callback, "login_required", True) is False:
        assert response.status_code in {200, 302, 404, 405}
        return
    assert response.status_code in {302, 405}
    if response.status_code == 302:
        assert response["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("role", ["admin", "member", "outsider", "nobody"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_ids_that_are_nobodys_do_not_exist_and_nothing_breaks(db, web, address, role):
    view = own_routes()[address].callback
    response = web(role).get(with_numbers(address))
    assert response.status_code < 500
    if "<" in address and role in {"admin", "outsider"} and "<str:theme" not in address:
        assert response.status_code in {400, 404, 405}, address
    if role == "nobody" and hasattr(view, "required_permission"):
        assert response.status_code in {403, 405}


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_right_that_is_not_held_is_refused(db, web, address):
    from accounts.roles import PERMISSIONS, Role

    permission = getattr(own_routes()[address].callback, "required_permission", None)
    if permission is None or permission in PERMISSIONS[Role.MEMBER]:
        return
    assert web("member").get(with_numbers(address)).status_code in {403, 405}
    assert web("member").post(with_numbers(address)).status_code in {403, 405}


@pytest.mark.parametrize("role", ["admin", "member"])
def test_the_operators_site_does_not_exist_for_members(db, web, role):
    assert web(role).get("/admin/").status_code in {302, 404}
    assert web(role).get("/admin/program/ruleset/").status_code in {302, 404}
