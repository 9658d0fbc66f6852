"""Adjusting lines against the lines they adjust, and who makes up for negative statements (`docs/points.md` 14)."""

from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commissions.clawbacks import clawbacks
from commissions.offsets import offsets, taken_off
from commissions.rules import StatementLine
from commissions.variance import differences
from program.rulebook import CommissionTerms

D = date.fromisoformat
LINE = StatementLine(
    "S-1", "2026-Q1", 1, "C1", "D1", "Sales Hub", D("2026-01-01"), Decimal("800.00"), "EUR", Decimal("1"), Decimal("0.2"),
    Decimal("160.00"), "EUR", "paid", D("2026-05-15"),
)  # fmt: skip


def line(name, net, adjusts="", **changes):
    """A line of the period 2026-Q<n> for `S-n/m`; its commission is what it recomputes to."""
    statement, _slash, number = name.rpartition("/")
    found = replace(
        LINE, statement_id=statement, line_no=int(number), period=f"2026-Q{statement[-1]}", net_revenue=Decimal(net),
        adjusts=adjusts, **{field: Decimal(value) if field in {"rate", "fx_rate"} else value for field, value in changes.items()},
    )  # fmt: skip
    return replace(found, commission=found.recomputed)


def named(lines):
    found = clawbacks((each for each in lines if each.adjusts), {each.name: each for each in lines})
    return [
        (each.cause, each.line.name, None if each.too_much is None else str(each.too_much), str(each.amount))
        for each in found
    ]


def test_a_line_that_is_reversed_once_is_no_variance():
    assert named([line("S-1/1", "800"), line("S-2/1", "-800", "S-1/1")]) == []
    assert named([line("S-1/1", "800"), line("S-2/1", "-300", "S-1/1"), line("S-2/2", "-500", "S-1/1")]) == []


def test_a_second_line_that_alone_takes_back_everything_again_is_reversed_twice():
    lines = [line("S-1/1", "800"), line("S-2/2", "-800", "S-1/1"), line("S-2/4", "-800", "S-1/1")]
    assert named(lines) == [("reversed_twice", "S-2/4", "800", "-160.00")]
    assert named(list(reversed(lines))) == named(lines)
    third = [*lines, line("S-3/1", "-800", "S-1/1")]
    assert [each[:3] for each in named(third)] == [
        ("reversed_twice", "S-2/4", "800"), ("reversed_twice", "S-3/1", "800"),
    ]  # fmt: skip


def test_too_much_is_the_sum_beyond_the_lines_own_and_stands_on_the_last_lines():
    assert named([line("S-1/1", "800"), line("S-2/1", "-900", "S-1/1")]) == [
        ("reversed_too_much", "S-2/1", "100", "-20.00")
    ]
    parts = [line("S-1/1", "800"), *(line(f"S-2/{n}", net, "S-1/1") for n, net in ((1, -500), (2, -500), (3, -100)))]
    assert named(parts) == [
        ("reversed_too_much", "S-2/2", "200", "-40.00"), ("reversed_too_much", "S-2/3", "100", "-20.00"),
    ]  # fmt: skip
    # All of it again after two parts that took everything: the third line alone is the whole line once more.
    again = [line("S-1/1", "800"), *(line(f"S-2/{n}", net, "S-1/1") for n, net in ((1, -400), (2, -400), (3, -800)))]
    assert named(again) == [("reversed_twice", "S-2/3", "800", "-160.00")]


def test_what_is_given_back_counts_against_what_is_taken():
    lines = [line("S-1/1", "800"), *(line(f"S-2/{n}", net, "S-1/1") for n, net in ((1, -800), (2, 800), (3, -800)))]
    assert named(lines) == []
    assert named([line("S-1/1", "800"), line("S-2/1", "900", "S-1/1")]) == []


def test_a_negative_line_is_taken_back_by_positive_ones():
    chain = [line("S-1/1", "800"), line("S-2/1", "-800", "S-1/1"), line("S-3/1", "900", "S-2/1")]
    assert named(chain) == [("reversed_too_much", "S-3/1", "100", "20.00")]


