"""A partner with withdrawn facts beside one that never had them: every dataset, page, figure and API answer (points.md 13).

A query that forgets to leave withdrawn rows out shows more on one side than on the other: the withdrawn facts are dated and
sized so that they are among the first rows of everything.
"""

import re
from datetime import date
from decimal import Decimal

import pytest
from django.conf import settings
from django.test import Client as Browser
from django.urls import reverse

from partner_portal.lib.dates.periods import Period

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("as-if-never")]
D = date.fromisoformat
TODAY = D("2026-11-23")
LOUD = Decimal("77777.77")
RANGE = {f"{prefix}range": "last-12-months" for prefix in ("changes_", "shared_", "pay_", "renewals_")}
DEAL = {
    "product_line": "Sales Hub", "kind": "new", "origin": "sourced", "stage": "won", "mrr": Decimal(900), "currency": "USD",
    "created_on": D("2026-01-05"), "closed_on": D("2026-02-01"), "registered": True,
}  # fmt: skip
LINE = {
    "period": "2026-Q3", "invoice_month": D("2026-07-01"), "net_revenue": Decimal(1000), "currency": "USD", "fx_rate": 1,
    "rate": Decimal("0.2"), "commission": Decimal(200), "payout_currency": "USD", "status": "issued",
    "pay_on": D("2026-12-14"),
}  # fmt: skip


class World:
    """Facts of one partner, made row by row; `withdrawn` collects those that shall go."""

    def __init__(self, partner):
        self.partner = partner
        self.withdrawn = {}

    def add(self, kind_key, gone=False, **values):
        from partner_portal.lib.rows.facts import kind

        row = kind(kind_key).model.objects.create(partner=self.partner, **values)
        if gone:
            self.withdrawn.setdefault(kind_key, []).append(row)
        return row

    def keep(self, lines, clients, user):
        """A question about each of these lines, and a list of these clients."""
        from commissions.models import LineQuestion
        from reports.models import ListMember, SavedList

        own = {"partner": self.partner}
        for line in lines:
            LineQuestion.objects.create(**own, line=line, text="Why?", asked_by=user)
        kept = SavedList.objects.create(**own, name="Important", owner=user)
        for client in clients:
            ListMember.objects.create(**own, saved_list=kept, client=client, added_by=user)

    def client(self, client_id, gone=False, **values):
        defaults = {"name": f"Client {client_id}", "country": "US", "currency": "USD", "tool_usage": 4}
        return self.add("clients", gone, client_id=client_id, **defaults | values)


def make(world, user, *, with_withdrawn):
    """What both partners have; with the facts of every kind that one of them shall lose."""
    one, two = world.client("C1"), world.client("C2", country="IN")
    world.add("deals", client=one, deal_id="D1", name="First", **DEAL)
    world.add(
        "deals", client=two, deal_id="D2", name="Second", **DEAL | {"closed_on": D("2026-09-01"), "origin": "assisted"}
    )
    world.add("deals", client=two, deal_id="D3", name="Third", **DEAL | {"stage": "open", "closed_on": D("2026-12-20")})
    world.add("services", client=one, started_on=D("2026-01-01"), mrr=500, currency="USD", managing_partners=2)
    world.add("cancellations", client=two, product_line="Content Hub", cancelled_on=D("2026-05-01"))
    for month in range(14):
        first = D(f"{2025 + (8 + month) // 12}-{(8 + month) % 12 + 1:02}-01")
        world.add("mrr_history", client=one, month=first, mrr=1000 - month, currency="USD")
        world.add("mrr_history", client=two, month=first, mrr=700, currency="USD")
    world.add("certifications", person="Wil", certification="Solutions Partner", earned_on=D("2025-01-01"))
    renewal = {
        "product_line": "Sales Hub",
        "current_mrr": 900,
        "renewal_mrr": 950,
        "currency": "USD",
        "status": "pending",
    }
    world.add("renewals", client=one, renews_on=D("2027-01-10"), **renewal)
    line = world.add("statement_lines", client=one, statement_id="S1", line_no=1, deal_id="D1", **LINE)
    others = make_withdrawn(world, one, two, renewal) if with_withdrawn else ([], [])
    world.keep([line, *others[0]], [one, *others[1]], user)


