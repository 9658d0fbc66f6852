"""The operators' commands: what they create, and how they say no in one line."""

import io
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).resolve().parents[3]


def create_member(monkeypatch, *arguments, typed="a-good-one-4711"):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{typed}\n"))
    told = io.StringIO()
    call_command("create_member", *arguments, stdout=told)
    return told.getvalue()


def test_a_partner_and_its_first_admin_can_sign_in(db, monkeypatch, client, log):
    from accounts.models import Partner

    arguments = ["eastwind", "--name", "Eastwind & Söhne", "--currency", "CHF", "--time-zone", "Europe/Zurich"]
    call_command("create_partner", *arguments, stdout=io.StringIO())
    eastwind = Partner.objects.get(slug="eastwind")
    assert (eastwind.name, eastwind.payout_currency, eastwind.time_zone) == ("Eastwind & Söhne", "CHF", "Europe/Zurich")
    member = ["Lea@eastwind.example", "--partner", "eastwind", "--role", "admin", "--password-stdin", "--name", "Lea"]
    assert create_member(monkeypatch, *member) == "lea@eastwind.example is admin of eastwind.\n"
    signed_in = client.post("/accounts/login/", {"login": "lea@eastwind.example", "password": "a-good-one-4711"})
    assert signed_in.status_code == 302
    assert "Eastwind &amp; Söhne" in client.get("/dashboard/team/").content.decode()
    assert log("", of=eastwind)[:2] == [("partner.created", "eastwind"), ("member.added", "lea@eastwind.example")]


def test_a_person_who_is_known_joins_with_the_password_of_before(partner, other_partner, person, monkeypatch):
    from accounts.scope import memberships_of, user_scope

    told = create_member(
        monkeypatch, "member@northwind.example", "--partner", "southwind", "--role", "finance", "--password-stdin"
    )
    assert told == "member@northwind.example is finance of southwind, with the password of before.\n"
    member = person("member")
    assert member.check_password("partner-portal-demo")
    with user_scope(member):
        assert {(each.partner, each.role) for each in memberships_of(member)} == {
            (partner, "member"),
            (other_partner, "finance"),
        }


def test_without_a_password_the_person_sets_one_by_mail(partner, monkeypatch):
    from accounts.models import User

    create_member(monkeypatch, "new@northwind.example", "--partner", "northwind", "--role", "member")
    assert not User.objects.get(email="new@northwind.example").has_usable_password()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["East Wind", "--name", "E", "--currency", "CHF"], "slug: Small letters, digits, - and _ only"),
        (["Eastwind", "--name", "E", "--currency", "CHF"], "slug: Small letters, digits, - and _ only"),
        (["northwind", "--name", "E", "--currency", "CHF"], "slug: Partner with this Slug already exists."),
        (["eastwind", "--name", " ", "--currency", "CHF"], "name: This field is required."),
        (["eastwind", "--name", "E", "--currency", "EURO"], "currency: “EURO” is no currency code such as USD."),
        (["eastwind", "--name", "E", "--currency", "usd"], "currency: “usd” is no currency code such as USD."),
        (["eastwind", "--name", "E", "--currency", "CHF", "--time-zone", "Mars/Olympus"], "time_zone:"),
        (["eastwind", "--name", "E", "--currency", "CHF", "--language", "xx"], "language:"),
    ],
)
def test_a_partner_that_cannot_be_is_refused_in_one_line(db, arguments, told):
    from accounts.models import Partner

    before = Partner.objects.count()
    with pytest.raises(CommandError) as refused:
        call_command("create_partner", *arguments)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert Partner.objects.count() == before


@pytest.mark.parametrize(
    ("arguments", "password", "told"),
    [
        (["not-an-address", "--role", "admin"], "a-good-one-4711", "email: Enter a valid email address."),
        (["new@northwind.example", "--role", "boss"], "a-good-one-4711", "none of admin, manager, finance, member"),
        (["new@northwind.example", "--role", "admin"], "short", "Use at least 8 characters."),
        (["new@northwind.example", "--role", "admin"], "", "Use at least 8 characters."),
        (["Member@northwind.example", "--role", "admin"], "a-good-one-4711", "is a member already, as member."),
    ],
)
def test_a_member_who_cannot_be_is_refused_in_one_line(partner, monkeypatch, arguments, password, told):
    from accounts.models import User

    before = User.objects.count()
    with pytest.raises(CommandError) as refused:
        create_member(monkeypatch, *arguments, "--partner", "northwind", "--password-stdin", typed=password)
    assert told in str(refused.value)
    assert "\n" not in str(refused.value)
    assert User.objects.count() == before


def test_a_partner_that_is_not_there_is_named(db, monkeypatch):
    with pytest.raises(CommandError, match="partner: there is no 'nowhere'"):
        create_member(monkeypatch, "new@northwind.example", "--partner", "nowhere", "--role", "admin")


def test_a_refusal_ends_with_1_and_one_line_on_the_command_line(db):
    run = subprocess.run(
        [sys.executable, "manage.py", "create_partner", "East Wind", "--name", "E", "--currency", "CHF"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 1
    assert len(run.stderr.strip().splitlines()) == 1


def test_a_lost_second_factor_is_lifted_and_the_lost_device_signed_out(web, person, log, monkeypatch):
    from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
    from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret

    admin, phone, password = person("admin"), web(None), "partner-portal-demo"
    phone.post("/accounts/login/", {"login": "admin@northwind.example", "password": password})
    TOTP.activate(admin, generate_totp_secret())
    RecoveryCodes.activate(admin)
    assert phone.get("/dashboard/team/").status_code == 200
    told = io.StringIO()
    call_command("lift_second_factor", "Admin@northwind.example", stdout=told)
    assert told.getvalue() == (
        "admin@northwind.example signs in with the password alone, and is signed out everywhere.\n"
    )
    assert log("second_factor.lifted") == [("second_factor.lifted", "admin@northwind.example")]
    assert phone.get("/dashboard/team/").status_code == 302
    again = web(None).post("/accounts/login/", {"login": "admin@northwind.example", "password": password})
    assert again["Location"] == "/"  # not to the page that asks for a code
    with pytest.raises(CommandError, match=r"admin@northwind\.example has no second factor\."):
        call_command("lift_second_factor", "admin@northwind.example")
    with pytest.raises(CommandError, match=r"Nobody has the address no@body\.example\."):
        call_command("lift_second_factor", "no@body.example")
