"""The tier pages as members see them: figures, rows, past days, rights, and how many queries they take."""

import re
from datetime import date

import pytest
from django.db import connection
from django.db.models import Count
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tests.contract.conftest import dealt

PAGES = ["/tiers/", "/tiers/breakdown/", "/tiers/expiring/", "/tiers/lots/", "/tiers/entries/", "/tiers/people/",
         "/tiers/tools/", "/tiers/clients/C079/", "/clients/C079/", "/tiers/plans/", "/tiers/plans/new/",
         "/calculator/"]  # fmt: skip


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


def data_values(response):
    return set(re.findall(r'<data value="(-?[0-9.]+)"', response.content.decode()))


@pytest.mark.parametrize(("path", "role"), dealt(PAGES, ("member", "finance", "manager", "admin")))
def test_every_role_of_the_partner_opens_them(web, path, role):
    assert web(role).get(path).status_code == 200


@pytest.mark.parametrize(
    "path", ["/tiers/clients/C079/", "/clients/C079/", "/tiers/clients/no%20such/", "/clients/nobody/"]
)
def test_clients_of_others_do_not_exist(web, path):
    name = "outsider" if "C079" in path else "admin"
    assert web(name).get(path).status_code == 404


def test_rows_of_others_do_not_exist(web):
    response = web("outsider").get("/tiers/entries/?client=C079")
    assert response.context["drill"].selection.count == 0


def test_the_page_shows_the_expected_figures(web, expected, expected_day):
    response = web().get(f"/tiers/?on={expected_day}")
    points, tiers = expected[expected_day]["points"], expected[expected_day]["tiers"]
    assert {points[name] for name in ("sourced", "assisted", "managed", "total")} <= data_values(response)
    page = response.context["page"]
    assert (page.standing.credited, page.standing.performance) == (tiers["credited"], tiers["performance"])
    assert f"{page.standing.next_review}" == tiers["next_review"]
    for row in expected[expected_day]["forecast"]:
        assert row["points"] in data_values(response)


def test_a_past_day_is_marked_with_its_rules(web):
    response = web().get("/tiers/?on=2024-02-29")
    assert "29 Feb 2024, with what we know today" in text_of(response)
    rule_set = response.context["rules"].rule_set
    assert rule_set.start <= date(2024, 2, 29)
    assert f"Rule set “{rule_set.name}”" in text_of(response)
    assert "data-as-it-was" not in web().get("/tiers/").content.decode()


def test_a_past_day_stays_in_the_links(web):
    html = web().get("/tiers/?on=2026-01-15").content.decode()
    for name in ("tier_breakdown", "tier_expiring", "tier_people", "tier_tools"):
        links = re.findall(rf'href="({reverse(name)}[^"]*)"', html)
        assert links
        assert all("on=2026-01-15" in link for link in links if "track" in link or name != "tier_breakdown")


@pytest.mark.parametrize("on", ["2099-01-01", "yesterday", "2026-02-30"])
def test_a_day_that_cannot_be_shown_says_so(web, on):
    response = web().get(f"/tiers/?on={on}")
    assert response.status_code == 200
    assert "today is shown" in text_of(response)


def test_the_dashboard_as_it_was(web, expected):
    response = web().get("/dashboard/?on=2026-01-15")
    assert "15 Jan 2026, with what we know today" in text_of(response)
    assert expected["2026-01-15"]["points"]["total"] in data_values(response)
    assert expected["2026-01-15"]["changes"]["closing"] in data_values(response)
    assert "on=2026-01-15" in response.content.decode()


def test_the_chosen_target_marks_its_thresholds(web):
    response = web().get("/tiers/?target=platinum")
    assert response.context["page"].target.tier == "Platinum"
    chosen = [mark.tier for bar in response.context["page"].bars for mark in bar.marks if mark.chosen]
    assert set(chosen) == {"Platinum"}


