"""Every address without a person, and without the right it needs. Rows of others: test_isolation.py; odd values: test_fuzz.py."""

import re

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


def test_nobody_is_sent_to_sign_in(db, web):
    browser, wrong = web(None), {}
    for address, pattern in own_routes().items():
        response = browser.get(with_numbers(address))
        status, where = response.status_code, response.headers.get("Location", "")
        if rules_of(pattern.callback).takes_tokens:  # a program is told, not sent to a page
            good = status == 401 and response["WWW-Authenticate"].startswith("Bearer")
        elif address in OPEN_TO_ALL or getattr(pattern.callback, "login_required", True) is False:
            good = status == OPEN_TO_ALL.get(address, 404)
        else:
            good = status == 302 and where.startswith("/accounts/login/")
        if not good:
            wrong[address] = (status, where)
    assert wrong == {}


def test_a_right_that_is_not_held_is_refused(db, web):
    from accounts.roles import PERMISSIONS, Role

    browser, wrong, asked = web("member"), {}, 0
    for address, pattern in own_routes().items():
        permission = rules_of(pattern.callback).permission
        if permission is None or permission in PERMISSIONS[Role.MEMBER]:
            continue
        path = with_numbers(address)
        statuses = browser.get(path).status_code, browser.post(path).status_code
        asked += 1
        if statuses not in {(403, 403), (403, 405), (405, 403)}:  # a wrong method is told first, never both times
            wrong[address] = statuses
    assert wrong == {}
    assert asked > 40
