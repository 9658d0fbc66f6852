"""Tier plans: the answer, saving and sharing, and that nothing of a plan enters the ledger."""

import re
from datetime import date
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from tiers.models import TierPlan
from tiers.plans import services
from tiers.plans.queries import outcome, plans
from tiers.plans.rules import Assumptions, ExtraDeal

D = date.fromisoformat
NOTHING = Assumptions({}, {}, {})
BIG = Assumptions({}, {}, {}, (ExtraDeal(Decimal(5000), "USD", "sourced", False, D("2026-12-01")),))


def totals(found, key):
    return [review.total for review in next(each for each in found.variants if each.key == key).reviews]


def test_an_empty_plan_is_what_happens_anyway(scope):
    from tiers.queries import projection

    found = outcome(scope, NOTHING)
    assert [review.on for review in found.plan.reviews] == [D("2027-01-15"), D("2027-07-15")]
    ahead = projection(scope, scope.today, [D("2027-01-15"), D("2027-07-15")])
    assert totals(found, "plan") == totals(found, "nothing") == [each.points.total for each in ahead]
    assert found.target == "Diamond"


def test_a_new_deal_adds_its_points_and_lifts_the_tier(scope):
    found = outcome(scope, BIG)
    assert [
        with_it - without for with_it, without in zip(totals(found, "plan"), totals(found, "nothing"), strict=True)
    ] == [Decimal("250.0000")] * 2
    # 1,199 + 250 meet Diamond's 1,260 on 15 December; from 15 February on 970 + 250 and less do not.
    assert [review.held for review in found.plan.reviews] == ["Diamond", "Platinum"]
    assert [review.held for review in found.variants[0].reviews] == ["Platinum", "Platinum"]
    assert totals(found, "worst") == totals(found, "nothing")
    assert totals(found, "best") == totals(found, "plan")


def test_a_lost_client_takes_what_it_would_have_had(scope):
    found = outcome(scope, Assumptions({}, {}, {"C079": D("2026-12-23")}))
    lost = [without - with_it for with_it, without in zip(totals(found, "plan"), totals(found, "nothing"), strict=True)]
    assert lost == [Decimal("109.2000")] * 2  # both lots last beyond both reviews


def test_nothing_enters_the_ledger(scope):
    from clients.models import Cancellation, Deal
    from ledger.models import PointEntry

    before = PointEntry.objects.count(), Deal.objects.filter(stage="open").count(), Cancellation.objects.count()
    deal = Deal.objects.filter(partner=scope.partner, stage="open", origin="sourced").first()
    assumed = Assumptions({deal.deal_id: D("2026-12-01")}, {}, {"C079": D("2026-12-23")}, BIG.extra)
    services.save_plan(scope=scope, name="Everything", assumed=assumed, shared=True)
    outcome(scope, assumed)
    assert (
        PointEntry.objects.count(),
        Deal.objects.filter(stage="open").count(),
        Cancellation.objects.count(),
    ) == before


def test_what_can_no_longer_be_planned_with_is_named(scope):
    assert outcome(scope, Assumptions({"gone": D("2026-12-01")}, {}, {"C999": D("2026-12-01")})).missing == (
        "C999",
        "gone",
    )


def test_saved_through_the_page_and_opened_again(web):
    client = web()
    page = client.get(
        "/tiers/plans/new/?client=C079&gone.C079=2026-12-23&amount.1=5000&currency.1=USD&closes.1=2026-12-01"
    )
    query = re.search(r'name="query" value="([^"]+)"', page.content.decode())[1].replace("&amp;", "&")
    saved = client.post(reverse("tier_plan_save"), {"query": query, "name": "Win one, lose one", "shared": "yes"})
    plan = TierPlan.objects.get(name="Win one, lose one")
    assert saved.url == reverse("tier_plan", args=[plan.pk])
    shown = client.get(saved.url)
    assert [review.total for review in shown.context["result"].plan.reviews] == totals(page.context["result"], "plan")
    html = shown.content.decode()
    assert "Client C079 cancels altogether" in html
    assert "mailto:" in html
    assert f"%2Ftiers%2Fplans%2F{plan.pk}%2F" in html or f"/tiers/plans/{plan.pk}/" in html


