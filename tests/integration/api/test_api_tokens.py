"""Tokens: what they open, when they stop, who may end them, and that nobody finds out about another partner's."""

from datetime import timedelta
from html import unescape

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts.roles import PERMISSIONS, Role
from partner_portal.lib.dates import clock

PASSWORD = "partner-portal-demo"


def kept(partner, name="Report"):
    from accounts.scope import set_tenant
    from api.models import ApiToken

    set_tenant(partner.pk)
    return ApiToken.objects.get(name=name)


def change(partner, **values):
    from accounts.scope import set_tenant
    from api.models import ApiToken

    set_tenant(partner.pk)
    assert ApiToken.objects.update(**values) == 1
    set_tenant(None)


def audit(partner, beginning="api_token"):
    from accounts.models import AuditEvent
    from accounts.scope import partner_scope

    with partner_scope(partner):
        return list(
            AuditEvent.objects.filter(action__startswith=beginning).order_by("pk").values_list("action", "subject")
        )


def refused(response):
    assert response.status_code == 401
    assert response["WWW-Authenticate"].startswith("Bearer")
    assert response.json()["detail"].startswith("This token is unknown, revoked or has ended")
    return True


def test_a_token_opens_its_own_partner(token_of, get):
    assert get(token_of("admin"), "progress").json()["partner"] == "northwind"
    assert get(token_of("outsider"), "progress").json()["partner"] == "southwind"


def test_only_a_digest_is_kept(token_of, partner):
    text = token_of()
    token = kept(partner)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(t)::text FROM api_apitoken t")
        stored = cursor.fetchone()[0]
    secret = text.split("_", 3)[3]
    assert len(secret) == 43
    assert secret not in stored
    assert token.prefix == secret[:6]
    assert len(token.digest) == 64


@pytest.mark.parametrize(
    "damage", [lambda t: t[:-1] + ("A" if t[-1] != "A" else "B"), lambda t: t + "A", lambda t: "", lambda t: "pp_"]
)
def test_a_damaged_token_is_refused(token_of, get, damage):
    assert refused(get(damage(token_of()), "progress"))


def test_no_token_at_all_is_told_what_to_send(db, get):
    response = get(None, "progress")
    assert response.status_code == 401
    assert "Authorization: Bearer" in response.json()["detail"]


def test_a_secret_is_of_no_use_under_other_numbers(token_of, get, partner, other_partner):
    ours, theirs = token_of("admin"), token_of("outsider")
    _pp, our_partner, our_token, our_secret = ours.split("_", 3)
    _pp, their_partner, their_token, their_secret = theirs.split("_", 3)
    assert (our_partner, their_partner) == (str(partner.pk), str(other_partner.pk))
    for numbers in (
        (their_partner, our_token, our_secret),
        (our_partner, their_token, their_secret),
        (their_partner, their_token, our_secret),
        ("987654321", our_token, our_secret),
        ("9" * 18, "9" * 18, our_secret),
    ):
        assert refused(get("pp_" + "_".join(numbers), "progress"))


def test_the_database_hides_the_tokens_of_others(token_of, partner, other_partner):
    from accounts.scope import set_tenant
    from api.models import ApiToken

    token_of("admin")
    set_tenant(other_partner.pk)
    assert not ApiToken.objects.exists()
    set_tenant(None)
    assert not ApiToken.objects.exists()
    set_tenant(partner.pk)
    assert ApiToken.objects.count() == 1


def test_a_revoked_token_is_refused_from_the_next_request_on(token_of, get, scope_of, partner):
    from api.services import revoke_token

    text = token_of()
    assert get(text, "progress").status_code == 200
    token = kept(partner)
    for _again in range(2):
        revoke_token(scope=scope_of("admin"), token_id=token.pk)
    assert refused(get(text, "progress"))
    assert [action for action, _subject in audit(partner)] == ["api_token.made", "api_token.used", "api_token.revoked"]


def test_a_token_ends_when_its_time_is_over(token_of, get, partner):
    text = token_of(days=30)
    token = kept(partner)
    assert token.expires_at - token.created_at == timedelta(days=30)
    now = clock.now()
    change(partner, created_at=now - timedelta(days=2), expires_at=now + timedelta(minutes=5))
    assert get(text, "progress").status_code == 200
    change(partner, expires_at=now - timedelta(seconds=1))
    assert refused(get(text, "progress"))


def test_a_deactivated_owner_ends_it(token_of, get, person):
    text = token_of("manager")
    person("manager").__class__.objects.filter(email="manager@northwind.example").update(is_active=False)
    assert refused(get(text, "progress"))


