"""Product lines: one spelling a partner, remarks on names that hit nothing, merging and undoing it (points.md 13)."""

from datetime import date
from decimal import Decimal

import pytest

CLIENTS = [{"client_id": "901", "name": "Oak Ltd", "country": "US", "currency": "USD"}]


def deal(deal_id, line, kind, mrr, closed_on):
    return {
        "deal_id": deal_id, "client_id": "901", "name": deal_id, "product_line": line, "kind": kind, "origin": "sourced",
        "stage": "won", "mrr": mrr, "currency": "USD", "created_on": "2026-01-10", "closed_on": closed_on,
        "registered": "yes",
    }  # fmt: skip


# 50 of the sale and 25 of the upgrade; the downgrade takes 300 of 1,500, so 15.
DEALS = [
    deal("71001", "Marketing Hub", "new", "1000", "2026-02-20"),
    deal("71002", "Marketing hub", "upgrade", "500", "2026-03-20"),
    deal("71003", "Marketing  Hub", "downgrade", "300", "2026-04-20"),
]


def cancellation(line, on="2026-05-01"):
    return {"client_id": "901", "product_line": line, "cancelled_on": on, "reason": "left"}


def renewal(line, on="2026-12-19", mrr="1000"):
    return {"client_id": "901", "product_line": line, "renews_on": on, "current_mrr": mrr, "renewal_mrr": mrr,
            "currency": "USD", "status": "pending"}  # fmt: skip


@pytest.fixture
def scope(eastwind):
    from accounts.scope import system_scope

    return system_scope(eastwind)


def total(scope):
    from ledger.queries import points_on

    scope.forget()
    return points_on(scope, date(2026, 11, 27)).total


def names(model, **conditions):
    return sorted(model.objects.filter(**conditions).values_list("product_line", flat=True))


def line(name):
    from clients.models import ProductLine

    return ProductLine.objects.get(name=name).pk


def verified(scope):
    from ledger.verification import discrepancies

    return list(discrepancies(scope))


def test_all_spellings_are_one_line_under_the_first(bring_in, scope):
    from clients.models import Cancellation, Deal
    from commissions.models import StatementLine
    from renewals.models import Renewal

    statement = {"statement_id": "S1", "period": "2026-Q1", "line_no": "1", "client_id": "901", "product_line": "MARKETING HUB",
                 "invoice_month": "2026-02", "net_revenue": "1", "currency": "USD", "fx_rate": "1", "rate": "0.2",
                 "commission": "0.2", "payout_currency": "USD", "status": "paid", "pay_on": "2026-05-15"}  # fmt: skip
    result = bring_in({"clients": CLIENTS, "deals": DEALS, "renewals": [renewal("\uff2darketing\u00a0Hub")],
                       "statement_lines": [statement]})  # fmt: skip
    assert result.written
    assert result.notices == []
    assert total(scope) == Decimal("60.0000")
    bring_in({"cancellations": [cancellation("marketing HUB")]})
    assert total(scope) == 0
    assert verified(scope) == []
    for model in (Deal, Renewal, StatementLine, Cancellation):
        assert set(names(model)) == {"Marketing Hub"}


def test_a_key_spelled_twice_is_one_row(bring_in, scope):
    from clients.models import Cancellation

    result = bring_in(
        {"clients": CLIENTS, "cancellations": [cancellation("Marketing Hub"), cancellation("marketing hub")]}
    )
    assert [(problem.row, problem.message) for _label, problem in result.problems] == [
        (3, "the same client_id + product_line + cancelled_on as in row 2")
    ]
    bring_in({"clients": CLIENTS, "cancellations": [cancellation("Marketing Hub")]})
    again = bring_in({"cancellations": [cancellation("MARKETING HUB")]})
    assert [counts.same for _label, counts in again.counts()] == [1]
    assert names(Cancellation) == ["Marketing Hub"]


def test_names_that_hit_nothing_are_named_with_the_lines_of_the_client(bring_in, scope):
    others = [
        deal("71004", "Sales Hub", "cross_sell", "100", "2026-03-01"),
        deal("71005", "Hub", "upgrade", "100", "2026-03-02"),
        deal("71006", "Hubb", "downgrade", "100", "2026-03-03"),
        deal("71007", "Marketing Hub;Sales Hub", "cross_sell", "100", "2026-03-04"),
    ]
    rows = [cancellation("MarketingHub"), cancellation(""), cancellation("sales hub", "2026-06-01")]
    result = bring_in({"clients": CLIENTS, "deals": DEALS + others, "cancellations": rows,
                       "renewals": [renewal("Marketing Hub Pro"), renewal("Marketing Hub; Sales Hub")]})  # fmt: skip
    assert result.written
    notices = [(label.rpartition("/")[2], notice) for label, notice in result.notices]
    several = "looks like several product lines, but counts as one. Give each line a row of its own."
    lines = "Hub, Marketing Hub, Marketing Hub;Sales Hub, Sales Hub"
    sold = "Marketing Hub, Marketing Hub;Sales Hub, Sales Hub"
    assert sorted(notices) == [
        ("cancellations.csv", f"row 2: client 901 never had “MarketingHub”. It has: {lines}."),
        ("deals.csv", f"row 6: client 901 never had “Hub”. It has: {sold}."),
        ("deals.csv", f"row 7: client 901 never had “Hubb”. It has: {lines}."),
        ("deals.csv", f"row 8: “Marketing Hub;Sales Hub” {several}"),
        ("renewals.csv", f"row 2: client 901 never had “Marketing Hub Pro”. It has: {lines}."),
        ("renewals.csv", f"row 3: “Marketing Hub; Sales Hub” {several}"),
    ]


