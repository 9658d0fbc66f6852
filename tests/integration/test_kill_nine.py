"""Everything that runs is killed with kill -9 while files are imported, ledgers posted, files made and reports sent, and ten
people browse: nothing is lost or doubled, and the worst that anybody sees is a page that asks to try again.

Each job is held in the middle by a lock on a table that it writes and that pages only read, so that every kill hits it there.
"""

import http.client
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from functools import partial
from pathlib import Path
from threading import Event, Thread
from urllib.parse import urlencode

import psycopg
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, InterfaceError, connections
from django.test import Client as WebClient
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from bench.standby import Standby, allow_standbys
from imports.tasks import process_batch, requeue_lost_batches
from ledger.tasks import catch_up_ledger
from partner_portal.celery import app as celery_app
from partner_portal.local import postgres
from reports.tasks import requeue_lost_exports, run_due_schedules, run_export
from tests.integration.reports.processes import Broker, copy_database, free_port

pytestmark = [pytest.mark.slow, pytest.mark.sweep, pytest.mark.xdist_group("workers")]

ROOT = Path(__file__).resolve().parents[2]
JOBS = ("import", "posting", "export", "schedule")
VICTIMS = ("primary", "replica", "queue", "worker", "web")
PEOPLE = 10
NEW_CLIENTS = 12  # of every import
PAGES = ("/dashboard/", "/tiers/", "/clients/", "/renewals/", "/commissions/", "/reports/", "/calculator/", "/notices/")
# What holds each job: written in the middle of it, and only read by pages.
HELD = {
    "import": "ledger_dailypoints",
    "posting": "ledger_posting",
    "export": "notices_notice",
    "schedule": "accounts_auditevent",
}
SECONDS = 120


class Portal:
    """All processes of an installation: primary, standby, queue, web and worker; whatever is killed is started again."""

    def __init__(self, folder, template):
        self.folder, self.var = folder, folder / "var"
        allow_standbys(self.var)
        at = postgres.ensure_running(self.var)
        copy_database(template, at)
        self.database = f"postgresql://{at.user}@:{at.port}/{at.database}?host={at.host}"
        self.standby = Standby(self.var, folder / "standby")
        self.standby.make()
        (folder / "queue").mkdir()
        self.broker = Broker(folder / "queue")
        self.port = free_port()
        self.environment = os.environ | {
            "DATABASE_URL": self.database,
            "DATABASE_REPLICA_URL": self.standby.url,
            "REDIS_URL": self.broker.url,
            "PORTAL_VAR": str(self.var),
            "DJANGO_SETTINGS_MODULE": "tests.browser.live_settings",
            "SECRET_KEY": settings.SECRET_KEY,
            "WEB_CONCURRENCY": "2",
            "LOG_LEVEL": "WARNING",
        }
        self.start_web()
        self.start_worker()

    def start_web(self):
        self.web = self._start("web", "gunicorn", "--bind", f"127.0.0.1:{self.port}", "partner_portal.wsgi")

    def start_worker(self):
        self.worker = self._start("worker", "celery", "-A", "partner_portal", "worker", "-c", "1", "-l", "WARNING")

    def _start(self, name, *command):
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-m", *command],
                cwd=ROOT, env=self.environment, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def kill(self, victim):
        if victim == "primary":
            server = postgres.process_of(self.var / "postgres")
            server.kill()
            server.wait(10)
        elif victim == "replica":
            self.standby.kill()
        elif victim == "queue":
            self.broker.kill()
        else:
            process = getattr(self, victim)
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)

    def start_again(self, victim):
        if victim == "primary":
            postgres.ensure_running(self.var)
        elif victim == "replica":
            self.standby.start()
        elif victim == "queue":
            self.broker.start()
        elif victim == "worker":
            self.start_worker()
        else:
            self.start_web()

    def superuser(self):
        at = postgres.ensure_running(self.var)
        return psycopg.connect(host=at.host, user=at.superuser, dbname=at.database, autocommit=True)

    def send(self, task, *arguments):
        with celery_app.connection_for_write(self.broker.url) as broker:
            task.apply_async(arguments, connection=broker)

    def tick(self):
        """What beat does every minute; and the minutes go by that a run waits before its next try, or before it counts as lost."""
        with self.superuser() as database:
            database.execute(
                "UPDATE reports_schedulerun SET not_before = now() - interval '6 minutes' WHERE state IN ('retrying', 'due')"
            )
        for task in (requeue_lost_batches, requeue_lost_exports, run_due_schedules):
            self.send(task)

    def answers(self):
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as web:
            web.request("GET", "/health/live")
            return web.getresponse().status == 200

    def stop(self):
        for process in (self.web, self.worker):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(10)
        self.broker.stop()
        self.standby.stop()
        postgres.release(self.var)