def test_a_removed_member_ends_it(token_of, get, person, scope_of):
    from accounts.models import Membership
    from accounts.services import remove_member

    text = token_of("manager")
    scope = scope_of("admin")
    remove_member(scope=scope, membership_id=Membership.objects.get(user=person("manager")).pk)
    assert refused(get(text, "progress"))


@pytest.mark.parametrize("token_role", Role.values)
@pytest.mark.parametrize("owner_role", Role.values)
def test_what_a_token_sees_is_what_both_roles_allow(token_of, get, person, partner, token_role, owner_role):
    from accounts.models import Membership
    from accounts.scope import set_tenant

    text = token_of("manager", role="member")
    change(partner, role=token_role)  # as if the owner's role had been another one when it was made
    set_tenant(partner.pk)
    Membership.objects.filter(user=person("manager")).update(role=owner_role)
    set_tenant(None)
    both = PERMISSIONS[token_role] & PERMISSIONS[owner_role]
    assert get(text, "statements").status_code == (200 if "view_money" in both else 403)
    assert ("source_dollar_12m" in get(text, "progress").json()) == ("view_money" in both)


def test_nobody_makes_a_token_of_a_higher_role(scope_of):
    from api.services import make_token

    for person in ("manager", "finance", "member"):
        with pytest.raises(PermissionDenied):
            make_token(scope=scope_of(person), name="x", role="admin", days=30)


def test_a_name_is_free_again_once_its_token_is_revoked(token_of, scope_of, partner):
    from api.services import make_token, revoke_token

    token_of(name="Report")
    scope = scope_of("admin")
    with pytest.raises(ValidationError, match="has this name"):
        make_token(scope=scope, name="Report", role="admin", days=30)
    revoke_token(scope=scope, token_id=kept(partner).pk)
    make_token(scope=scope_of("admin"), name="Report", role="admin", days=30)


def test_a_person_has_so_many_tokens_and_no_more(scope_of):
    from api.services import MOST_TOKENS, make_token

    scope = scope_of("admin")
    for number in range(MOST_TOKENS):
        make_token(scope=scope, name=f"number {number}", role="member", days=30)
    with pytest.raises(ValidationError, match="already"):
        make_token(scope=scope, name="one more", role="member", days=30)


@pytest.mark.parametrize(
    "values", [{"role": "owner"}, {"digest": "secret"}, {"expires_at": clock.now() - timedelta(days=900)}]
)
def test_the_database_refuses_a_token_that_cannot_be(token_of, partner, values):
    token_of()
    with pytest.raises(IntegrityError), transaction.atomic():
        change(partner, **values)


def test_use_is_noted_but_not_with_every_request(token_of, get, partner):
    text = token_of()
    get(text, "progress")
    first = kept(partner).last_used_at
    assert clock.now() - first < timedelta(minutes=1)
    get(text, "progress")
    assert kept(partner).last_used_at == first
    change(partner, last_used_at=first - timedelta(days=1, minutes=6))
    get(text, "progress")
    assert kept(partner).last_used_at > first
    assert [action for action, _subject in audit(partner)].count("api_token.used") == 2


def test_too_many_requests_are_told_when_to_come_back(token_of, get, settings, monkeypatch):
    import api.limits

    settings.API_REQUESTS_A_MINUTE = 3
    at = clock.now().replace(second=20, microsecond=0)
    monkeypatch.setattr(api.limits.clock, "now", lambda: at)
    ours, others = token_of(), token_of("manager")
    assert [get(ours, "forecast").status_code for _request in range(4)] == [200, 200, 200, 429]
    response = get(ours, "forecast")
    assert response["Retry-After"] == "40"
    assert response.json()["detail"] == "Too many requests. Ask again in 40 seconds."
    assert get(others, "forecast").status_code == 200
    monkeypatch.setattr(api.limits.clock, "now", lambda: at + timedelta(seconds=40))
    assert get(ours, "forecast").status_code == 200


def test_a_session_reads_too_and_a_token_decides_alone(web, token_of):
    browser = web("admin")
    assert browser.get("/api/v1/progress").json()["partner"] == "northwind"
    theirs = browser.get("/api/v1/progress", headers={"Authorization": f"Bearer {token_of('outsider')}"})
    assert theirs.json()["partner"] == "southwind"
    assert browser.get("/api/v1/progress").json()["partner"] == "northwind"
    assert refused(browser.get("/api/v1/progress", headers={"Authorization": "Bearer pp_1_1_x"}))
    assert refused(browser.get("/api/v1/progress", headers={"Authorization": "Basic YWRtaW46eA=="}))