def make_withdrawn(world, one, two, renewal):
    """Loud facts of all eight kinds, of clients that stay and of one that goes with all it has."""
    loud = {"mrr": LOUD}
    world.add("deals", True, client=one, deal_id="A0", name="Quagmire won", **DEAL | loud)
    world.add(
        "deals",
        True,
        client=one,
        deal_id="A1",
        name="Quagmire open",
        **DEAL | loud | {"stage": "open", "closed_on": None},
    )
    world.add(
        "deals",
        True,
        client=one,
        deal_id="A2",
        name="Quagmire less",
        **DEAL | {"kind": "downgrade", "closed_on": D("2026-06-01")},
    )
    world.add("deals", True, client=two, deal_id="A3", name="Quagmire lost", **DEAL | loud | {"stage": "lost"})
    world.add("services", True, client=two, started_on=D("2026-03-01"), currency="USD", managing_partners=1, **loud)
    world.add(
        "services",
        True,
        client=two,
        started_on=D("2025-03-01"),
        ended_on=D("2027-02-01"),
        currency="USD",
        managing_partners=1,
        **loud,
    )
    world.add("cancellations", True, client=one, product_line="", cancelled_on=D("2026-10-01"), reason="Quagmire")
    world.add(
        "cancellations", True, client=two, product_line="Sales Hub", cancelled_on=D("2026-12-24"), reason="Quagmire"
    )
    world.add("mrr_history", True, client=one, month=D("2026-11-01"), currency="USD", mrr=0)
    world.add("mrr_history", True, client=two, month=D("2025-08-01"), currency="USD", **loud)
    world.add("certifications", True, person="Quagmire", certification="Solutions Partner", earned_on=D("2024-01-01"))
    world.add("renewals", True, client=one, renews_on=D("2026-11-01"), **renewal)
    world.add("renewals", True, client=two, renews_on=D("2026-12-24"), **renewal | {"status": "confirmed"})
    loud_line = LINE | {"net_revenue": LOUD, "commission": LOUD}
    line = world.add("statement_lines", True, client=one, statement_id="S1", line_no=2, adjusts="S1/1", **loud_line)
    world.add(
        "statement_lines",
        True,
        client=one,
        statement_id="S0",
        line_no=1,
        **loud_line | {"period": "2026-Q2", "status": "paid"},
    )
    gone = world.client("A9", True, name="Quagmire", country="IN", tool_usage=99)
    world.add("deals", client=gone, deal_id="A9", name="Quagmire", **DEAL | loud)
    world.add("services", client=gone, started_on=D("2026-02-01"), currency="USD", managing_partners=1, **loud)
    world.add("cancellations", client=gone, product_line="Content Hub", cancelled_on=D("2026-02-02"))
    world.add("mrr_history", client=gone, month=D("2026-10-01"), currency="USD", **loud)
    world.add("mrr_history", client=gone, month=D("2026-09-01"), currency="USD", **loud)
    world.add("renewals", client=gone, renews_on=D("2026-12-01"), **renewal)
    world.add("statement_lines", client=gone, statement_id="S2", line_no=1, **loud_line)
    return [line], [gone]


@pytest.fixture(scope="module")
def partners(module_rows):
    """(scope and browser of the partner that lost facts, and of the one that never had them), their ledgers posted."""
    from accounts.models import Membership, Partner, User
    from accounts.scope import member_scope, set_tenant
    from clients.services import sum_retention
    from clients.withdrawals import withdraw
    from ledger.services import post

    def partner(slug, *, with_withdrawn):
        set_tenant(None)
        own = Partner.objects.create(slug=slug, name="Eastwind", payout_currency="USD")
        user = User.objects.create_user(f"admin@{slug}.example", "not used here", name="Robin")
        set_tenant(own.pk, user.pk)
        membership = Membership.objects.create(user=user, partner=own, role="admin")
        world = World(own)
        make(world, user, with_withdrawn=with_withdrawn)
        scope = member_scope(membership)
        sum_retention(scope=scope)
        post(scope=scope, client_ids=None, batch_id=None)
        for kind_key, rows in world.withdrawn.items():
            withdraw(scope=scope, kind_key=kind_key, pks=[row.pk for row in rows], reason="Quagmire")
        browser = Browser()
        browser.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
        return scope, browser

    return partner("lost", with_withdrawn=True), partner("never", with_withdrawn=False)


