"""What no page offers but anybody can type: the ends of the calendar, and a character that PostgreSQL has no text with."""

import pytest

from partner_portal.lib.datasets import all_datasets


@pytest.mark.parametrize(
    "address",
    [
        "/dashboard/?changes_from=0001-01-01&changes_to=2026-11-01",
        "/dashboard/?changes_from=2026-11-01&changes_to=9999-12-31",
        "/dashboard/?on=0001-01-05",
        "/dashboard/changes/lost-sold/?q=%00",
        "/tiers/?on=0001-01-01",
        "/tiers/breakdown/?q=a%00b",
        "/commissions/?pay_from=0001-01-01&pay_to=9999-12-31",
        "/renewals/?renewals_from=0001-01-01&renewals_to=9999-12-31",
    ],
)
def test_pages_answer_odd_addresses(db, web, address):
    assert web("admin").get(address).status_code == 200


@pytest.mark.parametrize("key", [dataset.key for dataset in all_datasets()])
@pytest.mark.parametrize("on", ["0001-01-01", "1900-01-01", "9999-12-31"])
def test_rows_answer_odd_days(db, web, key, on):
    client = web("admin")
    for query in (f"on={on}", f"changes_from={on}&changes_to={on}", f"shared_from={on}&shared_to={on}"):
        assert client.get(f"/api/v1/datasets/{key}?{query}").status_code in {200, 422}
