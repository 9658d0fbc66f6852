"""What looks forgotten in files that are not complete: named on the check page and by the command, withdrawn right there."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.integration.imports.conftest import CLIENTS, DEALS, FACTS, RENEWALS, SERVICES
from tests.integration.imports.test_undo_pages import admin, latest, text_of, upload, write

__all__ = ["admin", "latest", "upload", "write"]  # fixtures

MOVED = [RENEWALS[0] | {"renews_on": "2027-02-01"}]


@pytest.fixture
def said(eastwind: Any, files: Callable[..., Any]) -> Callable[..., str]:
    """Import files by the command and give what it prints."""

    def run(contents: dict[str, Any]) -> str:
        out, err = io.StringIO(), io.StringIO()
        try:
            call_command(
                "import_data", "eastwind", *map(str, files(contents)), "--on", "2026-11-23", stdout=out, stderr=err
            )
        except CommandError as error:
            err.write(str(error))
        return out.getvalue() + err.getvalue()

    return run


def test_the_command_names_what_looks_forgotten(said: Any) -> None:
    said(FACTS)
    assert "not in these files" not in said(FACTS)
    deals = said({"deals": [DEALS[0] | {"deal_id": "D9"}]})
    assert "deals: 2 of 2 stored rows are not in these files; --complete deals withdraws what is missing" in deals
    assert "deals.csv: row 2: deal D9 looks like deal D1 of the same client: entered again?" in deals
    moved = said({"renewals": MOVED})
    assert "renewals: 1 of 1 stored row is not in these files" in moved
    assert "row 2: “Sales Hub” of client C1 already has an undecided renewal on 1 Jan 2027: moved?" in moved
    assert "moved?" not in said({"renewals": MOVED}), "it is no new row any more"
    overlapping = said({"services": [SERVICES[1] | {"started_on": "2026-08-01"}]})
    assert "Nothing was imported: 1 error." in overlapping
    assert "row 2: the service of client C1 overlaps the one that began on 1 Jul 2026: corrected?" in overlapping
    assert "overlaps the one that began on 1 Jan" not in overlapping, "it ended before"
    month = [{"client_id": "C1", "month": "2026-02", "mrr": "5", "currency": "EUR"}]
    assert "mrr_history: 1 of 1 stored row is not in these files" in said({"mrr_history": month})


def test_corrected_keys_of_other_kinds(said: Any) -> None:
    cancelled = {"client_id": "C1", "product_line": "Sales Hub", "cancelled_on": "2026-03-01"}
    certified = {
        "person": "Wil",
        "certification": "Solutions Partner",
        "earned_on": "2026-01-01",
        "expires_on": "2027-02-01",
    }
    said(FACTS | {"cancellations": [cancelled], "certifications": [certified]})
    again = said({"cancellations": [cancelled | {"cancelled_on": "2026-05-01"}]})
    assert "row 2: “Sales Hub” of client C1 is already cancelled on 1 Mar 2026: corrected?" in again
    sold = DEALS[0] | {
        "deal_id": "D8",
        "name": "Back",
        "mrr": "70",
        "created_on": "2026-06-01",
        "closed_on": "2026-06-02",
    }
    left = said({"deals": [*DEALS, sold]}) + said({"cancellations": [cancelled | {"cancelled_on": "2026-09-01"}]})
    assert "1 Mar 2026: corrected?" not in left, "it was sold again in between"
    assert "1 May 2026: corrected?" not in left
    renewed = certified | {"earned_on": "2027-01-10", "expires_on": "2028-01-10"}
    assert "corrected?" not in said({"certifications": [renewed]})
    typo = certified | {"earned_on": "2025-12-01"}
    assert "row 2: Wil already has “Solutions Partner”, earned on 1 Jan 2026: corrected?" in said(
        {"certifications": [typo]}
    )
    merged = CLIENTS[0] | {"client_id": "C7", "name": "ADA & sons"}
    assert "client C7 has the name or the domain of client C1: the same client?" in said({"clients": [merged]})
    lines = said({"statement_lines": [FACTS["statement_lines"][0] | {"statement_id": "S2"}]})
    assert "not in these files" not in lines, "another statement"


def test_what_moved_is_withdrawn_from_the_check_page(
    admin: Any, upload: Any, write: Any, latest: Any, stored: Any
) -> None:
    from renewals.models import Renewal

    write(FACTS)
    page = upload({"renewals": MOVED, "deals": DEALS[:1]})
    text, batch = text_of(page), latest().pk
    assert "1 of 2 is not in them" in text
    question = "already has an undecided renewal on 1 Jan 2027: moved?"
    assert f"renewals.csv, row 2: “Sales Hub” of client C1 {question}" in text
    old = Renewal.objects.get()
    address = f"/facts/renewals/{old.pk}/withdraw/?import={batch}"
    assert address in page.content.decode()
    assert f"/imports/{batch}/" in admin.get(address).content.decode(), "the way back"
    after = admin.post(address, {"reason": "moved"}, follow=True)
    assert [code for _address, code in after.redirect_chain] == [307, 302]
    text = text_of(after)
    assert question not in text
    assert "1 of 2 is not in them" in text, "it was checked again"
    listed = text_of(admin.get(f"/imports/{batch}/missing/deals/"))
    assert "D2 C2, Idea, Sales Hub, new, assisted, open, 100.00, USD, 2026-01-05 Counts" in listed
    assert admin.get(f"/imports/{batch}/missing/clients/").status_code == 404
    written = text_of(admin.post(f"/imports/{batch}/commit/", follow=True))
    assert "1 of 2 is not in them" in written
    assert "The files have all my deals" not in written
    assert [str(row[2]) for row in stored()["renewals"]] == ["2027-02-01"]
    assert admin.post(f"/imports/{batch}/check/", follow=True).status_code == 200
    assert latest().status == "committed"


def test_nothing_is_asked_when_nothing_is_missing(upload: Any, write: Any) -> None:
    write(FACTS)
    text = text_of(upload(FACTS))
    assert "Not in these files" not in text
    assert "Corrected, or new?" not in text
