"""The page of product lines: counts, the preview of a merge, merging and undoing it (points.md 13)."""

import re

import pytest
from django.db.models import Sum
from django.urls import reverse

pytestmark = pytest.mark.django_db


def text(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.content.decode()))


@pytest.fixture
def lines(scope):
    """Two lines of Northwind: one with points left, and one to merge it into."""
    from clients.models import ProductLine
    from ledger.models import Lot

    left = Lot.objects.filter(partner=scope.partner).values("deal__product_line").annotate(left=Sum("remaining"))
    name = left.order_by("-left")[0]["deal__product_line"]
    source = ProductLine.objects.get(partner=scope.partner, name=name)
    target = ProductLine.objects.filter(partner=scope.partner).exclude(pk=source.pk).order_by("pk").first()
    return source, target


def stored(scope, *names):
    from accounts.scope import set_tenant
    from clients.models import Deal

    set_tenant(scope.partner.pk, scope.user.pk)
    return [Deal.objects.filter(partner=scope.partner, product_line=name).count() for name in names]


def test_lines_are_listed_merged_after_a_preview_and_undone(web, scope, lines):
    from clients.models import LineMerge

    source, target = lines
    browser, before = web("manager"), stored(scope, source.name, target.name)
    assert before[0] > 0
    page = text(browser.get(reverse("product_lines")))
    assert re.search(rf"{source.name} {before[0]} \d", page), "the number of its deals comes first"
    address = reverse("product_line_merge", args=[source.pk])
    preview = browser.get(address, {"into": target.pk})
    assert f"What moves: {before[0]} deals" in text(preview)
    assert "Points today" in text(preview)
    assert stored(scope, source.name, target.name) == before, "a preview changes nothing"
    answer = text(browser.post(address, {"into": target.pk}, follow=True))
    assert f"“{source.name}” is now part of “{target.name}”." in answer
    assert f"also {source.name}" in answer
    assert stored(scope, source.name, target.name) == [0, sum(before)]
    merge = LineMerge.objects.get(partner=scope.partner)
    undo = reverse("product_line_undo", args=[merge.pk])
    assert f"What moves: {before[0]} deals" in text(browser.get(undo))
    assert stored(scope, source.name, target.name) == [0, sum(before)]
    assert "are two product lines again" in text(browser.post(undo, follow=True))
    assert stored(scope, source.name, target.name) == before
    assert browser.post(undo).status_code == 404, "it was undone"


def test_counts_open_their_rows(web, scope, lines):
    source, _target = lines
    browser, count = web("admin"), stored(scope, source.name)[0]
    address = reverse("product_line_facts", args=[source.pk, "deals"])
    assert f'href="{address}"' in browser.get(reverse("product_lines")).content.decode()
    page = browser.get(address)
    assert page.context["table"].total == count
    assert len(page.context["table"].rows) == min(count, 50)
    if count > 50:
        assert f"51 to {min(count, 100)} of {count}" in text(browser.get(address, {"page": "2"}))
    assert browser.get(reverse("product_line_facts", args=[source.pk, "services"])).status_code == 404


def test_a_saved_plan_follows_a_merge_and_its_undo(web, scope, lines):
    from accounts.scope import set_tenant
    from clients.line_merges import merge_lines, merges, undo_merge
    from clients.models import Client
    from tiers.models import TierPlan

    source, target = lines
    client = Client.objects.filter(partner=scope.partner, deals__product_line=source.name).first()
    lost = [[client.client_id, source.name, "2026-12-20"]]
    assumptions = {"deals": {}, "lost_lines": lost, "lost_clients": {}, "extra": []}
    plan = TierPlan.objects.create(
        partner=scope.partner, owner=scope.user, name="Without it", shared=True, assumptions=assumptions
    )
    browser, address = web("manager"), reverse("tier_plan", args=[plan.pk])

    def planned():
        return [line for _client, line, _on in browser.get(address).context["lines"]]

    assert planned() == [source.name]
    set_tenant(scope.partner.pk, scope.user.pk)
    merge_lines(scope=scope, source_id=source.pk, target_id=target.pk)
    assert planned() == [target.name]
    set_tenant(scope.partner.pk, scope.user.pk)
    undo_merge(scope=scope, merge_id=merges(scope)[0].pk)
    assert planned() == [source.name]


def test_only_other_lines_can_be_chosen(web, scope, lines):
    source, _target = lines
    browser, address = web("admin"), reverse("product_line_merge", args=[source.pk])
    for value in ("", source.pk, 987654321, "x"):
        answer = browser.post(address, {"into": value})
        assert answer.status_code == 422
        assert "aria-invalid" in answer.content.decode()
    assert browser.get(reverse("product_line_merge", args=[987654321])).status_code == 404
    assert reverse("product_lines") in browser.get(reverse("settings")).content.decode()
