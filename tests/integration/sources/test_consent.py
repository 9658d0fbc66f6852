"""Connecting by HubSpot's consent page, with an app of the operator's, from the page to the revocation."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from sources.simulator.answers import Request

CONSENT = "/connections/new/hubspot/consent/"


@pytest.fixture
def app(hub: Any, settings: Any) -> Any:
    settings.HUBSPOT_CLIENT_ID, settings.HUBSPOT_CLIENT_SECRET = "the-app", "secret-of-the-app"
    settings.SITE_URL = "https://portal.example"
    hub.simulator.consent.apps["the-app"] = "secret-of-the-app"
    return hub.simulator.consent


@pytest.fixture
def allow(hub: Any, admin: Any) -> Any:
    """Go to the consent page, allow, and return the address that it leads back to."""

    def go(address: str = CONSENT) -> str:
        page = urlsplit(admin.get(address)["Location"])
        assert f"{page.scheme}://{page.netloc}{page.path}" == "https://app.hubspot.com/oauth/authorize"
        back = hub.simulator.answer(Request("GET", page.path, dict(parse_qsl(page.query)))).headers["Location"]
        assert back.startswith("https://portal.example/connections/new/hubspot/consented/?code=")
        return back.removeprefix("https://portal.example")

    return go


def test_consent_connects_renews_and_is_revoked(
    hub: Any, app: Any, admin: Any, allow: Any, eastwind: Any, sync: Any, monkeypatch: Any
) -> None:
    from sources import calls, tasks
    from sources.models import Connection, VendorCall
    from tests.integration.sources.test_connection_pages import questions_form

    made: list[int] = []
    monkeypatch.setattr("sources.views.enqueue_call", lambda _partner, call: made.append(call))
    assert "Sign in to HubSpot and allow it" in admin.get("/connections/new/hubspot/").content.decode()
    waits = admin.get(allow())
    assert "/connections/calls/" in waits["Location"]
    assert calls.carry_out(partner=eastwind, call_id=made[-1]) == "done"
    questions = admin.get(waits["Location"])["Location"]
    words = {f"deals.origin-word-{n}": word for n, word in enumerate(("sourced", "assisted", "none"))}
    assert admin.post(questions, questions_form(do="save") | words).status_code == 302
    assert sync()["state"] == "waits"
    hub.time.sleep(45 * 60)  # the access token has ended, the refresh token has not
    assert sync("--commit")["state"] == "committed"
    [refresh] = app.refresh
    connection = Connection.objects.get()
    assert refresh not in connection.secret

    app.refresh.clear()
    hub.time.sleep(45 * 60)
    assert "does not accept the token any more" in sync()["why"]
    again = admin.get(allow(f"{CONSENT}?connection={connection.pk}"))
    assert calls.carry_out(partner=eastwind, call_id=made[-1]) == "done"
    assert admin.get(again["Location"])["Location"] == f"/connections/{connection.pk}/"
    assert sync()["state"] == "nothing new"

    assert len(app.refresh) == 1
    admin.post(f"/connections/{connection.pk}/disconnect/", {"as_files": "yes"})
    assert Connection.objects.get().secret == ""
    assert tasks.call_vendor(eastwind.pk, made[-1]) == "done"
    assert app.refresh == {}
    assert not VendorCall.objects.exclude(secret="").exists()


def test_answers_that_nobody_asked_for_reach_no_worker(app: Any, admin: Any, allow: Any, settings: Any) -> None:
    from sources.models import VendorCall

    back = allow()
    for address in (back.replace("state=", "state=x"), back, f"{back.partition('?')[0]}?error=access_denied"):
        page = admin.get(address, follow=True).content.decode()
        assert "Nothing was allowed" in page
    assert not VendorCall.objects.exists()
    settings.HUBSPOT_CLIENT_ID = ""
    assert admin.get(CONSENT).status_code == 404
    assert "Sign in to HubSpot" not in admin.get("/connections/new/hubspot/").content.decode()


def test_access_token_is_renewed_before_it_ends(hub: Any, app: Any) -> None:
    from sources.hubspot import reading

    app.refresh["refresh-1"] = {"crm.objects.deals.read"}
    client = hub.client("oauth:refresh-1")
    for _call in range(10):
        reading.account(client)
        hub.time.sleep(9 * 60)
    statuses = hub.simulator.traffic.by_status()
    assert set(statuses) == {200}
    renewals = [call for call in hub.simulator.traffic.calls if call.path.endswith("/token")]
    assert len(renewals) == 3