class Person(Thread):
    """Somebody who opens pages, and now and then changes their name and looks whether it is there."""

    def __init__(self, portal, session, number):
        super().__init__(daemon=True)
        self.portal, self.session, self.draw = portal, session, random.Random(number)  # noqa: S311 -- draws pages
        self.over, self.seen, self.faults = Event(), Counter(), []
        self.writes = number < 2

    def run(self):
        while not self.over.wait(0.3):
            if self.writes and self.draw.random() < 0.2:
                self._write()
            else:
                self._ask("GET", self.draw.choice(PAGES))

    def _write(self):
        page = self._ask("GET", "/accounts/profile/")
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', page or "")
        if not token:
            return
        name = f"Person {self.draw.random()}"
        form = {"csrfmiddlewaretoken": token[1], "name": name, "language": "en", "theme": "", "density": ""}
        if self._ask("POST", "/accounts/profile/", urlencode(form)) is None:
            return  # whether it was saved is not known
        page = self._ask("GET", "/accounts/profile/")
        if page is not None and name not in page:
            self.faults.append("a write of one's own is not seen")

    def _ask(self, method, path, body=None):
        """The page; None where it was none."""
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.portal.port, timeout=90)) as web:
                cookie = f"{settings.SESSION_COOKIE_NAME}={self.session}; csrftoken={'c' * 32}"
                headers = {"Host": "localhost", "Cookie": cookie}
                if body:
                    headers["Content-Type"] = "application/x-www-form-urlencoded"
                web.request(method, path, body, headers)
                answer = web.getresponse()
                text = answer.read().decode()
        except (OSError, http.client.HTTPException):
            self.seen["no answer"] += 1  # the server itself was killed; a proxy says so
            return None
        self.seen[answer.status] += 1
        if answer.status == 503:
            if not (answer.getheader("Retry-After") and "One moment, please" in text):
                self.faults.append(f"{path}: 503 without a word")
            return None
        if answer.status not in (200, 302) or (answer.status == 200 and "</html>" not in text):
            self.faults.append(f"{method} {path}: {answer.status} {text[:200]}")
            return None
        return text


@pytest.fixture(scope="module")
def portal(template_database, django_db_blocker):
    folder = Path(tempfile.mkdtemp(prefix="portal-kills-"))
    folder.chmod(0o711)
    portal = Portal(folder, template_database)
    database = connections["default"]
    with pytest.MonkeyPatch.context() as patched, django_db_blocker.unblock():
        database.close()
        patched.setattr(settings, "PORTAL_EMBEDDED_DATABASE", False)
        patched.setattr(settings, "PORTAL_VAR", portal.var)
        storages = settings.STORAGES | {
            "default": {
                "BACKEND": "django.core.files.storage.FileSystemStorage",
                "OPTIONS": {"location": portal.var / "files"},
            }
        }
        at = postgres.ensure_running(portal.var)
        for key, value in {"HOST": at.host, "USER": at.user, "NAME": at.database}.items():
            patched.setitem(database.settings_dict, key, value)
        with pytest.MonkeyPatch.context() as stored:
            stored.setattr(settings, "STORAGES", storages)
            from django.core.signals import setting_changed

            setting_changed.send(sender=type(settings), setting="STORAGES", value=storages, enter=True)
            try:
                yield portal
            finally:
                portal.stop()
                database.close()
        setting_changed.send(sender=type(settings), setting="STORAGES", value=settings.STORAGES, enter=True)
    shutil.rmtree(folder, ignore_errors=True)


