"""Every page asks the database as often for one row as for many. The numbers are written down, so that one more is noticed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client as WebClient
from django.test.utils import CaptureQueriesContext

# One client's story, so told that every page and drill-down has a row of it. {n} is the client's number.
FILES = {
    "clients": """client_id,name,country,currency,tool_usage
C{n},Client {n},US,USD,5
""",
    "deals": """deal_id,client_id,name,product_line,kind,origin,stage,mrr,currency,created_on,closed_on,registered
A{n},C{n},Expires,Sales Hub,new,sourced,won,1000,USD,2025-10-20,2025-11-10,yes
B{n},C{n},New,Marketing Hub,cross_sell,sourced,won,500,USD,2026-10-28,2026-11-01,yes
D{n},C{n},Less,Marketing Hub,downgrade,none,won,100,USD,2026-11-05,2026-11-05,no
E{n},C{n},Stuck,Service Hub,cross_sell,sourced,open,300,USD,2026-03-01,2026-09-01,yes
F{n},C{n},Fresh,Content Hub,cross_sell,assisted,open,300,USD,2026-11-20,,yes
""",
    "services": """client_id,started_on,ended_on,mrr,currency,managing_partners
C{n},2026-10-30,2026-11-12,1000,USD,1
C{n},2026-11-12,2027-02-01,400,USD,1
""",
    "cancellations": """client_id,product_line,cancelled_on,reason
C{n},Sales Hub,2026-11-15,not used
""",
    "mrr_history": "client_id,month,mrr,currency\n"
    + "".join(f"C{{n}},{month},900,USD\n" for month in ("2025-11", "2025-12", *(f"2026-{m:02}" for m in range(1, 10))))
    + "C{n},2026-10,600,USD\n",
    "certifications": """person,certification,earned_on,expires_on
Person {n},Solutions Partner,2026-01-01,2027-01-01
""",
    "renewals": """client_id,product_line,renews_on,current_mrr,renewal_mrr,currency,status
C{n},Marketing Hub,2026-12-20,400,400,USD,pending
""",
    "statement_lines": """statement_id,period,line_no,client_id,deal_id,product_line,invoice_month,net_revenue,currency,fx_rate,\
