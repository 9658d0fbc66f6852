"""Facts that go away and come back: the ledger follows, as if they had never been there (points.md 13)."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clients.withdrawals import NotRestorableError, restore, withdraw
from partner_portal.lib.dates.periods import Period
from tests.integration.ledger.test_ledger_properties import FACTS, FEW, MANY, bring, fresh, sums

D = date.fromisoformat
STEPS = st.lists(st.tuples(st.sampled_from(["withdraw", "restore"]), st.integers(0, 15)), min_size=1, max_size=10)


def take(workshop, kind_key, *rows, reason="merged at the source"):
    return withdraw(scope=workshop.scope, kind_key=kind_key, pks=[row.pk for row in rows], reason=reason)


def bring_back(workshop, kind_key, *rows):
    return restore(scope=workshop.scope, kind_key=kind_key, pks=[row.pk for row in rows])


def test_a_withdrawn_deal_is_reversed_on_its_days_and_with_its_causes(workshop):
    deal = workshop.deal("D1", "2025-03-01")
    workshop.post()
    outcome = take(workshop, "deals", deal)
    assert workshop.entries() == [
        ("2025-03-01", "sourced", "earned", Decimal("50.0000"), False),
        ("2026-03-01", "sourced", "expired", Decimal("-50.0000"), False),
        ("2025-03-01", "sourced", "earned", Decimal("-50.0000"), True),
        ("2026-03-01", "sourced", "expired", Decimal("50.0000"), True),
    ]
    assert workshop.points("2025-06-01").total == 0
    assert outcome.moved.counts == {"deals": 1}
    assert outcome.points["corrections"] == 2
    assert workshop.wrong() == []
    bring_back(workshop, "deals", deal)
    assert workshop.points("2025-06-01").sourced == Decimal("50.0000")
    assert workshop.wrong() == []


def test_a_client_takes_its_facts_along_and_brings_only_those_back(workshop):
    from clients.models import Client, Deal, Service

    workshop.deal("D1", "2026-03-01")
    earlier = workshop.deal("D2", "2026-04-01")
    workshop.service("2026-01-01")
    workshop.post()
    take(workshop, "deals", earlier)
    client = Client.objects.get(client_id="C1")
    outcome = take(workshop, "clients", client)
    assert outcome.moved.counts == {"clients": 1, "deals": 1, "services": 1}
    assert [model.objects.count() for model in (Client, Deal, Service)] == [0, 0, 0]
    assert workshop.points().total == 0
    assert workshop.wrong() == []
    with pytest.raises(NotRestorableError, match="Client C1 is withdrawn"):
        bring_back(workshop, "deals", earlier)
    assert bring_back(workshop, "clients", client).moved.counts == {"clients": 1, "deals": 1, "services": 1}
    assert [deal.deal_id for deal in Deal.objects.all()] == ["D1"]
    assert workshop.points().total == Decimal("60.0000")
    assert workshop.wrong() == []


def test_a_service_is_not_restored_over_the_one_that_replaced_it(workshop):
    wrong = workshop.service("2026-01-01")
    workshop.post()
    take(workshop, "services", wrong)
    workshop.service("2026-02-01")
    workshop.post()
    with pytest.raises(NotRestorableError, match="overlaps the service of client C1"):
        bring_back(workshop, "services", wrong)
    assert workshop.points("2026-01-15").managed == 0


def test_a_person_gives_a_reason_and_the_audit_log_has_it(workshop):
    from accounts.models import AuditEvent
    from clients.models import Deal

    deal = workshop.deal("D1", "2026-03-01")
    workshop.post()
    with pytest.raises(ValueError, match="reason"):
        take(workshop, "deals", deal, reason=" ")
    take(workshop, "deals", deal)
    event = AuditEvent.objects.get(action="facts.withdrawn")
    withdrawal = Deal.with_withdrawn.get(pk=deal.pk).withdrawal
    assert event.details == {"rows": {"deals": 1}, "withdrawal": withdrawal.pk, "reason": "merged at the source"}
    assert (withdrawal.reason, withdrawal.batch_id) == ("merged at the source", None)
    take(workshop, "deals", deal)
    assert AuditEvent.objects.filter(action="facts.withdrawn").count() == 1, "nothing was left to withdraw"


def key_of(kind, fact):
    """What tells a fact from others of its kind."""
    return (kind, fact["deal_id"]) if kind == "deal" else (kind, fact["client"], fact["on"], fact.get("line"))


def without_overlaps(facts):
    """The facts with different keys; of services of a client that overlap (all last 30 days) only the first."""
    kept = {}
    for kind, fact in facts:
        others = [other for what, other in kept.values() if what == "service" and other["client"] == fact["client"]]
        if kind == "service" and any(abs(other["on"] - fact["on"]) < timedelta(days=30) for other in others):
            continue
        kept.setdefault(key_of(kind, fact), (kind, fact))
    return list(kept.values())


def row_of(workshop, kind, fact):
    """The kind's key and the stored row of a fact, or of a client."""
    from clients.models import Cancellation, Client, Deal, Service

    own = {"partner": workshop.partner}
    if kind == "client":
        return "clients", Client.with_withdrawn.get(**own, client_id=fact)
    if kind == "deal":
        return "deals", Deal.with_withdrawn.get(**own, deal_id=fact["deal_id"])
    dated = own | {"client__client_id": fact["client"]}
    if kind == "service":
        return "services", Service.with_withdrawn.get(**dated, started_on=fact["on"])
    return "cancellations", Cancellation.with_withdrawn.get(**dated, cancelled_on=fact["on"], product_line=fact["line"])