def test_answers_are_private_and_never_stored(token_of, get):
    for response in (get(token_of(), "progress"), get(None, "progress"), get(None, "nothing")):
        if response.status_code != 404:
            assert "no-store" in response["Cache-Control"]
            assert "Authorization" in response["Vary"]
        assert response["X-Content-Type-Options"] == "nosniff"


def test_the_ledger_is_caught_up_before_a_program_reads_it(token_of, get, partner, settings):
    from accounts.scope import set_tenant
    from ledger.models import Posting

    text = token_of()
    settings.PORTAL_TODAY = "2026-11-24"
    assert get(text, "progress").json()["on"] == "2026-11-24"
    set_tenant(partner.pk)
    assert str(Posting.objects.get().posted_through) == "2026-11-24"


# The pages


@pytest.fixture
def confirmed(web):
    """Signed in, and the password was asked again just now."""

    def sign_in(name="admin"):
        client = web(name)
        assert client.post("/accounts/reauthenticate/", {"password": PASSWORD}).status_code == 302
        return client

    return sign_in


def test_a_token_is_made_shown_once_and_works(confirmed, get, partner):
    import re

    client = confirmed("manager")
    page = client.post("/accounts/tokens/", {"name": "Sales report", "role": "finance", "days": "90"})
    assert page.status_code == 200
    assert "no-store" in page["Cache-Control"]
    text = re.search(r"pp_\d+_\d+_[\w-]{43}", page.content.decode())[0]
    assert f'curl -H "Authorization: Bearer {text}" http://localhost:8000/api/v1/progress' in unescape(
        page.content.decode()
    )
    assert get(text, "statements").status_code == 200
    again = client.get("/accounts/tokens/").content.decode()
    assert "Sales report" in again
    assert text not in again
    assert audit(partner)[0] == ("api_token.made", "Sales report")


def test_the_password_is_asked_again_before_one_is_made(web, partner):
    response = web("manager").post("/accounts/tokens/", {"name": "x", "role": "member", "days": "30"})
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/reauthenticate/")
    assert audit(partner) == []


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"name": "", "role": "member", "days": "30"}, "This field is required."),
        ({"name": "x", "role": "admin", "days": "30"}, "admin is not one of the available choices"),
        ({"name": "x", "role": "member", "days": "3650"}, "3650 is not one of the available choices"),
    ],
)
def test_a_wrong_wish_makes_none(confirmed, partner, values, told):
    page = confirmed("manager").post("/accounts/tokens/", values)
    assert page.status_code == 422
    assert told in page.content.decode()
    assert audit(partner) == []


def test_sending_the_form_twice_makes_one(confirmed, partner):
    client = confirmed()
    export_request = {"name": "Report", "role": "member", "days": "30"}
    assert client.post("/accounts/tokens/", export_request).status_code == 200
    second = client.post("/accounts/tokens/", export_request)
    assert second.status_code == 422
    assert "Another of your tokens has this name" in second.content.decode()
    assert kept(partner).role == "member"


def test_one_sees_and_ends_ones_own_and_admins_everybodys(token_of, web, partner):
    token_of("manager", name="The manager’s")
    pk = kept(partner, "The manager’s").pk
    for stranger in ("finance", "member", "outsider"):
        assert "The manager" not in web(stranger).get("/accounts/tokens/").content.decode()
        assert web(stranger).get(f"/accounts/tokens/{pk}/revoke/").status_code == 404
        assert web(stranger).post(f"/accounts/tokens/{pk}/revoke/").status_code == 404
    assert kept(partner, "The manager’s").revoked_at is None
    assert "The manager’s" in web("admin").get("/accounts/tokens/").content.decode()
    assert web("admin").post(f"/accounts/tokens/{pk}/revoke/", follow=True).status_code == 200
    assert kept(partner, "The manager’s").revoked_at is not None
    assert "Revoked" in web("manager").get("/accounts/tokens/").content.decode()


def test_the_page_costs_the_same_queries_with_one_token_and_with_three(token_of, web):
    counts = []
    token_of("manager", name="first")
    client = web("admin")
    for names in (["a"], ["b", "c"]):
        for name in names:
            token_of("admin", name=name)
            token_of("manager", name=name)
        client.get("/accounts/tokens/")
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/accounts/tokens/").status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]
