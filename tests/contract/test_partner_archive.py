"""A partner with rows of every kind moves to another installation: everything is there, under other numbers."""

import io
import json
import os
import signal
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection, connections, models

from accounts.models import Partner, User
from accounts.scope import partner_scope
from partner_portal.local.postgres import ensure_running
from partner_portal.partner_archive.contents import (
    FACT_NUMBERS,
    JSON_WITH_NUMBERS,
    JSON_WITHOUT_NUMBERS,
    LEFT_OUT,
    NUMBERS,
    SEALED,
    STATED,
    archived_models,
    fact_models,
    stored_fields,
)
from partner_portal.postgres.guards import tenant_models
from tests.conftest import _copy_database, _drop_database, _superuser
from tests.integration.reports.processes import wait_for

pytestmark = pytest.mark.xdist_group("partner archive")

ROOT = Path(__file__).resolve().parents[2]
EXPECTED = sorted((ROOT / "tests" / "expected").glob("*.json"))
PASSPHRASE = "correct horse battery staple"
TOKEN = "pat-na1-0123456789-abcdefghijklmnop"

# Tables that belong to no partner: people and their devices, the programme of all, and Django's own.
OF_NO_PARTNER = {
    "accounts.User", "accounts.User_groups", "accounts.User_user_permissions", "account.EmailAddress",
    "account.EmailConfirmation", "admin.LogEntry", "auth.Group", "auth.Group_permissions", "auth.Permission",
    "contenttypes.ContentType", "mfa.Authenticator", "sessions.Session", "socialaccount.SocialAccount",
    "socialaccount.SocialApp", "socialaccount.SocialToken", "usersessions.UserSession", "program.CurrencyAmount",
    "program.CurrencyTable", "program.GrowthMarket", "program.Program", "program.Requirement", "program.Review",
    "program.RuleSet", "program.SoldRate", "program.Tier", "accounts.Partner",
}  # fmt: skip


def test_every_table_is_moved_or_said_to_stay():
    labels = {model._meta.label for model in apps.get_models(include_auto_created=True)}
    of_partners = {model._meta.label for model in archived_models()} | set(LEFT_OUT)
    assert labels - of_partners <= OF_NO_PARTNER
    assert set(LEFT_OUT) <= {model._meta.label for model in tenant_models()}
    targets = {Partner, User, *archived_models()}
    for model in archived_models():
        for field in stored_fields(model):
            assert field.related_model is None or field.related_model in targets, field


def test_every_column_that_may_hold_numbers_of_rows_is_declared():
    for model in archived_models():
        label = model._meta.label
        declared = JSON_WITH_NUMBERS.get(label, set()) | JSON_WITHOUT_NUMBERS.get(label, set())
        in_model = {field.name for field in model._meta.concrete_fields if isinstance(field, models.JSONField)}
        assert in_model == declared, label
        whole = {
            str(field.column)
            for field in model._meta.concrete_fields
            if isinstance(field, models.IntegerField) and not field.is_relation and field.column.endswith("_id")
        }
        numbers = set(NUMBERS.get(label, {})) - {"sample_import"} | {FACT_NUMBERS.get(label)} - {None}
        assert whole == numbers, label


@pytest.fixture(scope="module")
def there(django_db_setup, django_db_blocker, template_database):
    """The name of a database of another installation: without Northwind, where only its finance person is known."""
    name = f"{connections['default'].settings_dict['NAME']}_there"
    with django_db_blocker.unblock():
        _copy_database(template_database, name)
        with _superuser(ensure_running(Path(os.environ["PORTAL_VAR"])), name) as database:
            database.execute("SET session_replication_role = replica")
            [(pk,)] = database.execute("SELECT id FROM accounts_partner WHERE slug = 'northwind'").fetchall()
            of_partner = [(model._meta.db_table, f"partner_id = {pk}") for model in tenant_models()]
            gone = "email LIKE '%@northwind.example' AND email NOT LIKE 'finance@%'"
            others = [("accounts_partner", f"id = {pk}"), ("account_emailaddress", gone), ("accounts_user", gone)]
            for table, rows in (*of_partner, *others):
                database.execute(f'DELETE FROM "{table}" WHERE {rows}')  # noqa: S608 -- names of ours
            database.execute("SET session_replication_role = DEFAULT")
        yield name
        _drop_database(name)


