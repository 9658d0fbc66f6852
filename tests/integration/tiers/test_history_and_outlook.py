"""The demo partner's credited tier through time, why it changed, and its next review, worked by hand."""

from datetime import date
from decimal import Decimal

from clients.models import Client
from ledger.engine import lots
from ledger.facts_of_clients import load_facts
from program.queries import rulebook
from tiers.queries import history, tier_standing

TODAY = date(2026, 11, 23)
REVIEW = date(2027, 1, 15)


def test_rises_and_reviews_with_those_that_kept_the_tier(scope):
    assert [(row.on.isoformat(), row.kind, row.before, row.after) for row in history(scope)] == [
        ("2022-07-18", "rise", "", "Gold"),
        ("2023-01-15", "kept", "Gold", "Gold"),
        ("2023-07-15", "kept", "Gold", "Gold"),
        ("2023-11-29", "rise", "Gold", "Platinum"),
        ("2024-01-15", "kept", "Platinum", "Platinum"),
        ("2024-07-15", "review", "Platinum", ""),
        ("2024-08-04", "rise", "", "Platinum"),
        ("2025-01-15", "kept", "Platinum", "Platinum"),
        ("2025-07-15", "kept", "Platinum", "Platinum"),
        ("2026-01-15", "kept", "Platinum", "Platinum"),
        ("2026-03-20", "rise", "Platinum", "Diamond"),
        ("2026-07-15", "kept", "Diamond", "Diamond"),
    ]


def test_the_tier_page_says_why(web):
    page = web().get("/tiers/").content.decode()
    for reason in (
        "Review. No Solutions Partner certification was valid on the day.",
        "Rise. Total 667 of 450, sold 530 of 150 and managed 137 of 120 were met on the day. "
        "A Solutions Partner certification became valid.",
        "Review. Kept: all six readings met Platinum.",
        "Rise. Total 1,292 of 1,260 and sourced 601 of 320 were met on the day.",
        "Review. None of the six readings since 15 Aug 2026 met Diamond; the best was Platinum.",
    ):
        assert reason in page


def test_the_outlook_counts_what_is_known_to_come_and_nothing_else(scope, expected):
    found = tier_standing(scope, TODAY).outlook

    # By hand: lots active today that last beyond the review, without what the three notices of cancellation take.
    ids = dict(Client.objects.filter(partner=scope.partner).values_list("pk", "client_id"))
    notices = {"C058": "", "C045": "Operations Hub", "C031": "Marketing Hub"}
    sold = sum(
        lot.remaining
        for client in load_facts(scope, ids)
        for lot in lots(client.facts, rulebook(scope), TODAY)
        if lot.expires_on > REVIEW and notices.get(ids[client.client_pk]) not in ("", lot.deal.product_line)
    )
    # Managed: C058 is cancelled; the services of C081 and C097 have an end date before the review.
    figures = expected["2026-11-23"]
    managed = Decimal(figures["points"]["managed"]) - sum(
        Decimal(row["managed"]) for row in figures["clients"] if row["client_id"] in ("C058", "C081", "C097")
    )

    assert found.review.on == REVIEW
    assert [reading.to_come for reading in found.readings] == [False, False, False, False, True, True]
    assert found.readings[-1].gap.requirements[0].have == sold + managed
    assert (found.before.tier, found.after, found.rises) == ("Diamond", "Platinum", ())