def test_of_a_line_of_nothing_everything_is_too_much():
    assert named([line("S-1/1", "0"), line("S-2/1", "-5", "S-1/1")]) == [("reversed_too_much", "S-2/1", "5", "-1.00")]


def test_an_adjusting_line_whose_line_is_not_there_is_left_alone():
    assert named([line("S-2/1", "-800", "S-1/1")]) == []


def test_other_rates_are_named_with_both_values_and_the_difference():
    yen = line("S-1/3", "30000", currency="JPY", fx_rate="0.00615")
    back = line("S-2/5", "-60000", "S-1/3", currency="JPY", fx_rate="0.00604")
    # -60000 x 0.2 x 0.00604 = -72.48 against -60000 x 0.2 x 0.00615 = -73.80; 30000 x 0.2 x 0.00615 = 36.90 too much.
    assert named([yen, back]) == [
        ("reversed_too_much", "S-2/5", "30000", "-36.90"), ("reversal_fx", "S-2/5", None, "1.32"),
    ]  # fmt: skip
    found = clawbacks([back], {yen.name: yen})[1]
    assert (str(found.here), str(found.there)) == ("0.00604", "0.00615")

    # At 0.1 instead of 0.2, and at another exchange rate: -80.00 for what was 160.00, then 80 x 0.9 less at the line's.
    both = line("S-2/1", "-800", "S-1/1", rate="0.1", fx_rate="0.9")
    # -800 x 0.1 x 0.9 = -72.00; -800 x 0.2 x 0.9 = -144.00; -800 x 0.2 x 1 = -160.00.
    assert named([line("S-1/1", "800"), both]) == [
        ("reversal_rate", "S-2/1", None, "72.00"), ("reversal_fx", "S-2/1", None, "16.00"),
    ]  # fmt: skip


def test_another_currency_is_named_and_is_in_no_sum():
    # USD -880 x 0.2 x 0.91 = -160.16 against 160.00 that the line brought.
    dollars = line("S-2/1", "-880", "S-1/1", currency="USD", fx_rate="0.91")
    assert named([line("S-1/1", "800"), dollars]) == [("reversal_currency", "S-2/1", None, "-0.16")]
    found = clawbacks([dollars], {"S-1/1": line("S-1/1", "800")})[0]
    assert (found.here, found.there) == ("USD", "EUR")
    # Paid in another currency, nothing of it takes anything back.
    apart = line("S-2/1", "-800", "S-1/1", payout_currency="CHF")
    found = clawbacks([apart], {"S-1/1": line("S-1/1", "800")})
    assert [(each.cause, each.here, each.there, str(each.amount)) for each in found] == [
        ("reversal_currency", "CHF", "EUR", "-160.00")
    ]


def test_a_difference_of_nothing_is_still_named():
    small = [line("S-1/1", "0.05"), line("S-2/1", "-0.05", "S-1/1", fx_rate="1.00001")]
    assert named(small) == [("reversal_fx", "S-2/1", None, "0.00")]


NETS = st.decimals("-2000", "2000", places=2)


@given(
    own=NETS, nets=st.lists(NETS, max_size=6), terms=st.lists(st.sampled_from(["1", "0.91"]), min_size=6, max_size=6)
)
def test_what_is_too_much_adds_up_and_the_causes_of_a_line_do_too(own, nets, terms):
    original = line("S-1/1", own)
    adjusting = [
        line(f"S-2/{n}", net, "S-1/1", fx_rate=fx) for n, (net, fx) in enumerate(zip(nets, terms, strict=False), 1)
    ]
    found = clawbacks(adjusting, {original.name: original})
    sign = -1 if own < 0 else 1
    too_much = max(Decimal(0), -sign * sum(nets, Decimal(0)) - abs(own))
    assert sum((each.too_much for each in found if each.too_much is not None), Decimal(0)) == too_much
    for each in found:
        if each.too_much is not None:
            assert 0 < each.too_much <= abs(each.line.net_revenue)
    by_line = defaultdict(list)
    for each in found:
        by_line[each.line.name].append(each)
    terms_ = CommissionTerms(Decimal("0.2"), 36, D("2023-04-01"), 45)
    causes = differences("2026-Q2", (), [(7, each) for each in adjusting], {}, terms_, by_line)
    for each in adjusting:
        parts = [found.amount for found in causes if found.line == each]
        assert sum(parts, Decimal(0)) == each.commission


