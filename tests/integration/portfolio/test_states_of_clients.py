"""States of clients: what pages, records and files say is the rule of `ledger.client_states`, whatever the facts are."""

import shutil
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils.html import strip_tags

from accounts.scope import set_tenant, system_scope
from clients.models import Cancellation, Client, Deal, MrrMonth, Service
from ledger.client_states import MrrFact, RenewalFact, client_state
from ledger.facts_of_clients import load_facts
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.datasets import select
from portfolio.client_list import portfolio
from renewals.models import Renewal

D = date.fromisoformat
F30 = {
    "clients.csv": """client_id,name,country,currency
901,Open deal only,US,USD
902,Sold two years ago and renewing next month,US,USD
903,Renewal overdue,US,USD
904,Really cancelled,US,USD
""",
    "deals.csv": """deal_id,client_id,name,product_line,kind,origin,stage,mrr,currency,created_on,closed_on,registered
95001,901,Prospect,Sales Hub,new,sourced,open,1000,USD,2026-11-10,,yes
95002,902,Old sale,Sales Hub,new,sourced,won,1000,USD,2024-11-10,2024-12-19,yes
95003,903,Old sale,Sales Hub,new,sourced,won,1000,USD,2024-08-10,2024-11-01,yes
95004,904,Old sale,Sales Hub,new,sourced,won,1000,USD,2024-08-10,2024-11-01,yes
""",
    "cancellations.csv": "client_id,product_line,cancelled_on,reason\n904,,2025-10-31,left\n",
    "renewals.csv": """client_id,product_line,renews_on,current_mrr,renewal_mrr,currency,status
902,Sales Hub,2026-12-19,1000,1000,USD,pending
903,Sales Hub,2026-11-01,1000,1000,USD,pending
""",
}


@pytest.fixture
def fresh(db):
    """A partner without any facts."""
    call_command("create_partner", "fresh", name="Fresh", currency="USD", verbosity=0)
    from accounts.models import Partner

    found = Partner.objects.get(slug="fresh")
    set_tenant(found.pk)
    return found


def test_nothing_known_is_not_gone(fresh, tmp_path: Path, client):
    """Field case F30: an open deal, a renewal ahead, an overdue one, and a cancelled client; no MRR history at all."""
    for name, text in F30.items():
        (tmp_path / name).write_text(text)
    call_command("import_data", "fresh", *sorted(map(str, tmp_path.iterdir())), verbosity=0)
    shutil.rmtree(tmp_path)
    set_tenant(fresh.pk)
    found = {
        row[0]: row[1:]
        for row in portfolio(system_scope(fresh)).values_list("client_id", "state", "health", "reason", "mrr")
    }
    assert found == {
        "901": ("prospect", "prospect", "nothing", None),
        "902": ("client", "watch", "unknown", None),
        "903": ("client", "risk", "overdue", None),
        "904": ("gone", "gone", "cancelled", None),
    }
    call_command("create_member", "admin@fresh.example", partner="fresh", role="admin", verbosity=0)
    from accounts.models import User

    client.force_login(User.objects.get(email="admin@fresh.example"), backend=settings.AUTHENTICATION_BACKENDS[0])
    html = client.get("/clients/").content.decode()
    for words in ("1 client is at risk", "1 is not yet a client", "1 is no longer a client", "1 to check"):
        assert words in html
    assert 'href="/clients/?health=risk"' in html
    pages = {key: client.get(f"/clients/{key}/").content.decode() for key in found}
    records = {key: strip_tags(page).replace("\xa0", " ") for key, page in pages.items()}
    assert "No won deal, no service and no MRR above 0 is known." in records["901"]
    assert "Sold and not cancelled: Sales Hub." in records["902"]
    assert "A renewal has been overdue since 1 Nov 2026 and is not decided." in records["903"]
    assert "The whole client was cancelled on 31 Oct 2025" in records["904"]
    # On a past day the record speaks of that day.
    assert "Sold and not cancelled: Sales Hub." in client.get("/clients/904/?on=2025-10-30").content.decode()
    assert "Not yet a client" in client.get("/clients/904/?on=2024-10-31").content.decode()