@pytest.fixture
def fresh(there, django_db_blocker):
    """A copy of that database that one test may fill."""
    name = f"{there}_filled"
    with django_db_blocker.unblock():
        _copy_database(there, name)
        yield name
        _drop_database(name)


def in_database(name, work):
    """What `work` returns on a connection to that database: Django's connections belong to threads."""
    found = []

    def run():
        connection.settings_dict = connection.settings_dict | {"NAME": name}
        try:
            found.append(work())
        except BaseException as error:  # told below
            found.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(found[0], BaseException):
        raise found[0]
    return found[0]


def call(name, *arguments, **options):
    """The output of a command in that database."""
    out = io.StringIO()
    in_database(name, lambda: call_command(*arguments, stdout=out, **options))
    return out.getvalue()


@pytest.fixture
def passphrase_file(tmp_path):
    file = tmp_path / "passphrase"
    file.write_text(f"{PASSPHRASE}\n")
    return file


def world(partner):
    """Every stored value of the partner, with the place among its table's rows instead of each number."""
    with partner_scope(partner):
        places, people = {Partner: {partner.pk: 0}}, dict(User.objects.values_list("pk", "email"))
        for model in archived_models()[1:]:
            pks = model._base_manager.filter(partner=partner).order_by("pk").values_list("pk", flat=True)
            places[model] = {pk: place for place, pk in enumerate(pks)}
        tables = {}
        for model in archived_models():
            label = model._meta.label
            own = model._base_manager.filter(**{"pk" if model is Partner else "partner": partner.pk}).order_by("pk")
            tables[label] = [_values(model, row, places, people) for row in own.iterator()]
        return tables


def _values(model, row, places, people):
    label, values = model._meta.label, {}
    numbers = {column: apps.get_model(target) for column, target in NUMBERS.get(label, {}).items()}
    skipped = JSON_WITH_NUMBERS.get(label, set()) | set(SEALED.get(label, {})) | set(STATED.get(label, {}))
    for field in model._meta.concrete_fields:
        value = getattr(row, field.attname)
        target = numbers.get(field.attname) or (field.related_model if field.is_relation else None)
        if field.attname == FACT_NUMBERS.get(label):
            target = fact_models()[row.kind]
        if field.name in skipped or (label.startswith("notices.") and field.name == "key"):
            continue
        if target is User:
            value = people.get(value)
        elif target is not None:
            value = places[target][value] if value is not None else None
        elif field.primary_key and isinstance(value, int):
            value = places[model][value]
        values[field.name] = value
    return values


@pytest.fixture
def named_by_number(northwind_rows, partner):
    """Rows that name others by number in JSON and keys, and a token; by table, their objects."""
    from clients.models import Deal, LineMerge, Service, Withdrawal
    from imports.models import ImportBatch, ImportChange
    from notices.models import Channel, Notice, NotifiedEvent
    from renewals.models import Renewal
    from reports.models import Export, Recipient, SavedList, SavedReport, ScheduleRun
    from sources.credentials import seal
    from sources.models import Connection

    with partner_scope(partner):
        kept, deal = SavedList.objects.get(), Deal.objects.order_by("pk").last()
        SavedReport.objects.filter(name__contains="Quagmire").update(params={"list": str(kept.pk), "market": "US"})
        LineMerge.objects.update(moved={"deals": [deal.pk]})
        batch = ImportBatch.objects.get(note__contains="Quagmire")
        batch.gone = {"deals": [deal.pk]}
        batch.save()
        Partner.objects.filter(pk=partner.pk).update(sample_import=batch.pk)
        service = Service.objects.order_by("pk").last()
        withdrawal = Withdrawal.objects.get()
        Withdrawal.objects.update(batch_id=batch.pk)
        before = {"client_id": deal.client_id, "withdrawal_id": withdrawal.pk, "mrr": 12}
        ImportChange.objects.create(
            partner=partner, batch=batch, kind="services", fact_id=service.pk, action="changed", before=before,
            withdrawal_id=withdrawal.pk,
        )  # fmt: skip
        recipient = Recipient.objects.get()
        missed = [{"recipient": recipient.pk, "name": "x", "reason": "y", "later": False}]
        ScheduleRun.objects.update(delivered=[recipient.pk], missed=missed)
        export, renewal = Export.objects.get(), Renewal.objects.order_by("pk").last()
        Notice.objects.update(key=str(export.pk))
        NotifiedEvent.objects.create(partner=partner, kind="renewal_overdue", key=f"2026-11-01:{renewal.pk}")
        NotifiedEvent.objects.create(partner=partner, kind="data_stale", key="2026-11-01")
        connection_ = Connection.objects.get(vendor="hubspot")
        connection_.secret = seal(TOKEN, partner_id=partner.pk, vendor="hubspot")
        connection_.state = "active"
        connection_.save()
        channel = Channel.objects.get()
        channel.address = seal("https://hooks.mark.example/1", partner_id=partner.pk, vendor="channel")
        channel.save()


