"""Facts that go away and come back: the ledger follows, as if they had never been there (points.md 13)."""

from datetime import date
from decimal import Decimal

import pytest

from clients.withdrawals import NotRestorableError, restore, withdraw

D = date.fromisoformat


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
