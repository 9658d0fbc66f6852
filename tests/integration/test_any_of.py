"""The lookup `any` finds what `in` finds, with one parameter."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clients.models import Client, Deal


@pytest.fixture
def deals(scope):
    return Deal.objects.filter(partner=scope.partner)


def test_any_of_many_values(deals):
    client, other = Client.objects.filter(pk__in=deals.values("client"))[:2]
    own = {deal.pk for deal in deals if deal.client_id in (client.pk, other.pk)}
    assert own
    for lookup, values in {
        "client__any": (client.pk, other.pk),
        "client_id__any": {client.pk: 1, other.pk: 2},
        "pk__any": own,
        "client__client_id__any": {client.client_id, other.client_id},
    }.items():
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert set(deals.filter(**{lookup: values}).values_list("pk", flat=True)) == own
        assert " IN (" not in queries[0]["sql"]


@pytest.mark.parametrize("lookup", ["pk__any", "client__any", "deal_id__any"])
def test_any_of_none_is_nothing(deals, lookup):
    assert not deals.filter(**{lookup: []}).exists()
    assert deals.exclude(**{lookup: []}).count() == deals.count() > 0