@pytest.mark.slow
def test_a_partner_with_everything_moves(named_by_number, partner, fresh, tmp_path, passphrase_file):
    archive = tmp_path / "northwind.partner"
    call_command("export_partner", "northwind", archive, passphrase_file=passphrase_file, stdout=io.StringIO())
    before = world(partner)
    assert all(before.values())  # a new kind of row joins the fixture
    assert archive.stat().st_mode & 0o777 == 0o600
    with zipfile.ZipFile(archive) as parts:
        content = b"".join(map(parts.read, parts.namelist()))
    assert TOKEN.encode() not in content

    said = call(fresh, "import_partner", archive, passphrase_file=passphrase_file)
    assert "Northwind" in said

    def look():
        moved = Partner.objects.get(slug="northwind")
        assert moved.pk != partner.pk
        after = world(moved)
        event = after["accounts.AuditEvent"].pop()
        assert (event["action"], event["subject"]) == ("partner.imported", "northwind")
        with partner_scope(moved):
            _check_numbers(moved)
        return after

    after = in_database(fresh, look)
    assert before["accounts.AuditEvent"][-1]["action"] == "partner.exported"
    for label, rows in before.items():
        assert after[label] == rows, label


def _check_numbers(moved):
    """The numbers inside JSON and keys are those of the rows here."""
    from clients.models import Deal, LineMerge, Withdrawal
    from imports.models import ImportBatch, ImportChange
    from notices.models import Channel, Notice, NotifiedEvent
    from renewals.models import Renewal
    from reports.models import Export, Recipient, SavedList, SavedReport, ScheduleRun
    from sources.credentials import unseal
    from sources.models import Connection

    deal, batch = Deal.objects.order_by("pk").last(), ImportBatch.objects.get(note__contains="Quagmire")
    [missing] = batch.effects["missing"]
    assert (batch.status, batch.gone, missing["pks"]) == ("cancelled", {"deals": [deal.pk]}, [deal.pk])
    assert moved.sample_import == batch.pk
    assert LineMerge.objects.get().moved == {"deals": [deal.pk]}
    report = SavedReport.objects.get(name__contains="Quagmire")
    assert report.params == {"list": str(SavedList.objects.get().pk), "market": "US"}
    change = ImportChange.objects.get(kind="services", batch=batch)
    withdrawal = Withdrawal.objects.get()
    assert change.before == {"client_id": deal.client_id, "withdrawal_id": withdrawal.pk, "mrr": 12}
    run, recipient = ScheduleRun.objects.get(), Recipient.objects.get()
    assert (run.delivered, run.missed[0]["recipient"]) == ([recipient.pk], recipient.pk)
    export = Export.objects.get()
    assert (export.state, export.file.name) == ("expired", "")
    notice = Notice.objects.get()
    assert (notice.key, notice.values["rows"][0]["export"]) == (str(export.pk), export.pk)
    renewal = Renewal.objects.order_by("pk").last()
    events = set(NotifiedEvent.objects.values_list("kind", "key"))
    assert events >= {("renewal_overdue", f"2026-11-01:{renewal.pk}"), ("data_stale", "2026-11-01")}
    live = Connection.objects.get(vendor="hubspot")
    assert (live.state, unseal(live.secret, partner_id=moved.pk, vendor="hubspot")) == ("active", TOKEN)
    channel = Channel.objects.get()
    assert unseal(channel.address, partner_id=moved.pk, vendor="channel") == "https://hooks.mark.example/1"


