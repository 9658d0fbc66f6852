"""A partner's own thresholds in place of the samples."""

import re

import pytest

SAMPLES = {"0-total_points": "160", "0-sourced_points": "40", "1-total_points": "475", "1-sourced_points": "120"} | {
    "2-total_points": "1260", "2-sourced_points": "320", "3-total_points": "3570", "3-sourced_points": "960",
    "3-grr": "85", "3-certified_people": "100", "source": "Partner portal, 20 November",
}  # fmt: skip


def test_an_admin_enters_them_with_their_source_and_the_samples_are_gone(web):
    admin = web("admin")
    form = admin.get("/tiers/thresholds/").text
    assert re.search(r'name="2-total_points" value="1260"', form)
    assert re.search(r'name="3-grr" value="85"', form)
    assert "These thresholds are samples" in admin.get("/tiers/").text

    answer = admin.post("/tiers/thresholds/", SAMPLES | {"2-total_points": "1200"}, follow=True)

    page = answer.text
    assert "samples" not in page
    assert "Sample thresholds" not in page
    assert "Thresholds from: Partner portal, 20 November" in page
    # 1,220.5 points were 39.5 short of 1,260, and reach 1,200.
    assert re.search(r"<b>Diamond</b>|Diamond", page)
    standing = admin.get("/api/v1/progress/", headers={"accept": "application/json"})
    if standing.status_code == 200:
        assert standing.json()["tiers"]["performance"] == "Diamond"
    [event] = _events("tiers.thresholds_entered")
    assert event.details == {"rule_set": "2026-01-15", "source": "Partner portal, 20 November"}


def test_the_programmes_thresholds_come_back(web):
    admin = web("admin")
    before = _history()
    assert len(before) > 10
    admin.post("/tiers/thresholds/", SAMPLES | {"0-total_points": "10", "1-total_points": "20"})
    admin.post("/tiers/thresholds/", {"remove": "yes"})
    assert "These thresholds are samples" in admin.get("/tiers/").text
    assert _history() == before


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"source": ""}, "This field is required."),
        ({"2-total_points": "400"}, "A higher tier cannot need less than a lower one."),
        ({"3-grr": "-1"}, "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_right_is_not_saved(web, changed, message):
    answer = web("admin").post("/tiers/thresholds/", SAMPLES | changed)
    assert answer.status_code == 422
    assert message in answer.text
    assert "These thresholds are samples" in web("admin").get("/tiers/").text


def test_only_admins_enter_them_and_others_read_whom_to_ask(web):
    assert web("manager").get("/tiers/thresholds/").status_code == 403
    page = web("member").get("/tiers/").text
    assert "An admin of your team can enter yours." in page


def test_another_partner_keeps_the_samples(web, scope_of):
    from program.queries import rulebook

    web("admin").post("/tiers/thresholds/", SAMPLES | {"0-total_points": "10"})
    assert rulebook().rule_set(scope_of("admin").today).sample
    assert not rulebook(scope_of("admin")).rule_set(scope_of("admin").today).sample


def _events(action):
    from accounts.models import AuditEvent

    return list(AuditEvent.objects.filter(action=action))


def _history():
    from accounts.models import Partner
    from accounts.scope import partner_scope
    from tiers.models import TierChange

    with partner_scope(Partner.objects.get(slug="northwind")):
        return list(TierChange.objects.order_by("on", "position").values_list("on", "kind", "before", "after"))
