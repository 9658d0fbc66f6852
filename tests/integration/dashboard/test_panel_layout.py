"""The panels of the front page: folded and ordered as each person chose, and side by side where two fit."""

import re

from dashboard.panels import PANELS, side_by_side

ALL = ["progress", "progression", "changes", "expiry", "retention", "shared", "commission", "renewals"]
BY_KEY = {panel.key: panel for panel in PANELS}


def shown(client):
    """The panels of the front page from top to bottom, and those of them that are open."""
    found = re.findall(r'<details class="sheet[^"]*" id="(\w+)"([^>]*)>', client.get("/dashboard/", follow=True).text)
    return [key for key, _attributes in found], {key for key, attributes in found if attributes.endswith(" open")}


def test_what_a_person_folds_and_moves_is_theirs_and_stays(web):
    manager = web("manager")
    assert shown(manager) == (ALL, set(ALL) - {"retention", "shared"})
    for change in (
        {"unfold": "retention"},
        {"fold": "changes"},
        {"up": "renewals"},
        {"up": "renewals"},
        {"down": "progress"},
    ):
        answer = manager.post("/dashboard/panels/", change)
        assert answer.status_code == 302
    order = ["progression", "progress", "changes", "expiry", "retention", "renewals", "shared", "commission"]
    assert shown(manager) == (order, set(ALL) - {"changes", "shared"})
    menu = re.search(r"<nav class=\"section-menu\".*?</nav>", manager.get("/dashboard/", follow=True).text, re.S)[0]
    assert re.findall(r'href="#(\w+)"', menu) == order
    assert shown(web("admin"))[0] == ALL
    manager.post("/dashboard/panels/", {"reset": "yes"})
    assert shown(manager) == (ALL, set(ALL) - {"retention", "shared"})


def test_nobody_else_s_names_are_stored_and_the_ends_are_ends(web, scope):
    from accounts.models import Membership

    admin = web("admin")
    for change in ({"fold": "elsewhere"}, {"up": "progress"}, {"down": "renewals"}, {"down": "elsewhere"}, {}):
        admin.post("/dashboard/panels/", change)
    stored = Membership.objects.get(user__email="admin@northwind.example", partner=scope.partner).panels
    assert stored == {"dashboard": {"folded": {}}}
    assert shown(admin)[0] == ALL


def test_the_page_that_arranges_them_needs_no_script_and_returns_to_the_button(web):
    member = web("member")
    page = member.post("/dashboard/panels/", {"down": "changes"}, follow=True).text
    assert re.findall(r'name="down" value="(\w+)"\s+autofocus', page) == ["changes"]
    keys = re.findall(r'name="up" value="(\w+)"', page)
    assert keys == ["progress", "progression", "expiry", "changes", "retention", "shared", "renewals"]  # no commission


def test_two_halves_in_a_row_stand_side_by_side():
    assert side_by_side([BY_KEY[key] for key in ALL]) == {"retention", "shared"}
    assert side_by_side([BY_KEY[key] for key in ("retention", "renewals", "shared")]) == frozenset()
