"""`verify_ledger` is silent about a right ledger and names what is wrong with any other."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ledger.models import ClientPoints, DailyPoints, Lot


def verify(slug):
    out = io.StringIO()
    call_command("verify_ledger", slug, stdout=out)
    return out.getvalue()


def test_the_demo_partners_are_right(partner, other_partner):
    assert verify("northwind") == "northwind: the ledger is right.\n"
    assert verify("southwind") == "southwind: the ledger is right.\n"


@pytest.mark.parametrize(
    ("model", "change", "told"),
    [
        (
            DailyPoints,
            {"points": 1},
            "daily points, 2026-03-01 sourced earned: stored 1.0000 in 1, should be 50.0000 in 1",
        ),
        (ClientPoints, {"sourced": 3}, "stored 3.0000 0.0000 0.0000, should be 50.0000 0.0000 0.0000"),
        (Lot, {"remaining": 2}, "stored 50.0000 2.0000 2027-03-01, should be 50.0000 50.0000 2027-03-01"),
    ],
)
def test_a_wrong_sum_is_named(workshop, model, change, told):
    workshop.deal("D1", "2026-03-01")
    workshop.post()
    model.objects.filter(partner=workshop.partner).update(**change)
    assert any(told in sentence for sentence in workshop.wrong())


def test_a_missing_sum_is_named(workshop):
    workshop.deal("D1", "2026-03-01")
    workshop.post()
    Lot.objects.filter(partner=workshop.partner).delete()
    assert any("stored nothing, should be 50.0000 50.0000 2027-03-01" in sentence for sentence in workshop.wrong())


def test_entries_that_do_not_follow_from_the_facts_are_named(workshop):
    workshop.deal("D1", "2026-03-01")
    workshop.post()
    workshop.deal("D1", "2026-03-01", "600")
    assert len(workshop.wrong()) == 2
    assert any(
        "30.0000 sourced earned on 2026-03-01 of deal D1, which is not posted" in each for each in workshop.wrong()
    )


def test_an_unknown_partner_is_wrong_usage(db):
    with pytest.raises(CommandError, match="no partner") as error:
        call_command("verify_ledger", "nobody")
    assert error.value.returncode == 2


def test_differences_exit_with_1(partner, scope):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_dailypoints SET points = points + 1 WHERE partner_id = %s", [partner.pk])
    with pytest.raises(CommandError) as error:
        call_command("verify_ledger", "northwind", stdout=io.StringIO())
    assert error.value.returncode == 1


def test_a_ledger_of_former_rules_is_no_difference(partner, scope):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE ledger_posting SET revision = 0 WHERE partner_id = %s", [partner.pk])
    assert verify("northwind").startswith("northwind: the sums are right. The programme's rules changed")