def again(do):
    """Do it as soon as what it needs is back."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            return do()
        except (DatabaseError, InterfaceError, psycopg.Error, BrokerError, RedisError, OSError):
            assert time.monotonic() < deadline
            connections["default"].close()
            time.sleep(0.3)


def until(condition, portal, *, ticking=False):
    deadline, ticked = time.monotonic() + SECONDS, time.monotonic()
    while not again(condition):
        assert time.monotonic() < deadline, (portal.folder / "worker.log").read_text()[-3000:]
        if ticking and time.monotonic() > ticked + 3:
            again(portal.tick)
            ticked = time.monotonic()
        time.sleep(0.1)


@contextmanager
def held(portal, table):
    """Nobody writes to the table until the block ends, or until the primary does."""
    with suppress(psycopg.OperationalError), portal.superuser() as database:
        database.autocommit = False
        database.execute(f"LOCK TABLE {table} IN EXCLUSIVE MODE")
        yield


def is_waiting(portal, table):
    with portal.superuser() as database:
        waiting = (
            "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
            " WHERE NOT l.granted AND l.relation = %s::regclass AND a.pid <> pg_backend_pid()"
        )
        return database.execute(waiting, [table]).fetchone()[0] > 0


def scope_now():
    from accounts.models import Partner, User
    from accounts.scope import member_scope, memberships_of, user_scope

    partner = Partner.objects.get(slug="northwind")
    user = User.objects.get(email="admin@northwind.example")
    with user_scope(user):
        membership = next(each for each in memberships_of(user) if each.partner_id == partner.pk)
    membership.user = user
    return member_scope(membership)


class Import:
    """A file of new clients with a deal each."""

    def __init__(self, portal, name):
        from accounts.scope import partner_scope
        from imports import services

        self.portal, self.name, scope = portal, name, scope_now()
        ids = [f"{name}-{number}" for number in range(NEW_CLIENTS)]
        clients = "client_id,name,country,currency\n" + "".join(f"{each},{each},NL,EUR\n" for each in ids)
        deals = "deal_id,client_id,name,product_line,kind,origin,stage,mrr,currency,created_on,closed_on,registered\n"
        deals += "".join(
            f"D{each},{each},x,Sales Hub,new,sourced,won,880.00,EUR,2026-01-05,2026-02-01,yes\n" for each in ids
        )
        files = [
            SimpleUploadedFile("clients.csv", clients.encode()), SimpleUploadedFile("deals.csv", deals.encode()),
        ]  # fmt: skip
        with partner_scope(scope.partner, scope.user):
            self.batch = services.upload(scope=scope, files=files).pk
            services.process_now(scope=scope, batch_id=self.batch)
            services.request_commit(scope=scope, batch_id=self.batch, skip_bad_rows=False)

    def start(self):
        self.portal.send(process_batch, scope_now().partner_id, self.batch)

    def is_done(self):
        from accounts.scope import partner_scope
        from imports.models import ImportBatch

        with partner_scope(scope_now().partner):
            state = ImportBatch.objects.get(pk=self.batch).status
        assert state != "failed"
        return state == "committed"

    def check(self):
        from accounts.scope import partner_scope
        from clients.models import Deal
        from imports.models import ImportChange
        from ledger.models import PointEntry
        from notices.models import Notice

        with partner_scope(scope_now().partner):
            assert Deal.objects.filter(deal_id__startswith=f"D{self.name}-").count() == NEW_CLIENTS
            assert ImportChange.objects.filter(batch=self.batch).count() == 2 * NEW_CLIENTS
            entries = PointEntry.objects.filter(deal__deal_id__startswith=f"D{self.name}-", cause="earned")
            assert entries.count() == NEW_CLIENTS
            assert len(set(entries.values_list("deal_id", flat=True))) == NEW_CLIENTS
            assert Notice.objects.filter(key=str(self.batch), kind="import_failed").count() == 0


class Reposting:
    """The rules were saved anew: every ledger is posted again, with the same outcome."""

    def __init__(self, portal, name):
        self.portal = portal
        with portal.superuser() as database:
            self.entries = database.execute("SELECT count(*), sum(points) FROM ledger_pointentry").fetchone()
            self.revision = database.execute("SELECT max(revision) + 1 FROM program_program").fetchone()[0]

    def start(self):
        with self.portal.superuser() as database:
            database.execute("UPDATE program_program SET revision = %s", [self.revision])
        self.portal.send(catch_up_ledger, scope_now().partner_id)

    def is_done(self):
        with self.portal.superuser() as database:
            row = database.execute(
                "SELECT revision FROM ledger_posting WHERE partner_id = %s", [scope_now().partner_id]
            ).fetchone()
        return row == (self.revision,)

    def check(self):
        with self.portal.superuser() as database:
            assert database.execute("SELECT count(*), sum(points) FROM ledger_pointentry").fetchone() == self.entries


class File:
    """A file that somebody asked for."""

    def __init__(self, portal, name):
        from accounts.scope import partner_scope
        from partner_portal.lib.rows.datasets import select
        from reports.services import exports

        self.portal, scope = portal, scope_now()
        with partner_scope(scope.partner, scope.user):
            chosen = select("changes-lost-sold", scope, {"changes_range": "last-12-months"})
            self.rows = chosen.count
            wanted = exports.ExportRequest(name=name, format="csv", dialect="point")
            self.export = exports.request_export(scope=scope, selection=chosen, export_request=wanted).pk

    def start(self):
        self.portal.send(run_export, scope_now().partner_id, self.export)

    def is_done(self):
        return self._export().state == "ready"

    def _export(self):
        from accounts.scope import partner_scope
        from reports.models import Export

        with partner_scope(scope_now().partner):
            export = Export.objects.get(pk=self.export)
        assert export.state != "failed", export.reason
        return export

    def check(self):
        from accounts.scope import partner_scope
        from notices.models import Notice

        export = self._export()
        with export.file.open("rb") as file:
            assert file.read().count(b"\r\n") == self.rows + 1
        with partner_scope(scope_now().partner):
            assert Notice.objects.filter(kind="file_ready", key=str(self.export)).count() == 1


class Report:
    """A report that a schedule sends to one person."""

    def __init__(self, portal, name):
        from accounts.scope import partner_scope
        from partner_portal.lib.rows.datasets import select
        from reports.models import Schedule
        from reports.services import saved, schedules

        self.portal, self.name, scope = portal, name, scope_now()
        values = {"frequency": "daily", "day": 0, "at": clock_time(0, 1), "zone": "UTC", "format": "csv"}
        with partner_scope(scope.partner, scope.user):
            chosen = select("changes-lost-sold", scope, {"changes_range": "last-12-months"})
            report = saved.save_report(scope=scope, selection=chosen, fixed=False, appearance={"name": name})
            self.schedule = schedules.make_schedule(
                scope=scope, report=report, values=values, member_ids=[scope.user.pk], addresses=[]
            ).pk
            self.slot = datetime.now(UTC) - timedelta(minutes=5)
        self._due = lambda: Schedule.objects.filter(pk=self.schedule).update(next_slot=self.slot)

    def start(self):
        from accounts.scope import partner_scope

        with partner_scope(scope_now().partner):
            self._due()
        self.portal.send(run_due_schedules)

    def _runs(self):
        from accounts.scope import partner_scope
        from reports.models import ScheduleRun

        with partner_scope(scope_now().partner):
            runs = list(ScheduleRun.objects.filter(schedule=self.schedule))
        assert [run.reason for run in runs if run.state == "failed"] == []
        return [run.state for run in runs]

    def is_done(self):
        return "sent" in self._runs()

    def check(self):
        assert self._runs() == ["sent"]
        mails = [file.read_text() for file in (self.portal.var / "mail").iterdir()]
        assert sum(text.count(f"\nSubject: {self.name}") for text in mails) == 1


KINDS = dict(zip(JOBS, (Import, Reposting, File, Report), strict=True))


@pytest.fixture
def people(portal):
    """Ten people who browse until the test ends."""
    from accounts.models import User

    names, people = ("admin", "manager", "finance", "member"), []
    for number in range(PEOPLE):
        address = f"{names[number % 4]}@northwind.example" if number % 5 else "admin@southwind.example"
        browser = WebClient()
        browser.force_login(User.objects.get(email=address), backend=settings.AUTHENTICATION_BACKENDS[0])
        people.append(Person(portal, browser.cookies[settings.SESSION_COOKIE_NAME].value, number))
    until(portal.answers, portal)
    for person in people:
        person.start()
    yield people
    for person in people:
        person.over.set()
    for person in people:
        person.join(SECONDS)


@pytest.mark.parametrize("job", JOBS)
def test_nothing_is_lost_or_doubled_and_people_go_on(portal, people, job, capsys):
    from accounts.scope import partner_scope, system_scope
    from ledger.verification import discrepancies

    def unanswered():
        return sum(person.seen["no answer"] for person in people)

    silent = Counter()
    for victim in VICTIMS:
        work = again(partial(KINDS[job], portal, f"{job}-{victim}"))
        before = unanswered()
        with held(portal, HELD[job]):
            again(work.start)
            until(partial(is_waiting, portal, HELD[job]), portal)
            portal.kill(victim)
            time.sleep(0.5)
        time.sleep(0.5)
        portal.start_again(victim)
        until(work.is_done, portal, ticking=True)
        again(work.check)
        until(portal.answers, portal)
        silent[victim] = unanswered() - before
    for person in people:
        person.over.set()
        person.join(SECONDS)
    seen = sum((person.seen for person in people), Counter())
    with capsys.disabled():
        sys.stdout.write(f"\n{job}: {len(VICTIMS)} kills, answers {dict(seen)}\n")
    assert [fault for person in people for fault in person.faults] == []
    assert {victim for victim, times in silent.items() if times} <= {"web"}
    assert seen[200] > 20
    scope = scope_now()
    with partner_scope(scope.partner):
        assert list(discrepancies(system_scope(scope.partner))) == []