def draw_facts(partner, clients: list[Client], draw: Random) -> tuple[list, list]:
    """Store facts drawn around the same few days, so that odd combinations meet; gives the MRR months and the renewals."""
    days = [D("2025-12-31"), D("2026-03-01"), D("2026-09-30"), D("2026-11-22"), D("2026-11-23"), D("2026-12-05")]
    lines = ["CMS", "Sales Hub"]
    values = {"mrr": Decimal(100), "currency": "USD"}
    deals, services, cancellations, months, renewals = [], [], [], [], []
    for each in clients:
        own = {"partner": partner, "client": each}
        deals += [
            Deal(**own, **values, deal_id=f"{each.client_id}-{n}", name="x", product_line=draw.choice(lines),
                 kind=draw.choice(("new", "upgrade", "downgrade")), origin=draw.choice(("sourced", "none")),
                 stage=draw.choice(("won", "won", "won", "open", "lost")), created_on=days[0], closed_on=draw.choice(days),
                 registered=False)
            for n in range(draw.choice((0, 0, 1, 1, 2, 3)))
        ]  # fmt: skip
        if draw.random() < 0.35:
            start = draw.choice(days)
            end = draw.choice((None, start + timedelta(days=30), start + timedelta(days=1)))
            services.append(Service(**own, **values, started_on=start, ended_on=end, managing_partners=1))
        cancelled = [line for line in ("", *lines) if draw.random() < 0.2]
        cancellations += [Cancellation(**own, product_line=line, cancelled_on=draw.choice(days)) for line in cancelled]
        known = [month for month in ("2026-08-01", "2026-10-01", "2026-11-01") if draw.random() < 0.2]
        months += [MrrMonth(**own, month=D(month), mrr=draw.choice((0, 50)), currency="USD") for month in known]
        if draw.random() < 0.3:
            status = draw.choice(("pending", "confirmed", "renewed"))
            renewals.append(
                Renewal(**own, product_line="CMS", renews_on=draw.choice(days), current_mrr=1, renewal_mrr=1,
                        currency="USD", status=status)
            )  # fmt: skip
    for rows in (deals, services, cancellations, months, renewals):
        type(rows[0]).objects.bulk_create(rows)
    return months, renewals


@pytest.mark.parametrize("today", ["2026-11-23", "2026-11-30"])
def test_the_database_says_what_the_rule_says(fresh, today):
    clients = Client.objects.bulk_create(
        Client(partner=fresh, client_id=f"{n:03}", name=f"{n}", country="US", currency="USD") for n in range(250)
    )
    months, renewals = draw_facts(fresh, clients, Random(15))  # noqa: S311 -- test data
    with clock.moved_to(D(today)):
        scope = system_scope(fresh)
        stored = {row[0]: row[1:] for row in portfolio(scope).values_list("pk", "state", "reason", "health")}
        counts = {
            key: select("clients", scope, {"state": key}).count for key in ("client", "prospect", "gone", "unknown")
        }
    expected = {
        loaded.client_pk: client_state(
            loaded.facts,
            [MrrFact(row.month, Decimal(row.mrr)) for row in months if row.client_id == loaded.client_pk],
            [
                RenewalFact(row.renews_on, row.status == "pending")
                for row in renewals
                if row.client_id == loaded.client_pk
            ],
            D(today),
        )
        for loaded in load_facts(scope, [each.pk for each in clients])
    }
    assert {pk: row[0] for pk, row in stored.items()} == {pk: str(found.state) for pk, found in expected.items()}
    assert {pk for pk, row in stored.items() if row[2] == "risk"} == {
        pk for pk, found in expected.items() if found.at_risk
    }
    for pk, found in expected.items():
        if found.state != "client" and not found.at_risk:
            assert stored[pk][1] == str(found.reason)
    assert counts == {key: sum(found.state == key for found in expected.values()) for key in counts}
    assert len({found.reason for found in expected.values()}) >= 8
