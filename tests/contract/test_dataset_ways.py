"""Every dataset by every way that leads to its rows: page, dialog, list, saved report, program and schedule tell one figure."""

import csv
import io
import re
from datetime import UTC, datetime, time
from decimal import Decimal
from html import unescape
from uuid import uuid4

import pytest
from django.conf import settings
from django.core import mail
from django.core.files.storage import storages
from django.test import Client as WebClient
from django.urls import reverse

from accounts.models import Partner, User
from accounts.roles import Permission
from accounts.scope import member_scope, memberships_of, partner_scope, set_tenant, user_scope
from partner_portal.lib.rows.datasets import Kind, all_datasets, select
from reports.models import SavedList, SavedReport, Schedule, ScheduleRun
from reports.services import due_runs, schedule_runs
from reports.services import saved as report_services
from reports.services import schedules as schedule_services
from reports.writers import columns_of
from tests.contract.conftest import dealt

DATASETS = {dataset.key: dataset for dataset in all_datasets()}
ABOUT_CLIENTS = [key for key, dataset in DATASETS.items() if dataset.client and key != "list-members"]
YEAR = {f"{prefix}range": "last-12-months" for prefix in ("changes_", "shared_", "pay_", "renewals_")}


def told(scope, key, query=YEAR):
    """What the rows come to for this role: number, figure, sums and heads of all permitted columns; None when refused."""
    if not scope.may(DATASETS[key].permission):
        return None
    selection = select(key, scope, query)
    return {
        "rows": selection.count,
        "figure": selection.figure,
        "sums": {column.name: selection.totals[column.name] for column in selection.columns if column.total},
        "secret": {
            str(column.label)
            for column in DATASETS[key].columns
            if column.permission == Permission.VIEW_MONEY and not scope.may(Permission.VIEW_MONEY)
        },
        "clients": selection.totals["clients"],
        "query": dict(selection.query),
    }


