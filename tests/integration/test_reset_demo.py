"""The demo is reset: whatever people did to the sample partners is gone, and the figures are those of the first start."""

import pytest
from django.core.management import call_command

from accounts.models import Partner, User
from accounts.scope import outside_partners, partner_scope, system_scope
from clients.models import Client
from ledger.queries import points_on
from notices.models import NoticeSettings

pytestmark = [pytest.mark.slow, pytest.mark.sweep]


def figures(partner):
    with partner_scope(partner):
        scope = system_scope(partner)
        return points_on(scope, scope.today).total, Client.objects.count()


def test_what_people_did_is_gone_and_the_figures_are_back(committed):
    partner = Partner.objects.get(slug="northwind")
    before = figures(partner)
    with outside_partners():
        User.objects.filter(email="admin@northwind.example").update(language="nl")
    with partner_scope(partner):
        Client.objects.create(partner=partner, client_id="MINE", name="Mine", country="NL", currency="EUR")
        NoticeSettings.objects.create(partner=partner, user=User.objects.get(email="admin@northwind.example"))
    Partner.objects.filter(pk=partner.pk).update(name="Renamed", time_zone="UTC")
    call_command("reset_demo", yes=True, verbosity=0)
    partner.refresh_from_db()
    assert (partner.name, partner.time_zone) == ("Northwind Growth", "Europe/Amsterdam")
    assert figures(partner) == before
    with partner_scope(partner):
        assert not Client.objects.filter(client_id="MINE").exists()
        assert not NoticeSettings.objects.exists()
    with outside_partners():
        assert User.objects.get(email="admin@northwind.example").language == ""