def figures_of(workshop, days):
    """The figures of some days, of the 90 days up to each, and of every client; the partner's name left out."""
    from dashboard.figures import figures

    answers = [figures(workshop.scope, day, Period(day - timedelta(days=90), day), with_clients=True) for day in days]
    return [answer | {"partner": ""} for answer in answers]


def what_is_withdrawn_was_never_there_on_any_day(workshop, facts, steps, days):
    clients = sorted({fact["client"] for _kind, fact in facts})
    fresh(workshop)
    bring(workshop, facts, {len(facts) // 2})
    places = [*facts, *(("client", client) for client in clients)]
    gone = {}  # place -> the step that withdrew it
    for number, (action, chosen) in enumerate(steps):
        place = chosen % len(places)
        kind, fact = places[place]
        owner = len(facts) + clients.index(fact if kind == "client" else fact["client"])
        own = [at for at, (_kind, other) in enumerate(facts) if kind == "client" and other["client"] == fact]
        kind_key, row = row_of(workshop, kind, fact)
        if action == "withdraw":
            take(workshop, kind_key, row)
            gone |= {at: number for at in [place, *own] if at not in gone}
        elif place != owner and owner in gone and place in gone:
            with pytest.raises(NotRestorableError):
                bring_back(workshop, kind_key, row)
        else:
            bring_back(workshop, kind_key, row)
            act = gone.pop(place, None)
            gone = {at: by for at, by in gone.items() if not (at in own and by == act)}
    expected = [fact for place, fact in enumerate(facts) if place not in gone]
    days = [*days, D("2026-11-23")]
    assert workshop.wrong() == []
    found = sums(workshop), figures_of(workshop, days)
    fresh(workshop)
    bring(workshop, expected, set())
    assert found == (sums(workshop), figures_of(workshop, days))


OF_FACTS = given(
    facts=FACTS.map(without_overlaps),
    steps=STEPS,
    days=st.lists(st.dates(D("2025-06-01"), D("2026-11-23")), max_size=2),
)
test_what_is_withdrawn_was_never_there_on_any_day = FEW(OF_FACTS(what_is_withdrawn_was_never_there_on_any_day))
test_what_is_withdrawn_was_never_there_at_length = pytest.mark.sweep(
    MANY(OF_FACTS(what_is_withdrawn_was_never_there_on_any_day))
)