@pytest.fixture
def archive(partner, tmp_path):
    """The demo partner as an archive without secrets."""
    file = tmp_path / "northwind.partner"
    call_command("export_partner", "northwind", file, stdout=io.StringIO())
    return file


@pytest.mark.slow
def test_figures_of_every_expected_day_are_those_of_before(archive, fresh, capsys):
    call(fresh, "import_partner", archive)

    def figures():
        for path in EXPECTED:
            expected = json.loads(path.read_text(encoding="utf-8"))
            days = ["--from", expected["changes"]["from"], "--to", expected["changes"]["to"]]
            call_command("figures", "northwind", "--on", path.stem, *days, "--clients")
            assert json.loads(capsys.readouterr().out) == expected
        out = io.StringIO()
        call_command("verify_ledger", "northwind", stdout=out)
        return out.getvalue()

    assert in_database(fresh, figures) == "northwind: the ledger is right.\n"

    def people():
        known = User.objects.get(email="finance@northwind.example")
        new = User.objects.get(email="admin@northwind.example")
        address = new.emailaddress_set.get()
        return known.has_usable_password(), new.has_usable_password(), (address.verified, address.primary), new.name

    assert in_database(fresh, people) == (True, False, (True, True), "Pia Lundquell")


def refusal(name, file, **options):
    """What the command says when it takes nothing; nothing is left of it."""
    with pytest.raises(CommandError) as error:
        call(name, "import_partner", file, **options)
    assert error.value.returncode == 2

    def left():
        return Partner.objects.filter(slug="northwind").exists(), User.objects.filter(
            email__startswith="admin@north"
        ).exists()

    assert in_database(name, left) == (False, False)
    return str(error.value)


def damaged(archive, target, change):
    """A copy whose parts `change` has changed: it gets the name and the content, and returns the content or None."""
    with zipfile.ZipFile(archive) as before, zipfile.ZipFile(target, "w") as after:
        for name in before.namelist():
            content = change(name, before.read(name))
            if content is not None:
                after.writestr(name, content)
    return target


def of_manifest(**values):
    """A change of values in the manifest."""

    def change(name, content):
        return json.dumps(json.loads(content) | values) if name == "manifest.json" else content

    return change


def in_table(name, change):
    return lambda part, content: change(content) if part == f"tables/{name}" else content


CASES = {
    "another table": (
        in_table("tiers_tierchange", lambda rows: rows.replace(b"\n", b" \n", 1)),
        "not what was written",
    ),
    "a part is missing": (in_table("clients_deal", lambda _rows: None), "clients_deal is missing"),
    "no manifest": (lambda name, content: None if name == "manifest.json" else content, "no archive of a partner"),
    "an unreadable manifest": (lambda name, content: "{" if name == "manifest.json" else content, "its manifest"),
    "another format": (of_manifest(format=2), "has format 2, this portal reads 1"),
    "another schema": (of_manifest(schema={"accounts": ["0001_initial"]}), "another version of the portal"),
    "other rules": (of_manifest(rules="0" * 64), "--under-other-rules"),
}


@pytest.mark.parametrize("case", CASES)
def test_an_archive_that_does_not_fit_is_refused(case, archive, there, tmp_path):
    change, told = CASES[case]
    assert told in refusal(there, damaged(archive, tmp_path / "changed", change))


def test_half_a_file_and_another_file_are_refused(archive, there, tmp_path):
    half = tmp_path / "half"
    half.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    assert refusal(there, half).startswith("The archive is damaged")
    assert "cannot be read" in refusal(there, tmp_path / "none")


def test_a_partner_that_exists_is_refused(archive):
    with pytest.raises(CommandError, match="There is a partner “northwind” already"):
        call_command("import_partner", archive)


