"""Rows of every kind for Northwind, and people of every role in both partners: what the sweeps of this folder ask with."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from psycopg import sql

MARK = "Quagmire7731"  # stands in every row made here and nowhere else
CLIENT, STATEMENT = "Wexford9917/c..", "Wexford9917/s/print"  # an id comes back in the answer to whoever asks with it
ROLES = ("admin", "manager", "finance", "member")
CALLERS = (
    *(f"northwind-{role}" for role in ROLES),
    *(f"southwind-{role}" for role in ROLES),
    "nobody",
    "operator",
    "stranger",
)


def dealt(first: Sequence[str], second: Sequence[Any]) -> list[Any]:
    """All pairs, of which `make test` takes one for each of the first, with the second in turn; the sweep takes the others."""
    return [
        pytest.param(one, other, marks=() if number % len(second) == place else pytest.mark.sweep)
        for number, one in enumerate(first)
        for place, other in enumerate(second)
    ]


@pytest.fixture
def northwind_rows(scope_of: Callable[[str], Any]) -> Iterator[dict[str, dict[str, Any]]]:
    """By the name of a route, the arguments that lead to a row of Northwind's admin. A new kind of row joins here."""
    from accounts.models import Membership, TeamContact, User
    from accounts.scope import set_tenant
    from api.models import ApiToken
    from api.services import make_token
    from clients.models import (
        Cancellation,
        Certification,
        Client,
        Deal,
        LineMerge,
        MrrMonth,
        ProductLine,
        Service,
        Withdrawal,
    )  # fmt: skip
    from commissions.models import LineQuestion, StatementLine
    from dashboard.models import ReviewPack
    from imports.models import ImportBatch, ImportChange, ImportFile, ImportProblem, ImportTable, RememberedMapping
    from notices.models import Channel, ChannelMessage, DigestRun, EventCheck, Notice, NoticeSettings, NotifiedEvent
    from notices.queries import STOP_DIGEST, stop_token
    from renewals.models import RemindedRenewal, Renewal, RenewalReminder
    from renewals.queries import reminder_token
    from renewals.services import new_calendar, remind_me
    from reports.models import Export, ListMember, Recipient, SavedList, SavedReport, Schedule, ScheduleRun
    from reports.queries.schedules import recipient_token
    from sources.models import ConnectedRow, Connection, KindPreview, Proposal, Run, VendorCall
    from tiers.models import Invitation, TierPlan

    scope = scope_of("admin")
    partner, user = scope.partner, scope.user
    own = {"partner": partner}
    day, moment = date(2026, 11, 1), datetime(2026, 11, 1, tzinfo=UTC)
    client = Client.objects.create(**own, client_id=CLIENT, name=f"{MARK} client", country="US", currency="USD")
    of_client = own | {"client": client, "currency": "USD"}
    deal = Deal.objects.create(
        **of_client, deal_id=f"{MARK}-D", name=f"{MARK} deal", product_line=MARK, kind="new", origin="none", stage="open",
        mrr=1, created_on=day, registered=True,
    )  # fmt: skip
    Service.objects.create(**of_client, started_on=day, mrr=1, managing_partners=2)
    Cancellation.objects.create(**own, client=client, product_line=MARK, cancelled_on=day, reason=MARK)
    MrrMonth.objects.create(**of_client, month=day, mrr=1)
    Certification.objects.create(**own, person=f"{MARK} person", certification=MARK, earned_on=day)
    withdrawal = Withdrawal.objects.create(**own, withdrawn_by=user, reason=MARK)
    line, other = (ProductLine.objects.create(**own, key=f"{MARK} {n}", name=f"{MARK} {n}") for n in (1, 2))
    gone_line = ProductLine.objects.create(**own, key=f"{MARK} 3", name=f"{MARK} 3", merged_into=line)
    merge = LineMerge.objects.create(**own, source=gone_line, target=line, merged_by=user)
    gone = Certification.objects.create(
        **own, person=f"{MARK} gone", certification=MARK, earned_on=day, withdrawal=withdrawal
    )
    renewal = Renewal.objects.create(
        **of_client, product_line=MARK, renews_on=date(2027, 1, 1), current_mrr=1, renewal_mrr=1, status="pending"
    )
    line = StatementLine.objects.create(
        **of_client, statement_id=STATEMENT, period="2026-Q3", line_no=7, invoice_month=date(2026, 7, 1), net_revenue=1000,
        fx_rate=1, rate=Decimal("0.2"), commission=199, payout_currency=partner.payout_currency, status="issued",
        pay_on=date(2026, 11, 14), product_line=MARK,
    )  # fmt: skip
    LineQuestion.objects.create(**own, line=line, text=MARK, asked_by=user)
    contact = TeamContact.objects.create(
        **own, name=f"{MARK} contact", role=MARK, email="contact@mark.example", position=9
    )
    colleague = User.objects.create_user("colleague@mark.example", "not used here", name=f"{MARK} colleague")
    membership = Membership.objects.create(user=colleague, **own, role="member")
    make_token(scope=scope, name=f"{MARK} token", role="member", days=30)
    remind_me(scope=scope, days_before=7)
    RemindedRenewal.objects.create(**own, reminder=RenewalReminder.objects.get(user=user), renewal=renewal)
    kept = SavedList.objects.create(**own, name=f"{MARK} list", owner=user)
    ListMember.objects.create(**own, saved_list=kept, client=client, added_by=user)
    report = SavedReport.objects.create(
        **own,
        owner=user,
        name=f"{MARK} report",
        dataset="expiring",
        params={},
        columns=["client", "points"],
        shared=True,
    )
    schedule = Schedule.objects.create(**own, owner=user, report=report, frequency="daily", at="08:00", zone="UTC")
    recipient = Recipient.objects.create(**own, schedule=schedule, email="outside@mark.example", key=uuid.uuid4())
    export = Export.objects.create(
        **own, owner=user, name=f"{MARK} export", title=MARK, dataset="expiring", params={}, columns=["client"], format="csv",
        request_key=MARK, state="ready", rows=1, size=30, file=ContentFile(f"client\n{MARK}\n".encode(), "mark.csv"),
        finished_at=moment, expires_at=datetime(2027, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    ScheduleRun.objects.create(**own, schedule=schedule, slot=moment, state="sent", export=export)
    missing = {"kind": "deals", "rows": 1, "stored": 1, "pks": [deal.pk], "guarded": False}
    effects = {"withdrawals": [], "points": {}, "undone": {}, "left": 0, "left_rows": [], "missing": [missing]}
    batch = ImportBatch.objects.create(**own, user=user, status="checked", note=MARK, effects=effects)
    upload = ImportFile.objects.create(**own, batch=batch, name=f"{MARK}.csv", size=1, sha256="0" * 64)
    upload.file.save("mark.csv", ContentFile(b"client_id,name\n"))
    table = ImportTable.objects.create(**own, batch=batch, file=upload, kind="clients")
    ImportProblem.objects.create(**own, batch=batch, table=table, row=2, column="name", value=MARK, message=MARK)
    ImportChange.objects.create(**own, batch=batch, kind="deals", fact_id=deal.pk, action="added")
    mapping = RememberedMapping.objects.create(
        **own, kind="clients", fingerprint="0" * 64, name=MARK, data={}, user=user
    )
    pack = ReviewPack.objects.create(
        **own, title=f"{MARK} pack", on=day, with_money=True, language="en", body=f"<h1>{MARK}</h1>", created_by=user
    )
    live = Connection.objects.create(
        **own, vendor="folder", label=f"{MARK} folder", place=MARK, state="active", account={"id": MARK, "name": MARK}
    )
    Run.objects.create(**own, connection=live, full=True, state="nothing new", started_at=moment)
    ConnectedRow.objects.create(**own, connection=live, kind="deals", vendor_id=MARK, name=MARK)
    history = Connection.objects.create(
        **own, vendor="hubspot", label=f"{MARK} history", state="paused", account={"id": MARK},
        answers={"more": {"services": "2026-11-23"}},
    )  # fmt: skip
    proposal = Proposal.objects.create(
        **own, connection=history, kind="services", key=MARK, client_id=CLIENT, row={"MRR": MARK}
    )
    preview = {**own, "connection": history, "kind": "services", "asked_at": moment}
    KindPreview.objects.create(**preview, result={"why": MARK})
    effect = {"points": {"before": "0", "after": "0"}, "left_out": 0, "problems": []}
    KindPreview.objects.create(**preview, proposals=[proposal.pk], made_at=moment, result=effect)
    call = VendorCall.objects.create(
        **own, kind="send", vendor="hubspot", by=user, arguments={"list": kept.pk, "name": MARK}, asked_at=moment
    )
    plan = TierPlan.objects.create(**own, owner=user, name=f"{MARK} plan", shared=True, assumptions={})
    Invitation.objects.get_or_create(**own, tier="Elite", on=day)
    notice = Notice.objects.create(
        **own, user=user, kind="file_ready", key=MARK,
        values={"count": 1, "rows": [{"export": export.pk, "name": f"{MARK}.csv", "rows": 1}]},
    )  # fmt: skip
    NotifiedEvent.objects.create(**own, kind="file_ready", key=MARK)
    EventCheck.objects.create(**own)
    NoticeSettings.objects.create(**own, user=user)
    DigestRun.objects.create(**own, user=user, slot=moment)
    channel = Channel.objects.create(**own, kind="slack", label=f"{MARK} channel", host="mark.example", address=MARK)
    ChannelMessage.objects.create(**own, channel=channel, kind="tier_lost", key=MARK)
    feed = new_calendar(scope=scope)
    token = ApiToken.objects.get(name=f"{MARK} token")
    arguments: dict[str, dict[str, Any]] = {
        **_with("client_id", CLIENT, "client", "tier_client", "renewal_client", "commission_client", "client_facts"),
        "client_facts_of_kind": {"client_id": CLIENT, "kind": "deals"},
        "product_line_facts": {"pk": other.pk, "kind": "deals"},
        "fact_withdraw": {"kind": "deals", "pk": deal.pk},
        "fact_restore": {"kind": "certifications", "pk": gone.pk},
        **_of(other, "product_line_merge"),
        **_of(merge, "product_line_undo"),
        **_with("statement_id", STATEMENT, "commission_statement", "commission_statement_print"),
        "commission_question": {"statement_id": STATEMENT, "line_no": 7},
        **_of(membership, "accounts_member_role", "accounts_member_invite", "accounts_member_remove"),
        **_of(token, "api_token_revoke"),
        **_of(contact, "settings_contact", "settings_contact_remove", "settings_contact_move"),
        **_with(
            "batch_id", batch.pk,
            "imports_batch", "imports_kinds", "imports_commit", "imports_discard", "imports_retry", "imports_errors",
            "imports_complete", "imports_check", "imports_undo", "imports_changes", "imports_changes_file",
        ),
        "imports_missing": {"batch_id": batch.pk, "key": "deals"},
        "imports_row": {"kind": "deals", "pk": deal.pk},
        "imports_mapping": {"batch_id": batch.pk, "table_id": table.pk},
        "imports_forget_mapping": {"mapping_id": mapping.pk},
        **_of(
            live, "connection", "connection_questions", "connection_token", "connection_clients", "connection_sync",
            "connection_pause", "connection_resume", "connection_gone", "connection_disconnect",
        ),
        "connection_kind": {"pk": history.pk, "kind": "services"},
        **{name: {"pk": history.pk, "kind": "services"} for name in ("connection_proposals", "connection_effect")},
        **_of(call, "vendor_call"),
        **_of(export, "export", "export_file", "export_cancel", "export_again"),
        **_of(kept, "list", "list_rename", "list_copy", "list_delete", "list_restore", "list_remove", "list_send"),
        **_of(
            report, "report", "report_opened", "report_edit", "report_copy", "report_delete", "report_restore", "report_pin",
            "schedule_of_report",
        ),
        **_of(schedule, "schedule", "schedule_edit", "schedule_state"),
        **_with("token", recipient_token(recipient), "schedule_leave", "schedule_confirm"),
        **_of(plan, "tier_plan", "tier_plan_delete"),
        **_of(pack, "dashboard_saved_pack"),
        **_of(notice, "notice"),
        **_of(channel, "notices_channel", "notices_channel_action"),
        "notices_stop": {"token": stop_token(scope, user, STOP_DIGEST)},
        "renewal_calendar": {"partner": "northwind", "token": feed},
        "renewal_reminder_stop": {"token": reminder_token(RenewalReminder.objects.get(user=user))},
    }  # fmt: skip
    set_tenant(None)
    yield arguments
    export.file.delete(save=False)
    upload.file.delete(save=False)


def _of(row: Any, *routes: str) -> dict[str, dict[str, Any]]:
    return _with("pk", row.pk, *routes)


def _with(name: str, value: Any, *routes: str) -> dict[str, dict[str, Any]]:
    return {route: {name: value} for route in routes}


@pytest.fixture
def caller(db: None, web: Any, person: Any) -> Callable[[str], Any]:
    """A browser of one of `CALLERS`."""
    from django.conf import settings
    from django.test import Client

    from accounts.models import Membership, Partner, User
    from accounts.scope import partner_scope

    def sign_in(name: str) -> Any:
        organisation, _dash, role = name.partition("-")
        client = Client()
        if name == "stranger":
            return client
        if organisation == "northwind":
            user = person(role)
        elif name == "southwind-admin":
            user = person("outsider")
        elif name in {"nobody", "operator"}:
            user = person(name)
        else:
            user = User.objects.create_user(f"{role}@southwind.example", "not used here")
            partner = Partner.objects.get(slug="southwind")
            with partner_scope(partner):
                Membership.objects.create(user=user, partner=partner, role=role)
        client.force_login(user, backend=settings.AUTHENTICATION_BACKENDS[0])
        return client

    return sign_in


@pytest.fixture
def northwind_digest(partner: Any) -> Callable[[], dict[str, str]]:
    """All rows of Northwind by table, as digests: what a refused request must leave alone."""
    from accounts.scope import partner_scope

    def digest() -> dict[str, str]:
        found = {}
        with partner_scope(partner), connection.cursor() as cursor:
            for table in guarded_tables():
                rows = sql.SQL("SELECT md5(string_agg(t::text, chr(10) ORDER BY t::text)) FROM {} t")
                cursor.execute(rows.format(sql.Identifier(table)))
                found[table] = cursor.fetchone()[0]
        return found

    return digest


def guarded_tables() -> list[str]:
    """The tables of a partner's rows."""
    from django.apps import apps

    return sorted(
        model._meta.db_table
        for model in apps.get_models()
        if any(field.name == "partner" for field in model._meta.concrete_fields)
    )
