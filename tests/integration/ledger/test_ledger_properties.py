"""Whatever comes in, in whatever order and however often: the same sums, and a bridge that adds up."""

from datetime import date, timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partner_portal.lib.dates.periods import Period

NUMBERS = count()
START = date(2025, 6, 1)
DAYS = st.integers(0, 540).map(lambda days: START + timedelta(days=days))
DEALS = st.fixed_dictionaries(
    {
        "deal_id": st.sampled_from("ABCDEF"),
        "client": st.sampled_from(["C1", "C2"]),
        "on": DAYS,
        "mrr": st.integers(1, 5000).map(str),
        "kind": st.sampled_from(["new", "cross_sell", "upgrade", "downgrade"]),
        "origin": st.sampled_from(["sourced", "assisted", "none"]),
        "line": st.sampled_from(["Sales Hub", "Content Hub"]),
        "currency": st.sampled_from(["USD", "EUR", "JPY"]),
    }
)
SERVICES = st.fixed_dictionaries(
    {"client": st.sampled_from(["C1", "C2"]), "on": DAYS, "mrr": st.integers(1, 5000).map(str)}
)
CANCELLATIONS = st.fixed_dictionaries(
    {"client": st.sampled_from(["C1", "C2"]), "on": DAYS, "line": st.sampled_from(["", "Sales Hub"])}
)
FACTS = st.lists(
    st.one_of(
        st.tuples(st.just("deal"), DEALS),
        st.tuples(st.just("service"), SERVICES),
        st.tuples(st.just("cancel"), CANCELLATIONS),
    ),
    min_size=1,
    max_size=14,
)
FEW = settings(
    max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
MANY = settings(FEW, max_examples=60, derandomize=False)  # for the sweep


def bring(workshop, facts, post_after):
    """Bring facts one by one, posting after those whose place is in `post_after`, and once at the end."""
    for place, (kind, fact) in enumerate(facts):
        if kind == "deal":
            workshop.deal(
                fact["deal_id"], fact["on"].isoformat(), fact["mrr"], fact["client"], kind=fact["kind"],
                origin=fact["origin"], product_line=fact["line"], currency=fact["currency"],
            )  # fmt: skip
        elif kind == "service":
            workshop.service(
                fact["on"].isoformat(), (fact["on"] + timedelta(days=30)).isoformat(), fact["mrr"], fact["client"]
            )
        else:
            workshop.cancel(fact["on"].isoformat(), fact["line"], fact["client"])
        if place in post_after:
            workshop.post()
    workshop.post()


def sums(workshop):
    from ledger.models import DailyPoints

    rows = DailyPoints.objects.filter(partner=workshop.partner).exclude(points=0).order_by("on", "track", "cause")
    return list(rows.values_list("on", "track", "cause", "points"))


def fresh(workshop):
    from accounts.models import Partner
    from accounts.scope import set_tenant

    slug = f"property-{next(NUMBERS)}"
    workshop.partner = Partner.objects.create(slug=slug, name=slug)
    set_tenant(workshop.partner.pk)


def any_order_and_repetition_gives_the_same_sums(workshop, facts, data):
    # The last word on a deal counts, so only facts with different keys may change places.
    unique = list({(kind, fact.get("deal_id") or repr(fact)): (kind, fact) for kind, fact in facts}.values())
    services = {(fact["client"], fact["on"]): fact for kind, fact in unique if kind == "service"}
    unique = [each for each in unique if each[0] != "service" or each[1] in services.values()]
    other = data.draw(st.permutations(unique + data.draw(st.lists(st.sampled_from(unique), max_size=3))))
    fresh(workshop)
    bring(workshop, unique, set())
    expected = sums(workshop)
    assert workshop.wrong() == []
    fresh(workshop)
    bring(workshop, other, data.draw(st.sets(st.integers(0, len(other)))))
    assert sums(workshop) == expected
    assert workshop.wrong() == []


IN_ANY_ORDER = given(facts=FACTS, data=st.data())
test_any_order_and_repetition_gives_the_same_sums = FEW(IN_ANY_ORDER(any_order_and_repetition_gives_the_same_sums))
test_any_order_and_repetition_at_length = pytest.mark.sweep(
    MANY(IN_ANY_ORDER(any_order_and_repetition_gives_the_same_sums))
)


def opening_plus_new_minus_lost_is_closing(workshop, facts, days):
    from ledger.queries import changes

    fresh(workshop)
    bring(workshop, facts, {len(facts) // 2})
    moved = changes(workshop.scope, Period(min(days), max(days)))
    total = moved.opening.total
    total += moved.new_sold.points - moved.lost_sold.points + moved.new_managed.points - moved.lost_managed.points
    assert total == moved.closing.total
    assert sum((sum(causes.values(), Decimal(0)) for causes in moved.causes.values()), moved.opening.total) == total


OVER_DAYS = given(facts=FACTS, days=st.tuples(DAYS, DAYS))
test_opening_plus_new_minus_lost_is_closing = FEW(OVER_DAYS(opening_plus_new_minus_lost_is_closing))
test_opening_plus_new_minus_lost_at_length = pytest.mark.sweep(MANY(OVER_DAYS(opening_plus_new_minus_lost_is_closing)))
