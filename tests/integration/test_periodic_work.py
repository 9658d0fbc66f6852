"""What the clock starts costs what is due: one query over all partners, which shows nothing else of them."""

from datetime import timedelta

import pytest
from django.db import ProgrammingError, connection, transaction
from django.utils import timezone

from accounts.models import Partner
from accounts.scope import partner_scope, partners_with
from clients.models import Deal
from imports.models import BatchStatus, ImportBatch
from imports.tasks import forget_import_files, process_batch, requeue_lost_batches
from ledger.models import Posting
from ledger.queries import due_by_clock
from ledger.tasks import catch_up_ledger, catch_up_ledgers
from notices.tasks import remove_outdated_notices, send_due
from partner_portal.celery import BEAT_SCHEDULE, CLOCK_QUEUE, QUEUE, configuration
from partner_portal.lib.dates.clock import moved_to
from partner_portal.postgres.guards import clock_models
from renewals.tasks import remind_of_renewals, remind_partner
from reports.tasks import (
    remove_expired_files,
    requeue_lost_exports,
    run_due_schedules,
    run_export,
    transfer_ownership_of_leavers,
)
from sources.tasks import delete_stray_files, run_due_connections, sync

TICKS = (
    catch_up_ledgers,
    remind_of_renewals,
    requeue_lost_batches,
    forget_import_files,
    requeue_lost_exports,
    run_due_schedules,
    transfer_ownership_of_leavers,
    remove_expired_files,
    run_due_connections,
    delete_stray_files,
    remove_outdated_notices,
    send_due,
)
READ_BY_CLOCK = {
    "Membership", "Posting", "Renewal", "RenewalReminder", "RemindedRenewal", "SavedReport", "Schedule", "ScheduleRun",
    "Export", "ImportBatch", "ImportFile", "Connection", "Run", "KindPreview", "VendorCall",
    "Notice", "NotifiedEvent", "EventCheck", "NoticeSettings", "DigestRun", "ChannelMessage",
}  # fmt: skip


@pytest.fixture
def enqueued(monkeypatch):
    """The arguments of every task that a tick enqueues."""
    sent = []
    for task in (catch_up_ledger, remind_partner, process_batch, run_export, sync):
        monkeypatch.setattr(task, "delay", lambda *arguments, task=task: sent.append((task.name, *arguments)))
    return sent


@pytest.fixture
def fleet(db):
    """A hundred partners besides those of the demo, who imported nothing for a week."""
    for partner in Partner.objects.all():
        with partner_scope(partner):
            ImportBatch.objects.update(created_at=timezone.now() - timedelta(days=8))
    return Partner.objects.bulk_create(Partner(slug=f"fleet-{n}", name=f"Fleet {n}") for n in range(100))


@pytest.mark.parametrize("tick", TICKS, ids=lambda task: task.name.rpartition(".")[2])
def test_a_tick_with_nothing_due_takes_as_many_queries_for_a_hundred_partners(
    fleet, enqueued, tick, django_assert_max_num_queries
):
    with django_assert_max_num_queries(8):
        assert not tick()
    assert enqueued == []


def test_stray_files_are_looked_for_where_there_are_files(fleet, django_assert_max_num_queries):
    for each in fleet:
        with partner_scope(each):
            ImportBatch.objects.create(partner=each)
    with django_assert_max_num_queries(8):
        assert delete_stray_files() == 0


def test_only_ledgers_with_something_due_are_enqueued(fleet, partner, enqueued):
    with partner_scope(partner):
        posted = Posting.objects.get(partner=partner)
        dated = [
            *partner_dates("SELECT min(expires_on) FROM ledger_lot WHERE remaining <> 0 AND expires_on > %s", posted),
            *partner_dates(
                "SELECT min(closed_on) FROM clients_deal"
                " WHERE stage = 'won' AND withdrawal_id IS NULL AND closed_on > %s",
                posted,
            ),
            *partner_dates("SELECT min(started_on) FROM clients_service WHERE started_on > %s", posted),
            *partner_dates("SELECT min(ended_on) FROM clients_service WHERE ended_on > %s", posted),
            *partner_dates("SELECT min(cancelled_on) FROM clients_cancellation WHERE cancelled_on > %s", posted),
        ]
    assert posted.next_due_on == min(dated)
    with moved_to(posted.next_due_on - timedelta(days=1)):
        assert partner not in partners_with(due_by_clock())
    with moved_to(posted.next_due_on):
        catch_up_ledgers()
    assert ("ledger.tasks.catch_up_ledger", partner.pk) in enqueued


def partner_dates(query, posted):
    with connection.cursor() as cursor:
        cursor.execute(query, [posted.posted_through])
        return [day for (day,) in cursor.fetchall() if day]


def test_a_batch_whose_worker_is_gone_is_enqueued_within_a_minute(db, partner, other_partner, enqueued):
    now = timezone.now()
    states = {
        "taken, and its worker is gone": {"queued_at": now, "started_at": now},
        "its message was lost": {"queued_at": now - timedelta(minutes=6)},
        "waits for a worker": {"queued_at": now - timedelta(minutes=4)},
    }
    batches = {}
    with partner_scope(partner):
        for name, fields in states.items():
            batches[name] = ImportBatch.objects.create(partner=partner, status=BatchStatus.COMMITTING, **fields).pk
        ImportBatch.objects.create(partner=partner, status=BatchStatus.CHECKED, queued_at=now, started_at=now)
    assert requeue_lost_batches() == 2
    assert sorted(batch for _, owner, batch in enqueued if owner == partner.pk) == sorted(
        [batches["taken, and its worker is gone"], batches["its message was lost"]]
    )
    assert requeue_lost_batches() == 0  # they wait again


def test_the_clock_reads_a_few_tables_of_all_partners_and_writes_none(db, partner, other_partner):
    assert {model.__name__ for model in clock_models()} == READ_BY_CLOCK
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('portal.clock', 'yes', true)")
        assert Posting.objects.count() == 2
        assert not Deal.objects.exists()
        assert Posting.objects.update(revision=0) == 0
        assert Posting.objects.all().delete()[0] == 0
        with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
            Posting.objects.create(
                partner=Partner.objects.create(slug="new", name="New"), posted_through="2026-01-01", revision=1
            )
    assert partners_with(Posting.objects.all()) == [partner, other_partner]
    assert not Posting.objects.exists()  # outside, as before


def test_nobody_waits_behind_the_clock():
    routes = configuration()["task_routes"]
    assert {entry["task"] for entry in BEAT_SCHEDULE.values()} <= routes.keys()
    assert {route["queue"] for route in routes.values()} == {CLOCK_QUEUE}
    assert not {"imports.tasks.process_batch", "reports.tasks.run_export"} & routes.keys()
    assert configuration()["broker_transport_options"]["queue_order_strategy"] == "sorted"
    assert QUEUE < CLOCK_QUEUE  # which the strategy goes by