def enter(scope):
    from accounts.scope import set_tenant

    set_tenant(scope.partner.pk, scope.user.pk)


def test_the_world_withdraws_facts_of_every_kind(partners):
    from clients.queries import stored_rows
    from partner_portal.lib.rows.facts import kinds

    (lost, _browser), _never = partners
    enter(lost)
    counts = {of_kind.key: stored_rows(of_kind, lost, withdrawal__isnull=False).count() for of_kind in kinds()}
    assert counts == {
        "clients": 1, "deals": 5, "services": 3, "cancellations": 3, "mrr_history": 4, "certifications": 1, "renewals": 3,
        "statement_lines": 3,
    }  # fmt: skip


def test_figures_of_many_days_are_those_of_a_partner_that_never_had_the_facts(partners):
    from dashboard.figures import figures

    days = [D(day) for day in ("2025-04-01", "2026-02-15", "2026-06-01", "2026-10-01", "2026-11-23")]
    answers = []
    for scope, _browser in partners:
        enter(scope)
        answers.append(
            [figures(scope, day, Period(D("2025-01-01"), day), with_clients=True) | {"partner": ""} for day in days]
        )
    assert answers[0] == answers[1]
    assert answers[0][-1]["points"]["total"] != "0.0000"


# Columns that name a row by what the database calls it, or say when it was recorded.
OWN_NAMES = {"pk", "client_pk", "row", "recorded", "import", "asked_by", "asked_on"}


def cells_of(scope, key, query):
    """The rows of a dataset as their texts, without pairs of an entry and its reversal."""
    from partner_portal.lib.rows.datasets import select

    selection = select(key, scope, query)
    columns = [column for column in selection.dataset.permitted(scope) if column.name not in OWN_NAMES]
    rows = []
    for row in selection.ordered(columns):
        cells = dict(zip((column.name for column in columns), selection.cells(row, columns), strict=True))
        rows.append(cells)
    if any("correction" in cells for cells in rows):
        rows = without_pairs(rows)
    return selection.figure, [{name: str(value) for name, value in cells.items()} for cells in rows]


def without_pairs(rows):
    """Rows without every reversal and one row that it takes back."""
    left = list(rows)
    names = ("client_id", "on", "cause", "track", "deal_id")
    for reversal in [cells for cells in rows if cells["correction"] in ("reversal", "Reverses an earlier entry")]:
        left.remove(reversal)
        match = next(
            cells
            for cells in left
            if cells["points"] == -reversal["points"] and all(cells.get(name) == reversal.get(name) for name in names)
        )
        left.remove(match)
    return [{name: value for name, value in cells.items() if name != "correction"} for cells in left]


def test_every_dataset_has_the_rows_of_a_partner_that_never_had_the_facts(partners):
    from partner_portal.lib.rows.datasets import all_datasets

    wrong = {}
    filled = set()
    for dataset in all_datasets():
        for query in ({}, RANGE, RANGE | {"client": "C1"}, {"month": "2026-10"}, {"on": "2026-07-15"}):
            sides = []
            for scope, _browser in partners:
                enter(scope)
                sides.append(cells_of(scope, dataset.key, query))
            if sides[0] != sides[1]:
                wrong[dataset.key, str(query)] = sides
            if sides[1][1]:
                filled.add(dataset.key)
    assert wrong == {}
    assert len(filled) > 15, "most datasets have rows to compare"


def text_of(answer, scope):
    """What a page says, without names of the database and of one partner, and without numbers of entries.

    A reversal and the entry it takes back are rows like others: they are counted, and their points come to nothing.
    """
    body = answer.content.decode().replace(f"@{scope.partner.slug}.example", "")
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", body))
    return re.sub(r"\d+ entr(y|ies)(, \d+ clients?)?", "entries", text)