def test_passphrases_are_checked(partner, archive, there, tmp_path, passphrase_file):
    assert "made without a passphrase" in refusal(there, archive, passphrase_file=passphrase_file)
    sealed, other = tmp_path / "sealed", tmp_path / "other"
    call_command("export_partner", "northwind", sealed, passphrase_file=passphrase_file, stdout=io.StringIO())
    other.write_text("another passphrase than that")
    assert "not the one" in refusal(there, sealed, passphrase_file=other)
    other.write_text("short")
    with pytest.raises(CommandError, match="has 5 letters; it needs 12"):
        call_command("export_partner", "northwind", sealed, passphrase_file=other)
    with pytest.raises(CommandError, match="There is no partner “nobody”"):
        call_command("export_partner", "nobody", sealed)


@pytest.mark.slow
def test_without_the_passphrase_a_connection_asks_for_its_token(named_by_number, partner, fresh, tmp_path):
    archive = tmp_path / "northwind.partner"
    call_command("export_partner", "northwind", archive, stdout=io.StringIO())
    call(fresh, "import_partner", archive)

    def states():
        from notices.models import Channel
        from sources.models import Connection

        with partner_scope(Partner.objects.get(slug="northwind")):
            live, channel = Connection.objects.get(vendor="hubspot"), Channel.objects.get()
            return live.state, live.secret, live.next_at, channel.state, channel.address

    assert in_database(fresh, states) == ("rejected", "", None, "paused", "")


def environment(name, role="user"):
    server = ensure_running(Path(os.environ["PORTAL_VAR"]))
    url = f"postgresql://{getattr(server, role)}@:{server.port}/{name}?host={server.host}"
    return os.environ | {"DATABASE_URL": url}


@contextmanager
def killed_while_waiting(name, table, *arguments):
    """A command that waits for a table, is killed by -9, and has gone."""
    server = ensure_running(Path(os.environ["PORTAL_VAR"]))
    with psycopg.connect(host=server.host, port=server.port, user=server.superuser, dbname=name) as database:
        database.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        process = subprocess.Popen([sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment(name))
        wait_for(lambda: database.execute("SELECT count(*) FROM pg_locks WHERE NOT granted").fetchone()[0])
        process.send_signal(signal.SIGKILL)
        process.wait(10)
    yield


@pytest.mark.slow
@pytest.mark.sweep
def test_a_killed_export_and_a_killed_import_leave_nothing(archive, fresh, tmp_path):
    with killed_while_waiting(fresh, "tiers_tierplan", "import_partner", str(archive)):

        def left():
            with connection.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM accounts_user WHERE email LIKE '%@northwind.example'")
                return Partner.objects.filter(slug="northwind").exists(), cursor.fetchone()[0]

        assert in_database(fresh, left) == (False, 1)
    file = tmp_path / "southwind.partner"
    with killed_while_waiting(fresh, "tiers_tierplan", "export_partner", "southwind", str(file)):
        assert not file.exists()
    call(fresh, "import_partner", archive)
    call(fresh, "export_partner", "southwind", file)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["northwind.partner", "southwind.partner"]


@pytest.mark.slow
def test_a_partner_is_deleted_with_everything_and_others_stay(fresh, archive):
    call(fresh, "import_partner", archive)
    with pytest.raises(CommandError, match="repeat with --yes"):
        call(fresh, "delete_partner", "northwind")

    def rows():
        southwind = Partner.objects.get(slug="southwind")
        with partner_scope(southwind):
            return {model._meta.label: model._base_manager.count() for model in tenant_models()}

    before = in_database(fresh, rows)
    done = subprocess.run(
        [sys.executable, "manage.py", "delete_partner", "northwind", "--yes"], cwd=ROOT, env=environment(fresh, "owner"),
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "Northwind Growth (northwind) is deleted" in done.stdout, done.stderr
    assert in_database(fresh, rows) == before
    server = ensure_running(Path(os.environ["PORTAL_VAR"]))
    with _superuser(server, fresh) as database:
        tables = [model._meta.db_table for model in tenant_models()]
        counts = [f'SELECT count(DISTINCT partner_id) FROM "{table}"' for table in tables]  # noqa: S608 -- names of ours
        left = [database.execute(count).fetchone()[0] for count in counts]
    assert max(left) == 1
    call(fresh, "import_partner", archive)