rate,commission,payout_currency,status,pay_on,paid_on
S{n},2026-Q3,1,C{n},A{n},Sales Hub,2026-07,1000,USD,1,0.2,190.00,USD,paid,2026-11-14,2026-11-14
S{n},2026-Q3,2,C{n},A{n},Sales Hub,2026-08,1000,USD,1,0.2,200.00,USD,issued,2026-12-14,
""",
}

PAGES = {
    "/dashboard/": 40,
    "/dashboard/?changes_cmp=prev&shared_cmp=prev": 43,
    "/dashboard/?on=2026-11-13": 44,
    "/dashboard/team/": 10,
    "/dashboard/panels/": 9,
    "/dashboard/pack/": 41,
    "/dashboard/changes/new-sold/": 13,
    "/dashboard/changes/lost-sold/": 13,
    "/dashboard/changes/new-managed/": 13,
    "/dashboard/changes/lost-managed/": 13,
    "/dashboard/expiring/": 12,
    "/dashboard/shared/created/": 12,
    "/dashboard/shared/in-flight/": 12,
    "/dashboard/shared/won/": 12,
    "/dashboard/stuck-deals/": 13,
    "/dashboard/retention/?month=2026-10": 12,
    "/tiers/": 22,
    "/tiers/?on=2026-11-13": 24,
    "/tiers/breakdown/": 14,
    "/tiers/breakdown/?kind=cross_sell": 15,
    "/tiers/expiring/": 12,
    "/tiers/lots/": 12,
    "/tiers/entries/": 13,
    "/tiers/people/": 10,
    "/tiers/tools/": 12,
    "/tiers/plans/new/": 21,
    "/tiers/clients/C1/": 23,
    "/clients/C1/": 25,
    "/clients/": 16,
    "/calculator/?amount=1000&currency=USD": 15,
    "/renewals/": 23,
    "/renewals/rows/": 23,
    "/renewals/clients/C1/": 23,
    "/commissions/": 18,
    "/commissions/clients/C1/": 14,
    "/commissions/statements/S1/": 23,
    "/commissions/statements/S1/print/": 22,
    "/commissions/questions/": 11,
    "/imports/": 13,
    "/clients/C1/facts/": 22,
    "/clients/C1/facts/deals/": 13,
    "/certifications/": 12,
    "/settings/product-lines/": 15,
    "/search/?q=c": 16,
    "/help/": 9,
    "/tiers/thresholds/": 9,
    "/notices/": 10,
    "/notices/settings/": 10,
}

# Where each of the stories can be read; otherwise the numbers would be those of empty pages.
TOLD_ON = {
    "/dashboard/changes/new-sold/", "/dashboard/changes/lost-sold/", "/dashboard/changes/new-managed/",
    "/dashboard/changes/lost-managed/", "/dashboard/expiring/", "/dashboard/shared/created/", "/dashboard/shared/in-flight/",
    "/dashboard/shared/won/", "/dashboard/stuck-deals/", "/dashboard/retention/?month=2026-10", "/tiers/breakdown/",
    "/tiers/lots/", "/tiers/entries/", "/tiers/tools/", "/clients/", "/renewals/",
}  # fmt: skip


@pytest.fixture
def admin_of(db: None, tmp_path: Path) -> Callable[[str, int], WebClient]:
    """The admin of a new partner with so many such clients: the first imported on its own, the others together."""

    def create(slug: str, clients: int) -> WebClient:
        from accounts.models import User
        from accounts.scope import outside_partners

        call_command("create_partner", slug, name=slug, currency="USD", verbosity=0)
        call_command("create_member", f"admin@{slug}.example", partner=slug, role="admin", verbosity=0)
        for numbers in filter(None, (range(1, min(clients, 1) + 1), range(2, clients + 1))):
            folder = tmp_path / slug / str(numbers[0])
            folder.mkdir(parents=True)
            for kind, text in FILES.items():
                head, _line, rows = text.partition("\n")
                body = "".join(rows.replace("{n}", str(n)) for n in numbers)
                (folder / f"{kind}.csv").write_text(f"{head}\n{body}")
            call_command("import_data", slug, *sorted(folder.iterdir()), verbosity=0)
        web = WebClient()
        with outside_partners():  # a request before this one has left its scope in the test's transaction
            admin = User.objects.get(email=f"admin@{slug}.example")
        web.force_login(admin, backend=settings.AUTHENTICATION_BACKENDS[0])
        web.get("/dashboard/team/")  # what a session asks only once
        return web

    return create


def asked(web: WebClient, path: str) -> tuple[int, str]:
    """How many queries a page makes, and what it says."""
    with CaptureQueriesContext(connection) as queries:
        page = web.get(path)
    assert page.status_code == 200, path
    return len(queries), page.content.decode()


def test_one_row_and_many_rows_take_the_same_number_of_queries(admin_of: Callable[[str, int], WebClient]) -> None:
    one, four = admin_of("one", 1), admin_of("four", 4)
    wrong = {}
    for path, expected in PAGES.items():
        (for_one, _html), (for_four, html) = asked(one, path), asked(four, path)
        if (for_one, for_four) != (expected, expected):
            wrong[path] = (for_one, for_four)
        if path in TOLD_ON:
            assert all(f"Client {n}" in html for n in range(1, 5)), path
    assert wrong == {}, f"(for one, for four): {wrong}"


CONNECTION_PAGES = {"/connections/": 15, "/connections/{pk}/": 21, "/connections/{pk}/clients/": 16}


def test_pages_of_connections_ask_as_often_for_many_runs_and_rows(admin_of: Callable[[str, int], WebClient]) -> None:
    from django.utils import timezone

    from accounts.models import Partner
    from accounts.scope import partner_scope
    from sources.models import ConnectedRow, Connection, Run

    webs, wrong, now, account = {}, {}, timezone.now(), {"id": "1", "name": "1"}
    for slug, rows in (("few", 1), ("many", 4)):
        webs[slug] = admin_of(slug, 0)
        partner = Partner.objects.get(slug=slug)
        with partner_scope(partner):
            for n in range(rows):
                connection = Connection.objects.create(
                    partner=partner, vendor="folder", label="Folder", place=f"{n}", state="active", account=account,
                    good_at=now,
                )  # fmt: skip
            own = {"partner": partner, "connection": connection}
            for n in range(rows):
                Run.objects.create(**own, full=True, state="failed", why="try_later", started_at=now)
                ConnectedRow.objects.create(**own, kind="deals", vendor_id=f"{n}", name=f"Deal {n}")
                ConnectedRow.objects.create(
                    **own, kind="deals", vendor_id=f"gone {n}", fact_id=-n - 10 * rows, missing_runs=2
                )
        webs[slug].pk = connection.pk
    for path, expected in CONNECTION_PAGES.items():
        counts = [asked(web, path.replace("{pk}", str(web.pk)))[0] for web in webs.values()]
        if counts != [expected, expected]:
            wrong[path] = counts
    assert wrong == {}