def test_a_later_rule_set_is_announced(web, scope):
    from program.models import Program, Requirement, RuleSet, Tier
    from program.services import rules_changed

    program = Program.objects.get()
    later = RuleSet.objects.create(program=program, start=date(2027, 2, 1), name="Next year", sample=True)
    tier = Tier.objects.create(rule_set=later, position=0, name="Gold")
    Requirement.objects.create(tier=tier, position=0, metric="total_points", value=1300)
    rules_changed(program=program)
    response = web().get("/tiers/")
    assert "“Next year” is in force from 1 Feb 2027" in text_of(response)
    (announced,) = response.context["page"].announced
    assert announced.performance is None
    assert f"{announced.targets[0].requirements[0].missing:.4f}" == "64.9533"


def test_members_see_no_amounts(web):
    for path in (
        "/tiers/lots/?client=C079",
        "/tiers/entries/?client=C079",
        "/clients/C079/",
        "/tiers/clients/C079/",
        "/tiers/plans/new/",
    ):
        assert not re.search(r"\b(USD|EUR) [0-9]", text_of(web("member").get(path))), path
    assert "USD 2,165.00" in text_of(web("finance").get("/clients/C079/"))


@pytest.mark.parametrize(("target", "holds"), [("over-time", "h-over"), ("expiry-calendar", "h-expiry")])
def test_parts_come_alone(web, target, holds):
    path = "/tiers/?time_range=whole-history&step=day"
    html = web().get(path, headers={"HX-Request": "true", "HX-Target": target}).content.decode()
    assert html.lstrip().startswith("<details")
    assert holds in html
    assert "h-insights" not in html


@pytest.mark.parametrize("path", ["/tiers/breakdown/", "/tiers/expiring/", "/tiers/clients/C079/", "/tiers/lots/"])
def test_dialogs_come_without_the_page(web, path):
    html = web().get(path, headers={"HX-Request": "true", "HX-Target": "dialog"}).content.decode()
    assert "dialog-heading" in html
    assert "<html" not in html


def queries(client, path):
    client.get(path)  # what a process reads once is read
    with CaptureQueriesContext(connection) as found:
        client.get(path)
    return len(found)


def test_the_number_of_queries_does_not_grow_with_rows(web, scope):
    from clients.models import Client

    counted = Client.objects.filter(partner=scope.partner, points__total__gt=0).annotate(lots_sold=Count("lots"))
    client = web()
    for name, limit in (("tier_client", 38), ("client", 48)):
        found = {
            number: queries(client, reverse(name, args=[counted.filter(lots_sold=number).first().client_id]))
            for number in (1, 3, 6)
        }
        assert found[1] == found[3] == found[6] <= limit
    assert queries(client, "/tiers/breakdown/?q=Birch") == queries(client, "/tiers/breakdown/") <= 22
    assert queries(client, "/tiers/") <= 66


def test_a_client_without_points_says_why(web, scope):
    from clients.models import Client

    gone = Client.objects.filter(partner=scope.partner, points__total=0).order_by("client_id").first()
    text = text_of(web().get(reverse("client", args=[gone.client_id])))
    assert "Why this client does not count" in text
    assert re.search(r"cancelled on|expired on|never managed|Not managed since", text)


def test_a_record_without_an_address_of_the_web_has_no_link(web, scope):
    from clients.models import Client

    Client.objects.filter(partner=scope.partner, client_id="C079").update(crm_url="javascript:alert(1)")
    assert "javascript:" not in web().get("/clients/C079/").content.decode()


def test_before_the_first_rule_set_there_is_no_performance_tier_and_no_data_is_not_untiered(web):
    page = text_of(web("admin").get("/tiers/?on=2021-12-01"))
    held = page[page.index("Performance tier") : page.index("Next review")]
    assert "no data" in held
    assert "No rule set is in force on this day" in held
    assert "Untiered" not in held


@pytest.mark.parametrize(
    ("path", "mark", "other"),
    [
        ("/dashboard/", "sample-notice", "tag sample"),
        ("/tiers/", "sample-notice", "tag sample"),
        ("/tiers/plans/new/", "tag sample", "sample-notice"),
        ("/calculator/?amount=100&currency=USD", "tag sample", "sample-notice"),
    ],
)
def test_sample_thresholds_are_marked_wherever_they_show(web, path, mark, other):
    page = web("admin").get(path).text
    assert mark in page
    assert other not in page, "a page says it once"
    assert "The vendor does not publish its" in page
