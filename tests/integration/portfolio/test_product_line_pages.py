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
    assert f"Changes line: {before[0]} deals" in text(preview)
    assert "Points today" in text(preview)
    assert stored(scope, source.name, target.name) == before, "a preview changes nothing"
    answer = text(browser.post(address, {"into": target.pk}, follow=True))
    assert f"“{source.name}” is now part of “{target.name}”." in answer
    assert f"also {source.name}" in answer
    assert stored(scope, source.name, target.name) == [0, sum(before)]
    merge = LineMerge.objects.get(partner=scope.partner)
    undo = reverse("product_line_undo", args=[merge.pk])
    assert f"Changes line: {before[0]} deals" in text(browser.get(undo))
    assert stored(scope, source.name, target.name) == [0, sum(before)]
    assert "are two product lines again" in text(browser.post(undo, follow=True))
    assert stored(scope, source.name, target.name) == before
    assert browser.post(undo).status_code == 404, "it was undone"


def test_only_other_lines_can_be_chosen(web, scope, lines):
    source, _target = lines
    browser, address = web("admin"), reverse("product_line_merge", args=[source.pk])
    for value in ("", source.pk, 987654321, "x"):
        answer = browser.post(address, {"into": value})
        assert answer.status_code == 422
        assert "aria-invalid" in answer.content.decode()
    assert browser.get(reverse("product_line_merge", args=[987654321])).status_code == 404
    assert reverse("product_lines") in browser.get(reverse("settings")).content.decode()
