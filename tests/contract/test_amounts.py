"""Amounts of money are on the pages of those who may see them, and nowhere on a member's."""

import re
from html import unescape

import pytest

AMOUNT = re.compile(r"(?:US\$|[A-Z]{3})[ \xa0][−-]?\d[\d,.]*(?![\d,.]*%)")
PATHS = (
    "/dashboard/", "/clients/", "/clients/C079/", "/renewals/", "/dashboard/pack/",
    "/dashboard/shared/won/", "/dashboard/stuck-deals/", "/dashboard/retention/?month=2026-10",
    "/dashboard/changes/lost-sold/",
)  # fmt: skip


def amounts_on(page) -> list[str]:
    """The amounts in the text of a page."""
    assert page.status_code == 200
    main = page.content.decode().partition("<main")[2]
    return AMOUNT.findall(unescape(re.sub(r"<[^>]*>", "", main)))


@pytest.mark.parametrize("path", PATHS)
def test_a_member_sees_no_amount(web, path):
    assert amounts_on(web("member").get(path)) == []
    assert amounts_on(web("finance").get(path))


def test_a_member_has_no_commissions(web):
    member = web("member")
    assert b'href="/commissions/"' not in member.get("/dashboard/").content
    assert b'href="/commissions/"' in web("finance").get("/dashboard/").content
    for path in ("/commissions/", "/commissions/clients/C079/"):
        assert member.get(path).status_code == 403
