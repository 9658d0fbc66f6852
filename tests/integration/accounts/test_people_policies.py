"""What the database shows and lets be changed of people, whatever the code asks."""

from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.db import ProgrammingError, connection, transaction

from accounts.models import Membership, User
from accounts.scope import partner_scope, user_scope

NORTHWIND = {f"{name}@northwind.example" for name in ("admin", "manager", "finance", "member")}


def seen():
    return set(User.objects.values_list("email", flat=True))


@pytest.fixture
def factors(person):
    """A second factor and a session of everybody."""
    for name in ("admin", "member", "outsider"):
        Authenticator.objects.create(user=person(name), type="totp", data={})
        UserSession.objects.create(user=person(name), session_key=f"of {name}", ip="192.0.2.1", user_agent="x")


def test_inside_a_partner_only_its_people_are_seen(partner, other_partner, person, factors):
    member = person("member")
    with partner_scope(partner, member):
        assert seen() == NORTHWIND
        assert set(Authenticator.objects.values_list("user__email", flat=True)) == {
            "admin@northwind.example",
            "member@northwind.example",
        }
        assert list(EmailAddress.objects.values_list("email", flat=True)) == ["member@northwind.example"]
        assert list(UserSession.objects.values_list("session_key", flat=True)) == ["of member"]
    with partner_scope(other_partner):
        assert seen() == {"admin@southwind.example"}
    with user_scope(member):
        assert seen() == {"member@northwind.example"}


def test_who_left_is_still_named_where_they_worked(partner, person, other_partner):
    from accounts.audit import record
    from accounts.queries import audit_events, audit_people, audit_rows
    from accounts.scope import system_scope

    member = person("member")
    with partner_scope(partner, member):
        record(system_scope(partner), "contact.added")
        from accounts.models import AuditEvent

        AuditEvent.objects.create(partner=partner, user=member, action="contact.moved")
        Membership.objects.filter(user=member, partner=partner).delete()
    with partner_scope(partner):
        [row] = audit_rows(audit_events(system_scope(partner), action="contact.moved"))
        assert row.who == "Milo Anders"
        assert (member.pk, "Milo Anders") in audit_people(system_scope(partner))


def test_nobody_changes_other_people(partner, person, factors):
    admin, member = person("admin"), person("member")
    with partner_scope(partner, member):
        assert User.objects.filter(pk=admin.pk).update(password="x", email="x@x.example") == 0
        assert Authenticator.objects.filter(user=admin).delete()[0] == 0
        assert EmailAddress.objects.filter(user=admin).update(email="x@x.example") == 0
        assert UserSession.objects.filter(user=admin).delete()[0] == 0
        assert User.objects.filter(pk=member.pk).update(name="Milo") == 1
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            EmailAddress.objects.create(user=admin, email="x@x.example", verified=True)
    assert person("admin").check_password("partner-portal-demo")


@pytest.mark.parametrize("column", ["is_superuser", "is_staff"])
def test_the_portal_makes_nobody_an_operator(person, column):
    member = person("member")
    with pytest.raises(ProgrammingError, match="only the owner of the tables"), transaction.atomic():
        User.objects.filter(pk=member.pk).update(**{column: True})
    with pytest.raises(ProgrammingError, match="only the owner of the tables"), transaction.atomic():
        User.objects.create_user(f"{column}@portal.example", "x", **{column: True})
    with (
        connection.cursor() as cursor,
        pytest.raises(ProgrammingError, match="permission denied"),
        transaction.atomic(),
    ):
        cursor.execute("INSERT INTO accounts_user_user_permissions (user_id, permission_id) VALUES (1, 1)")
    member.name = "Milo"
    member.save()  # every column, none of them different


def test_inviting_finds_somebody_of_another_partner_and_nothing_more(confirmed, other_partner, partner, person):
    confirmed("outsider").post("/accounts/members/", {"email": "member@northwind.example", "role": "member"})
    with partner_scope(other_partner):
        assert seen() == {"admin@southwind.example", "member@northwind.example"}


def test_operators_still_see_each_other_in_the_history_of_rules(web, person):
    from django.contrib.admin.models import LogEntry
    from django.contrib.contenttypes.models import ContentType

    from program.models import Program

    program = Program.objects.get()
    LogEntry.objects.create(
        user=person("operator"), content_type=ContentType.objects.get_for_model(Program), object_id=str(program.pk),
        object_repr="x", action_flag=2, change_message="[]",
    )  # fmt: skip
    page = web("operator").get(f"/admin/program/program/{program.pk}/history/").content.decode()
    assert "operator@portal.example" in page


def test_an_operator_is_made_by_the_owner(committed):
    from django.core.management import call_command

    from partner_portal.postgres.role import OWNER_COMMANDS, as_owner

    assert "createsuperuser" in OWNER_COMMANDS
    connection.close()
    with as_owner():
        call_command("createsuperuser", email="second@portal.example", interactive=False, stdout=StringIO())
        connection.close()
    operator = User.objects.get(email="second@portal.example")
    assert operator.is_superuser
    assert EmailAddress.objects.get(user=operator).verified
