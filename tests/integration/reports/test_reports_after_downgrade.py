"""Everything that is stored of money, opened by somebody whose role no longer sees it."""

import re
from datetime import date
from decimal import Decimal

import pytest
from django.conf import settings
from django.test import Client as WebClient
from django.urls import reverse

from accounts.models import Membership
from dashboard.models import ReviewPack
from partner_portal.lib.rows.datasets import select
from reports.models import Export, SavedReport
from reports.services import exports, saved
from tiers.plans import services as plan_services
from tiers.plans.rules import Assumptions, ExtraDeal

# An amount as pages write it (49,795.74, USD 1,000) or as an address or a field does (amount.1=5000).
AMOUNT = re.compile(r"\d{1,3}(,\d{3})*\.\d{2}\b|(USD|EUR|US\$)\s?\d|amount\.1=\d")


def page_text(client, address, status=200):
    answer = client.get(address)
    assert answer.status_code == status, address
    return re.sub(r"<(script|style|defs).*?</\1>", "", answer.content.decode(), flags=re.S)


def export_of(scope, key, columns=()):
    export_request = exports.ExportRequest(name=key, format="csv", columns=tuple(columns))
    selection = select(key, scope, {})
    export = exports.request_export(scope=scope, selection=selection, export_request=export_request)
    return exports.start_now(scope=scope, selection=selection, export=export)


@pytest.fixture
def manager(web):
    return web("manager")


@pytest.fixture
def stored(scope_of, manager):
    """A file of each kind, reports, cards, a pack and a plan of money, all of the manager; addresses by what they are."""
    scope = scope_of("manager")
    lines = export_of(scope, "commission-lines")
    clients = export_of(scope, "clients", ["name", "points_total", "mrr_usd"])
    plain = export_of(scope, "clients", ["name", "points_total"])
    for key, pinned in (("commission-lines", "partner"), ("clients", "mine")):
        looks = {"name": f"Kept {key}", "chart": "bar", "pinned": pinned}
        saved.save_report(scope=scope, selection=select(key, scope, {}), fixed=False, appearance=looks)
    extra = ExtraDeal(Decimal("5000"), "USD", "sourced", False, date(2026, 12, 1), False, 0)
    plan = plan_services.save_plan(
        scope=scope_of("admin"), name="Ours", assumed=Assumptions({}, {}, {}, (extra,)), shared=True
    )
    scope_of("manager")
    pack = manager.post(reverse("dashboard_pack"), {"title": "For the review"}).url
    reports = {name: reverse("report", args=[SavedReport.objects.get(name=f"Kept {name}").pk])
               for name in ("commission-lines", "clients")}  # fmt: skip
    return {
        "lines": lines.pk, "clients": clients.pk, "plain": plain.pk, "pack": pack, "reports": reports,
        "plan": reverse("tier_plan", args=[plan.pk]),
    }  # fmt: skip


def downgrade():
    Membership.objects.filter(user__email="manager@northwind.example").update(role="member")


def test_an_export_tells_only_what_its_owner_may_see_now(manager, stored):
    clients, lines, plain = (reverse("export", args=[stored[name]]) for name in ("clients", "lines", "plain"))
    before = page_text(manager, clients)
    total = Export.objects.get(pk=stored["clients"]).totals["mrr_usd"]
    assert "Total of MRR, points-dollars" in before
    assert "Total of Commission" in page_text(manager, lines)  # not "Total of = Commission"
    assert Decimal(total) > 10_000
    downgrade()
    # The rows are still theirs, the column is not: the total of points stays, that of money and the file go.
    after = page_text(manager, clients)
    assert "Total of Points" in after
    assert "MRR" not in after
    assert not AMOUNT.search(after)
    assert f"{clients}file/" not in after
    assert "This file holds columns that you may no longer see" in after
    assert manager.get(f"{clients}file/").status_code == 403
    # Neither rows nor columns are theirs.
    after = page_text(manager, lines)
    assert "You no longer have access to these rows" in after
    assert "Total of" not in after
    assert f"{lines}file/" not in after
    assert f"{lines}again/" not in after
    assert manager.get(f"{lines}file/").status_code == 404
    # A file without money is as it was.
    assert f"{plain}file/" in page_text(manager, plain)
    assert manager.get(f"{plain}file/").status_code == 200
    listed = page_text(manager, reverse("exports"))
    assert f"{plain}file/" in listed
    assert f"{clients}file/" not in listed
    assert f"{lines}file/" not in listed
    assert manager.get(reverse("notices_bell")).context["waiting"].ready == 0  # the plain one is downloaded by now


def test_a_kind_of_rows_that_is_gone_opens_to_those_who_see_money(manager, stored):
    Export.objects.filter(pk=stored["plain"]).update(dataset="no-such-rows")
    address = reverse("export_file", args=[stored["plain"]])
    assert manager.get(address).status_code == 200
    downgrade()
    assert manager.get(address).status_code == 404


def test_nothing_stored_shows_money_after_a_downgrade(manager, stored):
    pages = [
        reverse("exports"), reverse("notices_bell"), reverse("report_cards"), reverse("reports"), reverse("lists"),
        *(reverse("export", args=[stored[name]]) for name in ("clients", "lines", "plain")),
        stored["reports"]["clients"], reverse("dashboard_packs"), reverse("tier_plans"), stored["plan"],
    ]  # fmt: skip
    shown = [
        address
        for address in (*pages, stored["pack"], stored["reports"]["commission-lines"])
        if AMOUNT.search(page_text(manager, address))
    ]
    # So the search below finds amounts where there are some, and on a card.
    assert {stored["pack"], stored["plan"], stored["reports"]["commission-lines"]} <= set(shown)
    figure = f"{Decimal(Export.objects.get(pk=stored['lines']).totals['commission']):,.2f}"
    assert figure in page_text(manager, reverse("report_cards"))
    downgrade()
    again = WebClient()  # and nothing of the former role comes out of a cache, whoever asks
    again.force_login(
        Membership.objects.get(user__email="manager@northwind.example").user, settings.AUTHENTICATION_BACKENDS[0]
    )
    for client in (manager, again):
        for address in pages:
            text = page_text(client, address)
            found = AMOUNT.search(text)
            assert not found, (address, found[0])
            assert figure not in text, address
        for address in (stored["pack"], f"{stored['pack']}?on=2026-10-31"):
            assert client.get(address).status_code == 404
        assert client.get(stored["reports"]["commission-lines"]).status_code == 403
        assert client.get(reverse("schedules")).status_code == 403
    assert not ReviewPack.objects.filter(with_money=False).exists()