def numbers(html):
    """The numbers of one cell that a reader sees; a minus stands before the sign of a currency."""
    text = unescape(re.sub(r"<[^>]+>", " ", html)).replace("−", "-")
    sign = -1 if "-" in text else 1
    return [sign * Decimal(found.replace(",", "")) for found in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


def heads_of(html):
    """The column heads of the table of rows."""
    head = re.search(r"<thead>(.*?)</thead>", html, re.S)
    cells = re.findall(r"<th\b[^>]*>(.*?)</th>", head[1], re.S) if head else []
    return [unescape(re.sub(r"<[^>]+>", "", cell)).strip() for cell in cells]


def holds(html, expected):
    """Whether a page of rows tells their number, their sums as its last row has them, and no secret column."""
    announced = re.search(r'data-announce="([^"]*)"', html)
    assert announced
    assert numbers(announced[1])[0] == expected["rows"]
    assert not expected["secret"] & set(heads_of(html))
    if not expected["rows"]:
        return
    foot = re.search(r"<tfoot>(.*?)</tfoot>", html, re.S)[1]
    cells = [numbers(cell) for cell in re.findall(r'<td class="n">(.*?)</td>', foot, re.S)]
    shown = [found for cell in cells for found in cell]
    for name, value in expected["sums"].items():
        assert any(abs(found - value) <= Decimal("0.5") for found in shown), (name, value, shown)


WAYS = [("admin", "page"), ("admin", "report"), ("member", "page"), ("member", "report")]


@pytest.mark.parametrize(("key", "way"), dealt(tuple(DATASETS), WAYS))
def test_every_way_tells_the_same(scope_of, web, key, way):
    role, first = way
    expected = told(scope_of(role), key)
    client = web(role)
    if first == "page":
        read_page_and_dialog(client, key, expected)
        ask_as_a_program(scope_of(role), key, role, expected)
    else:
        save_and_open_a_report(scope_of(role), client, key, expected)
        if key in ABOUT_CLIENTS:
            fill_a_list(scope_of(role), client, key, expected)


def read_page_and_dialog(client, key, expected):
    set_tenant(None)
    address = reverse("dataset_rows", args=[key])
    for headers in ({}, {"HX-Request": "true", "HX-Target": "dialog"}):
        response = client.get(address, YEAR, headers=headers)
        if expected is None:
            assert response.status_code in {403, 404}
        else:
            assert response.status_code == 200
            holds(response.content.decode(), expected)


def fill_a_list(scope, client, key, expected):
    """A list of all clients of the rows holds as many as the figure says, and narrows the rows to themselves."""
    form = {"where": "new", "name": "Kept", "key": str(uuid4())}
    query = "&".join(f"{name}={value}" for name, value in YEAR.items())
    response = client.post(f"{reverse('list_use', args=[key])}?{query}", form)
    set_tenant(scope.partner.pk, scope.user.pk)
    if expected is None:
        assert response.status_code in {403, 404}
        assert not SavedList.objects.exists()
        return
    kept = SavedList.objects.get()
    assert kept.members.count() == expected["clients"]
    narrowed = told(scope, key, YEAR | {"list": str(kept.pk)})
    if expected["rows"]:
        assert {name: narrowed[name] for name in ("figure", "sums", "clients")} == {
            name: expected[name] for name in ("figure", "sums", "clients")
        }


def save_and_open_a_report(scope, client, key, expected):
    """Kept with its moving days and opened again: the same figure."""
    columns = [column.name for column in DATASETS[key].columns]  # those without the right are not kept
    form = {"name": "Kept", "days": "moving", "key": str(uuid4()), "column": columns}
    query = "&".join(f"{name}={value}" for name, value in YEAR.items())
    response = client.post(f"{reverse('report_new', args=[key])}?{query}", form)
    set_tenant(scope.partner.pk, scope.user.pk)
    if expected is None:
        assert response.status_code in {403, 404}
        assert not SavedReport.objects.exists()
        return
    saved = SavedReport.objects.get()
    secret = {column.name for column in DATASETS[key].columns if not scope.may(column.permission or Permission.VIEW)}
    assert not secret & set(saved.columns)
    set_tenant(None)
    page = client.get(reverse("report", args=[saved.pk]))
    assert page.status_code == 200
    holds(page.content.decode(), expected)


def ask_as_a_program(scope, key, role, expected):
    from api.services import make_token

    token = make_token(scope=scope, name="Reader", role=role, days=1)[1]
    set_tenant(None)
    query = expected["query"] if expected else {}
    headers = {"Authorization": f"Bearer {token}"}
    response = WebClient().get(f"/api/v1/datasets/{key}", query | {"page_size": 1}, headers=headers)
    if expected is None:
        assert response.status_code == 403
        return
    found = response.json()
    assert found["totals"]["rows"] == expected["rows"]
    kinds = {column.name: column.kind for column in DATASETS[key].columns}
    for name, value in expected["sums"].items():
        digit = Decimal("0.01") if kinds[name] == Kind.MONEY else Decimal("0.0001")
        assert abs(Decimal(found["totals"]["sums"][name]) - value) <= digit / 2
    if not scope.may(Permission.VIEW_MONEY):
        assert not [column for column in found["columns"] if column["kind"] == "money"]


@pytest.mark.xdist_group("workers")
def test_schedule(committed):
    """A run by the clock makes a file whose rows add up to the figure; without the right there is none. Of every third dataset:
    files of all are compared elsewhere."""
    keys = list(DATASETS)[::3]
    partner = Partner.objects.get(slug="northwind")
    admin = _scope(partner, "admin")
    expected, schedules = {}, {}
    with partner_scope(partner, admin.user):
        for key in keys:
            selection = select(key, admin, YEAR)
            report = report_services.save_report(
                scope=admin, selection=selection, fixed=False, appearance={"name": key}
            )
            values = {"frequency": "daily", "at": time(7, 30), "zone": "Europe/Amsterdam", "format": "csv",
                      "dialect": "point", "when_empty": "send"}  # fmt: skip
            schedule = schedule_services.make_schedule(
                scope=admin, report=report, values=values, member_ids=[admin.user.pk], addresses=[]
            )
            schedules[schedule.pk] = key
            expected[key] = told(admin, key)
        due = datetime(2026, 11, 23, 6, 30, tzinfo=UTC)
        Schedule.objects.update(next_slot=due)
    ids = due_runs.claim_due(partner=partner, now=due)
    assert len(ids) == len(keys)
    assert {schedule_runs.run_schedule(partner_id=partner.pk, run_id=each) for each in ids} == {"sent"}
    assert len(mail.outbox) == len(keys)
    with partner_scope(partner):
        runs = list(ScheduleRun.objects.select_related("export"))
    for run in runs:
        key = schedules[run.schedule_id]
        assert run.rows == expected[key]["rows"]
        columns = written_columns(admin, key)
        with storages["default"].open(run.export.file.name) as file:
            rows = list(csv.reader(io.StringIO(file.read().decode("utf-8-sig"), newline="")))[1:]
        assert len(rows) == expected[key]["rows"]
        for place, column in enumerate(columns):
            if column.name in expected[key]["sums"]:
                total = sum((Decimal(row[place]) for row in rows if row[place]), Decimal(0))
                assert abs(total - expected[key]["sums"][column.name]) < Decimal("0.0001"), (key, column.name)
    web = WebClient()
    web.force_login(User.objects.get(email="member@northwind.example"), backend=settings.AUTHENTICATION_BACKENDS[0])
    for key in keys:
        assert web.get(reverse("schedule_new", args=[key])).status_code == 403


def written_columns(scope, key):
    with partner_scope(scope.partner, scope.user):
        return columns_of(select(key, scope, YEAR))


def _scope(partner, name):
    user = User.objects.get(email=f"{name}@northwind.example")
    with user_scope(user):
        membership = next(each for each in memberships_of(user) if each.partner_id == partner.pk)
    membership.user = user
    return member_scope(membership)