def pages(step):
    """Addresses of every page about facts, over a year, and on a day of the past; step: with one of every so many."""
    names = (
        "clients", "commissions", "commission_questions", "renewals", "renewal_rows", "tier", "tier_breakdown", "tier_expiring",
        "tier_lots", "tier_people", "tier_tools", "tier_plan_new", "dashboard", "dashboard_team", "dashboard_pack",
        "dashboard_stuck", "dashboard_churn", "calculator", "lists",
    )  # fmt: skip
    year = "&".join(f"{name}={value}" for name, value in RANGE.items())
    tails = (f"?{year}", "?on=2026-07-15")
    addresses = [
        f"{reverse(name)}{tail}"
        for number, name in enumerate(names)
        for place, tail in enumerate(tails)
        if (number + place) % step == 0
    ]
    for name in ("tier_client", "commission_client", "renewal_client"):
        addresses += [reverse(name, args=[client]) for client in ("C1", "C2")]
    addresses += [f"{reverse('dashboard_shared', args=[which])}?{year}" for which in ("created", "in-flight", "won")]
    kinds = ("lines", "deals", "expected", "variance")
    addresses += [f"{reverse('commission_rows', args=[which])}?{year}" for which in kinds]
    addresses += [f"{reverse('dataset_rows', args=[key])}?list=%d" for key in ("clients", "list-members", "expiring")]
    return [*addresses, *(reverse(f"commission_statement{which}", args=["S1"]) for which in ("", "_print"))]


@pytest.mark.parametrize("step", [2, pytest.param(1, marks=pytest.mark.sweep)])
def test_every_page_says_what_it_says_to_a_partner_that_never_had_the_facts(partners, step):
    """In make test a page over a year, and the next on a day of the past."""
    from reports.models import SavedList

    for address in pages(step):
        sides = []
        for scope, browser in partners:
            enter(scope)
            kept = SavedList.objects.get(name="Important").pk
            answer = browser.get(address.replace("%d", str(kept)).replace("list-members/?list=", "list-members/?of="))
            assert answer.status_code == 200, address
            sides.append(text_of(answer, scope))
        assert sides[0] == sides[1], address
        assert "Quagmire" not in sides[0], address


def test_what_is_gone_is_not_found(partners):
    (_scope, browser), _never = partners
    for name, argument in (
        ("client", "A9"),
        ("tier_client", "A9"),
        ("commission_client", "A9"),
        ("renewal_client", "A9"),
    ):
        assert browser.get(reverse(name, args=[argument])).status_code == 404
    for statement in ("S0", "S2"):
        assert browser.get(reverse("commission_statement", args=[statement])).status_code == 404


def test_the_api_answers_what_it_answers_a_partner_that_never_had_the_facts(partners):
    from api.services import make_token
    from partner_portal.lib.rows.datasets import all_datasets

    paths = [
        *("progress", "changes", "forecast", "statements", "breakdown"),
        *(f"datasets/{d.key}" for d in all_datasets()),
    ]
    entries = {"client-entries", *(d.key for d in all_datasets() if d.key.startswith("changes-"))}  # compared above
    answers = []
    for scope, _browser in partners:
        enter(scope)
        token = make_token(scope=scope, name="Report", role="admin", days=30)[1]
        headers = {"Authorization": f"Bearer {token}"}
        asked = {path: Browser().get(f"/api/v1/{path}", headers=headers) for path in paths}
        answers.append({path: (answer.status_code, normalized(answer)) for path, answer in asked.items()})
    for path in paths:
        if path.rpartition("/")[2] not in entries:
            assert answers[0][path] == answers[1][path], path
    assert sum(status == 200 for status, _body in answers[0].values()) > 20


def normalized(answer):
    """An answer of the API without keys of the database, times, the partner's slug and numbers of entries."""
    body = re.sub(r'"(as_of|posted_at|pk|row|partner|import)": ?("[^"]*"|\d+|null)', "", answer.content.decode())
    return re.sub(r'"(entries|clients)": ?\d+', "", body)