# Offsets


@dataclass(frozen=True)
class Paid:
    statement_id: str
    pay_on: date
    status: str
    total: Decimal
    currency: str = "EUR"
    period: str = "2026-Q1"


def paid(name, day, total, status="issued", currency="EUR"):
    return Paid(name, D("2026-01-01") + timedelta(days=day), status, Decimal(total), currency)


def used(*statements):
    found = offsets(statements)
    left = {name: str(value) for name, value in found.left.items()}
    return left, [(each.of, each.by, str(each.amount)) for each in found.uses]


def test_later_statements_use_a_negative_one_up():
    assert used(paid("A", 0, "-516.24")) == ({"A": "516.24"}, [])
    assert used(paid("A", 0, "-500"), paid("B", 90, "300"), paid("C", 180, "300", "paid"), paid("D", 270, "300")) == (
        {"A": "0"}, [("A", "B", "300"), ("A", "C", "200")],
    )  # fmt: skip


def test_earlier_statements_and_drafts_use_nothing_up():
    assert used(paid("A", 0, "900", "paid"), paid("B", 10, "-500"), paid("C", 90, "300", "draft")) == ({"B": "500"}, [])
    assert used(paid("B", 0, "-500"), paid("C", 90, "300", "withheld")) == ({"B": "500"}, [])


def test_the_oldest_debt_is_made_up_for_first_whatever_the_order_given():
    later, earlier = paid("A", 30, "-100"), paid("B", 0, "-50")
    assert used(later, paid("C", 60, "120"), earlier) == (
        {"B": "0", "A": "30"}, [("B", "C", "50"), ("A", "C", "70")],
    )  # fmt: skip


@pytest.mark.parametrize("status", ["paid", "withheld", "forfeited"])
def test_a_negative_statement_that_is_paid_is_settled_and_one_that_is_held_is_not_taken(status):
    assert used(paid("A", 0, "-500", status), paid("B", 90, "300")) == ({}, [])


def test_payout_currencies_stay_apart():
    assert used(paid("A", 0, "-500", currency="USD"), paid("B", 90, "300")) == ({"A": "500"}, [])


@pytest.mark.parametrize(
    ("expected", "left", "taken"), [("588.72", "516.24", "516.24"), ("100", "516.24", "100"), ("-5", "3", "0")]
)
def test_the_next_payment_makes_up_for_no_more_than_it_is(expected, left, taken):
    assert taken_off(Decimal(expected), Decimal(left)) == Decimal(taken)


@given(
    st.lists(
        st.tuples(
            st.integers(0, 40),
            st.decimals("-500", "500", places=2),
            st.sampled_from(["draft", "issued", "paid", "withheld", "forfeited"]),
            st.sampled_from(["EUR", "USD"]),
        ),
        max_size=9,
    )
)
def test_offsets_never_exceed_and_their_sums_agree(rows):
    statements = [paid(f"S{n}", day, total, status, currency) for n, (day, total, status, currency) in enumerate(rows)]
    by_id = {each.statement_id: each for each in statements}
    found = offsets(statements)
    for each in statements:
        assert 0 <= found.used_by(each.statement_id) <= max(each.total, Decimal(0))
        if each.statement_id in found.left:
            assert found.left[each.statement_id] >= 0
            assert (
                found.left[each.statement_id] + sum(use.amount for use in found.uses if use.of == each.statement_id)
                == -each.total
            )
    for use in found.uses:
        debt, payment = by_id[use.of], by_id[use.by]
        assert debt.currency == payment.currency
        assert (debt.pay_on, debt.statement_id) < (payment.pay_on, payment.statement_id)
        assert use.amount > 0
        assert debt.status in {"draft", "issued"}
        assert payment.status in {"issued", "paid"}
    # Nothing is left beside a later payment that is not used up.
    for name, left in found.left.items():
        for each in statements:
            later = (each.pay_on, each.statement_id) > (by_id[name].pay_on, name)
            if left and later and each.status in {"issued", "paid"} and each.currency == by_id[name].currency:
                assert found.used_by(each.statement_id) == max(each.total, Decimal(0))