def test_a_client_without_any_line_is_said_so_and_many_rows_are_counted(bring_in, scope):
    rows = [cancellation("Sales Hub", f"2026-05-{day:02d}") for day in range(1, 26)]
    result = bring_in({"clients": CLIENTS, "cancellations": rows})
    notices = [notice for _label, notice in result.notices]
    assert notices[0] == "row 2: client 901 never had “Sales Hub”, nor any other product line."
    assert (len(notices), notices[-1]) == (21, "5 more rows like these")


def test_merging_moves_points_and_undo_gives_them_back(bring_in, scope):
    from clients.line_merges import merge_lines, merges, undo_merge
    from clients.models import Cancellation, ProductLine

    bring_in({"clients": CLIENTS, "deals": DEALS, "cancellations": [cancellation("MarketingHub")]})
    assert total(scope) == Decimal("60.0000")
    merge_lines(scope=scope, source_id=line("MarketingHub"), target_id=line("Marketing Hub"))
    assert total(scope) == 0
    assert verified(scope) == []
    # Later files may still say MarketingHub.
    again = bring_in({"cancellations": [cancellation("marketinghub")]})
    assert [counts.same for _label, counts in again.counts()] == [1]
    assert again.notices == []
    assert names(Cancellation) == ["Marketing Hub"]
    undo_merge(scope=scope, merge_id=merges(scope)[0].pk)
    assert total(scope) == Decimal("60.0000")
    assert names(Cancellation) == ["MarketingHub"]
    assert verified(scope) == []
    assert list(merges(scope)) == []
    assert ProductLine.objects.filter(merged_into=None).count() == 2


def test_rows_that_both_lines_have_count_once_and_come_back(bring_in, scope):
    from clients.line_merges import merge_lines, merges, undo_merge
    from clients.models import Cancellation, Withdrawal
    from clients.withdrawals import withdraw
    from renewals.models import Renewal

    rows = [cancellation("A"), cancellation("B"), cancellation("A", "2026-06-01"), cancellation("B", "2026-06-01"),
            cancellation("A", "2026-07-01"), cancellation("B", "2026-08-01")]  # fmt: skip
    bring_in({"clients": CLIENTS, "cancellations": rows, "renewals": [renewal("A"), renewal("B", mrr="900")]})
    gone = Cancellation.objects.get(product_line="B", cancelled_on="2026-06-01")
    withdraw(scope=scope, kind_key="cancellations", pks=[gone.pk], reason="never happened")

    def facts():
        return (
            sorted(Cancellation.objects.values_list("product_line", "cancelled_on")),
            sorted(Renewal.objects.values_list("product_line", "current_mrr")),
            sorted(Cancellation.with_withdrawn.exclude(withdrawal=None).values_list("product_line", "cancelled_on")),
        )

    before = facts()
    merge_lines(scope=scope, source_id=line("A"), target_id=line("B"))
    days = [date(2026, 5, 1), date(2026, 6, 1), date(2026, 7, 1), date(2026, 8, 1)]
    cancelled, renewals, _withdrawn = facts()
    assert cancelled == [("B", day) for day in days]
    assert renewals == [("B", Decimal("900.00"))]
    assert Withdrawal.objects.filter(reason="The same as a row of “B”, into which “A” was merged").exists()
    undo_merge(scope=scope, merge_id=merges(scope)[0].pk)
    assert facts() == before
    assert verified(scope) == []


def test_merges_follow_each_other_and_are_undone_from_the_last(bring_in, scope):
    from clients.line_merges import NotMergeableError, merge_lines, merges, undo_merge
    from clients.models import Deal

    bring_in({"clients": CLIENTS, "deals": [deal("1", "A", "new", "1", "2026-02-01"), deal("2", "B", "new", "1", "2026-02-01"),
                                            deal("3", "C", "new", "1", "2026-02-01")]})  # fmt: skip
    merge_lines(scope=scope, source_id=line("A"), target_id=line("B"))
    merge_lines(scope=scope, source_id=line("B"), target_id=line("C"))
    assert names(Deal) == ["C", "C", "C"]
    bring_in({"deals": [deal("4", "a", "new", "1", "2026-02-01")]})
    assert names(Deal) == ["C", "C", "C", "C"]
    last, first = merges(scope)
    with pytest.raises(NotMergeableError, match="Undo that first"):
        undo_merge(scope=scope, merge_id=first.pk)
    with pytest.raises(NotMergeableError, match="two different"):
        merge_lines(scope=scope, source_id=line("C"), target_id=line("C"))
    undo_merge(scope=scope, merge_id=last.pk)
    assert names(Deal) == ["B", "B", "C", "C"]
    undo_merge(scope=scope, merge_id=first.pk)
    assert names(Deal) == ["A", "B", "C", "C"]