def test_only_shared_plans_are_seen_by_others_and_only_owners_change_them(web, scope_of):
    admin = scope_of("admin")
    own = services.save_plan(scope=admin, name="Mine", assumed=NOTHING, shared=False)
    shared = services.save_plan(scope=admin, name="Ours", assumed=NOTHING, shared=True)
    manager = web("manager")
    assert manager.get(reverse("tier_plan", args=[own.pk])).status_code == 404
    assert manager.get(reverse("tier_plan", args=[shared.pk])).status_code == 200
    assert manager.post(reverse("tier_plan_delete", args=[shared.pk])).status_code == 403
    assert web("outsider").get(reverse("tier_plan", args=[shared.pk])).status_code == 404
    assert web("admin").post(reverse("tier_plan_delete", args=[shared.pk])).status_code == 302
    assert not TierPlan.objects.filter(pk=shared.pk).exists()


def test_a_name_is_needed_and_used_once(web, scope):
    client = web()
    services.save_plan(scope=scope, name="Same", assumed=NOTHING, shared=False)
    for name, says in (("", "Give the plan a name"), ("Same", "You have a plan of this name")):
        response = client.post(reverse("tier_plan_save"), {"query": "", "name": name})
        assert response.status_code == 422
        assert says in response.content.decode()
    assert len(plans(scope)) == 1


def test_the_database_keeps_names_apart(scope):
    TierPlan.objects.create(partner=scope.partner, owner=scope.user, name="Twice")
    with pytest.raises(IntegrityError), transaction.atomic():
        TierPlan.objects.create(partner=scope.partner, owner=scope.user, name="Twice")


@pytest.mark.parametrize("query", ["deal=NOPE&won.NOPE=1999-01-01", "amount.1=-5", "amount.1=1e99", "amount.1=0.001",
                                   "amount.1=5&currency.1=XXX", "line=nothing", "plan=abc", "amount.1=NaN"])  # fmt: skip
def test_wrong_input_is_said_or_left_out(web, query):
    response = web().get(f"/tiers/plans/new/?{query}")
    assert response.status_code == 200
    assert response.context["assumed"].extra == ()


def many(count):
    return Assumptions({f"D{number}": D("2026-12-01") for number in range(count)}, {}, {})


def test_a_plan_holds_two_hundred_assumptions(scope):
    """100 deals, 60 lost lines, 39 lost clients and a hypothetical deal are 200; one more is refused."""
    day = D("2026-12-01")
    full = Assumptions(
        {f"D{number}": day for number in range(100)},
        {(f"C{number}", "Sales Hub"): day for number in range(60)},
        {f"C{number}": day for number in range(39)},
        BIG.extra,
    )
    assert services.save_plan(scope=scope, name="Full", assumed=full, shared=False).pk
    with pytest.raises(services.TooManyAssumptionsError):
        services.save_plan(scope=scope, name="More", assumed=many(201), shared=False)


def test_the_workbench_leaves_out_what_is_too_much_and_saves_none_of_it(web):
    client = web("member")
    query = "&".join(f"deal=D{number}" for number in range(201))
    html = client.get(f"/tiers/plans/new/?{query}").content.decode()
    words = "A plan holds at most 200 assumptions. This one has 201; only the first 200 count."
    assert words in html
    refused = client.post("/tiers/plans/save/", {"name": "Too much", "query": query})
    assert refused.status_code == 422
    assert words in refused.content.decode()
    assert not TierPlan.objects.filter(name="Too much").exists()


def test_a_stored_plan_that_is_too_large_opens_with_a_remark(scope, web):
    stored = {"deals": {f"D{number}": "2026-12-01" for number in range(19_000)}}
    plan = TierPlan.objects.create(partner=scope.partner, owner=scope.user, name="Old", shared=True, assumptions=stored)
    answer = web("member").get(f"/tiers/plans/{plan.pk}/")
    assert answer.status_code == 200
    assert "This one has 19000; only the first 200 count." in answer.content.decode()
    assert len(answer.content) < 100_000
