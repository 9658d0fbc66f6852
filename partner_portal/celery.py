"""The Celery application: which broker, which limits, and the schedule."""

import os

from celery import Celery
from celery.schedules import crontab
from kombu import Queue

from partner_portal import task_context, worker_metrics  # noqa: F401 -- they connect receivers
from partner_portal.broker import RequeueAbandoned, broker_settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "partner_portal.settings")

# What is due is decided by rows in the database; beat only starts the tasks that look for it.
BEAT_SCHEDULE = {
    "remind-of-renewals": {"task": "renewals.tasks.remind_of_renewals", "schedule": crontab(minute=15)},
    "catch-up-ledgers": {"task": "ledger.tasks.catch_up_ledgers", "schedule": crontab(minute=5)},
    "requeue-lost-exports": {"task": "reports.tasks.requeue_lost_exports", "schedule": crontab()},
    "requeue-lost-batches": {"task": "imports.tasks.requeue_lost_batches", "schedule": crontab()},
    "run-due-schedules": {"task": "reports.tasks.run_due_schedules", "schedule": crontab()},
    "transfer-ownership-of-leavers": {
        "task": "reports.tasks.transfer_ownership_of_leavers",
        "schedule": crontab(minute=45),
    },
    "remove-expired-files": {"task": "reports.tasks.remove_expired_files", "schedule": crontab(minute=35, hour=2)},
    "run-due-connections": {"task": "sources.tasks.run_due_connections", "schedule": crontab()},
    "delete-stray-files": {"task": "sources.tasks.delete_stray_files", "schedule": crontab(hour=3, minute=30)},
    "check-for-events": {"task": "notices.tasks.check_due_partners", "schedule": crontab(minute="*/5")},
    "send-due-notices": {"task": "notices.tasks.send_due", "schedule": crontab()},
    "remove-outdated-notices": {
        "task": "notices.tasks.remove_outdated_notices",
        "schedule": crontab(hour=3, minute=40),
    },
    "forget-import-files": {"task": "imports.tasks.forget_import_files", "schedule": crontab(hour=3, minute=20)},
}

# What somebody waits for goes to QUEUE, what the clock started to CLOCK_QUEUE. A worker that reads both takes from the first
# in alphabetical order while there is anything (`queue_order_strategy`), so nobody waits behind the clock.
QUEUE = "celery"
CLOCK_QUEUE = "clock"
CLOCK_TASKS = {entry["task"] for entry in BEAT_SCHEDULE.values()} | {
    "dashboard.tasks.prepare_figures",
    "ledger.tasks.catch_up_ledger",
    "notices.tasks.check_partner",
    "notices.tasks.mail_notices",
    "notices.tasks.send_digest",
    "notices.tasks.send_to_channel",
    "renewals.tasks.remind_partner",
    "reports.tasks.run_schedule",
    "sources.tasks.sync_due",
}

SOFT_LIMIT = 25 * 60  # seconds: the task gets an exception
HARD_LIMIT = 30 * 60  # seconds: its process is ended


def configuration() -> dict[str, object]:
    """Celery's settings; read from Django's when the application is first used, not when this module is imported."""
    from django.conf import settings

    return {
        **broker_settings(settings.REDIS_URL),
        "accept_content": ["json"],
        "task_serializer": "json",
        "task_default_queue": QUEUE,
        "task_queues": [Queue(QUEUE), Queue(CLOCK_QUEUE)],
        "task_routes": {name: {"queue": CLOCK_QUEUE} for name in CLOCK_TASKS},
        "task_ignore_result": True,  # what a task did is in its row
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "worker_prefetch_multiplier": 1,
        "task_soft_time_limit": SOFT_LIMIT,
        "task_time_limit": HARD_LIMIT,
        "worker_max_tasks_per_child": 200,
        "worker_send_task_events": False,
        "worker_hijack_root_logger": False,
        "worker_cancel_long_running_tasks_on_connection_loss": True,
        "broker_connection_retry_on_startup": True,
        "timezone": "UTC",
        "enable_utc": True,
        "beat_schedule": BEAT_SCHEDULE,
        "beat_max_loop_interval": 60,  # seconds; it also writes its file then, which tells that it is alive
        "beat_schedule_filename": str(settings.PORTAL_VAR / "beat-schedule"),
    }


app = Celery("partner_portal")
app.add_defaults(configuration)
app.autodiscover_tasks()
app.steps["worker"].add(RequeueAbandoned)