def undo(scope, batch):
    """Undo an import without leaving anything; gives the number of the undo."""
    from imports.services import undo_now

    scope.forget()
    undone, outcome = undo_now(scope=scope, batch_id=batch, rest=False)
    assert outcome.written, outcome.left
    return undone.pk


def test_an_import_is_undone_after_its_rows_were_merged_into_others(bring_in, scope):
    from clients.line_merges import merge_lines, merges, undo_merge
    from clients.models import Cancellation

    bring_in({"clients": CLIENTS, "deals": DEALS, "cancellations": [cancellation("B")]})
    second = bring_in({"cancellations": [cancellation("A"), cancellation("A", "2026-06-01")]}).batch.pk
    merge_lines(scope=scope, source_id=line("A"), target_id=line("B"))
    assert names(Cancellation) == ["B", "B"]
    undone = undo(scope, second)
    assert names(Cancellation) == ["B"]
    again = undo(scope, undone)
    assert names(Cancellation) == ["B", "B"], "the twin is still one with the row of B"
    undo(scope, again)
    undo_merge(scope=scope, merge_id=merges(scope)[0].pk)
    assert names(Cancellation) == ["B"], "what the import brought does not come back with the line"
    assert verified(scope) == []


def test_rows_that_exchanged_their_names_twice_have_their_own_after_the_merge_is_undone(bring_in, scope):
    from clients.line_merges import merge_lines, merges, undo_merge
    from clients.models import Cancellation

    bring_in({"clients": CLIENTS, "cancellations": [cancellation("A"), cancellation("C")]})
    complete = bring_in({"cancellations": [cancellation("B"), cancellation("C")]}, complete=["cancellations"]).batch.pk
    merge_lines(scope=scope, source_id=line("A"), target_id=line("B"))
    undone = undo(scope, complete)
    assert names(Cancellation) == ["B", "C"], "the row of A counts under the name of B"
    undo(scope, undone)
    undo_merge(scope=scope, merge_id=merges(scope)[0].pk)
    assert names(Cancellation) == ["B", "C"]
    assert list(Cancellation.with_withdrawn.exclude(withdrawal=None).values_list("product_line", flat=True)) == ["A"]


def test_lines_are_registered_by_the_import_that_brings_them(bring_in, scope):
    from clients.models import ProductLine

    bring_in({"clients": CLIENTS, "deals": [deal("1", "A", "new", "1", "2026-02-01"), deal("2", "B", "new", "x", "2026-02-01")]},
             skip_bad_rows=True)  # fmt: skip
    assert list(ProductLine.objects.values_list("name", flat=True)) == ["A"], "what is left out leaves nothing behind"
    bring_in({"renewals": [renewal("a"), renewal("D")]})
    assert sorted(ProductLine.objects.values_list("key", "name")) == [("a", "A"), ("d", "D")]


def test_stored_facts_get_the_first_spelling_and_twins_are_withdrawn(bring_in, scope):
    from importlib import import_module

    from django.db import connection

    from clients.models import Cancellation, Deal, ProductLine
    from renewals.models import Renewal

    bring_in({"clients": CLIENTS, "deals": DEALS,
              "cancellations": [cancellation("X"), cancellation("Y"), cancellation("X", "2026-06-01")],
              "renewals": [renewal("Z")]})  # fmt: skip
    Deal.objects.filter(deal_id="71002").update(product_line="marketing hub")
    Cancellation.objects.filter(product_line="X").update(product_line="MARKETING  HUB")
    Cancellation.objects.filter(product_line="Y").update(product_line="Marketing hub")
    Renewal.objects.update(product_line="\uff2darketing Hub")
    ProductLine.objects.all().delete()
    migration = import_module("clients.migrations.0007_product_lines")
    with connection.cursor() as cursor:
        assert migration.unite_of_partner(cursor, scope.partner.pk)
    assert set(names(Deal) + names(Renewal)) == {"Marketing Hub"}
    cancelled = Cancellation.objects.values_list("product_line", "cancelled_on")
    assert sorted(cancelled) == [("Marketing Hub", date(2026, 5, 1)), ("Marketing Hub", date(2026, 6, 1))]
    assert Cancellation.with_withdrawn.exclude(withdrawal=None).count() == 1
    assert list(ProductLine.objects.values_list("key", "name")) == [("marketing hub", "Marketing Hub")]
