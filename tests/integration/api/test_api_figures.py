"""What the API tells: the figures of the contract, and the rows of every dataset, page by page, role by role."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.roles import Permission
from partner_portal.lib.rows.datasets import Kind, all_datasets, select

EXPECTED = sorted((Path(__file__).resolve().parents[2] / "expected").glob("*.json"))
DATASETS = {dataset.key: dataset for dataset in all_datasets()}
ROLES = ("admin", "manager", "finance", "member")


def some(names):
    """Every third for make test, which has the rows of all datasets in tests/contract/; the others for the sweep."""
    return [pytest.param(name, marks=pytest.mark.sweep if number % 3 else ()) for number, name in enumerate(names)]


@pytest.mark.parametrize("path", EXPECTED, ids=lambda path: path.stem)
def test_the_figures_are_those_of_the_contract(token_of, get, path):
    expected = json.loads(path.read_text(encoding="utf-8"))
    token = token_of()
    found = get(token, "progress", on=path.stem).json()
    for name in (
        "partner", "on", "rule_set", "points", "tiers", "targets", "source_dollar_12m", "rolling_sourced_mrr_12m", "retention",
    ):  # fmt: skip
        assert found[name] == expected[name], name
    days = expected["changes"]
    changes = get(token, "changes", from_=days["from"], to=days["to"]).json()
    assert (changes["changes"], changes["causes"]) == (days, expected["causes"])
    assert get(token, "forecast", on=path.stem).json()["forecast"] == expected["forecast"]


def test_statements_and_points_by_client_are_those_of_the_contract(token_of, get):
    expected = json.loads(EXPECTED[-1].read_text(encoding="utf-8"))
    token = token_of()
    assert get(token, "statements").json()["statements"] == expected["statements"]
    rows = get(token, "breakdown", page_size=1000, sort="client_id", columns="client_id,sourced,assisted,managed,total")
    assert sorted(rows.json()["rows"], key=lambda row: row["client_id"]) == expected["clients"]


def test_the_next_review_is_told_as_the_page_tells_it(token_of, get):
    review = get(token_of(), "progress").json()["review"]
    assert review["on"] == "2027-01-15"
    assert review["before"] == "Diamond"
    assert [reading["on"] for reading in review["readings"]] == sorted(reading["on"] for reading in review["readings"])
    assert any(reading["to_come"] for reading in review["readings"])


@pytest.mark.parametrize("key", some(DATASETS))
def test_pages_add_up_to_the_totals_and_to_the_rows_of_the_pages(token_of, get, scope_of, key):
    token = token_of()
    summed = [column.name for column in DATASETS[key].columns if column.total]
    names = ",".join([*summed, DATASETS[key].columns[0].name]) if summed else DATASETS[key].columns[0].name
    names = ",".join(dict.fromkeys(names.split(",")))
    count = get(token, f"datasets/{key}", page_size=1, columns=names).json()["count"]
    rows, page = [], get(token, f"datasets/{key}", page_size=max(7, count // 5), columns=names).json()
    first = page
    for _step in range(1000):
        rows += page["rows"]
        if page["next"] is None:
            break
        assert page["next"].startswith(f"/api/v1/datasets/{key}?")
        page = get(token, page["next"].removeprefix("/api/v1/")).json()
    assert page["page"] == page["pages"]
    assert len(rows) == first["count"] == first["totals"]["rows"]
    for name in summed:
        total = sum((Decimal(row[name]) for row in rows if row[name] is not None), Decimal(0))
        # Each value is rounded on its own, the total once: they differ by no more than half a digit a row.
        digit = Decimal(1).scaleb(Decimal(str(first["totals"]["sums"][name])).as_tuple().exponent)
        assert abs(total - Decimal(first["totals"]["sums"][name])) <= digit * len(rows) / 2, name
    selection = select(key, scope_of("admin"), {})
    wanted = [selection.dataset.column(name) for name in first["rows"][0]] if rows else []
    assert [list(map(str, row.values())) for row in rows] == [
        [_as_text(column, value) for column, value in zip(wanted, values, strict=True)]
        for values in selection.iterate(wanted)
    ]


def _as_text(column, value):
    """What a value has to look like, written down a second time."""
    if value is None:
        return "None"
    match column.kind:
        case Kind.POINTS | Kind.RATIO:
            return (
                f"{value:.4f}" if isinstance(value, Decimal) else f"{Decimal(value.numerator) / value.denominator:.4f}"
            )
        case Kind.MONEY:
            return (
                f"{value:.2f}" if isinstance(value, Decimal) else f"{Decimal(value.numerator) / value.denominator:.2f}"
            )
        case Kind.MONTH:
            return value.isoformat()[:7]
        case _:
            return str(value)


@pytest.mark.parametrize("role", ROLES)
def test_every_role_gets_its_datasets_and_no_other(token_of, get, role):
    token = token_of(role)
    listed = {each["key"]: each for each in get(token, "datasets").json()["datasets"]}
    money = role != "member"
    assert set(listed) == {key for key, each in DATASETS.items() if money or each.permission != Permission.VIEW_MONEY}
    for place, (key, dataset) in enumerate(DATASETS.items()):
        # What is listed is asked by one of the four; the others' rows are asked for below and in tests/contract/.
        if key not in listed or place % 4 == ROLES.index(role):
            response = get(token, f"datasets/{key}", page_size=1)
            assert response.status_code == (200 if key in listed else 403)
        if key not in listed:
            assert response.json()["detail"] == "The role “member” may not read this."
            continue
        names = {column["name"] for column in listed[key]["columns"]}
        secret = {column.name for column in dataset.columns if column.permission == Permission.VIEW_MONEY}
        assert names == {column.name for column in dataset.columns} - (set() if money else secret)


def test_a_member_gets_no_amount_of_money_anywhere(token_of, get):
    token = token_of("member")
    for key, dataset in DATASETS.items():
        amounts = [column for column in dataset.columns if column.kind == Kind.MONEY]
        for column in amounts:
            response = get(token, f"datasets/{key}", columns=column.name)
            assert response.status_code in {403, 422}
            assert get(token, f"datasets/{key}", sort=column.name).status_code in {403, 422}
        found = get(token, f"datasets/{key}")
        if found.status_code == 200:
            assert not {column["name"] for column in found.json()["columns"] if column["kind"] == "money"}
            assert not found.json()["totals"]["currencies"]
    assert get(token, "statements").status_code == 403
    progress = get(token, "progress").json()
    assert "source_dollar_12m" not in progress
    assert "rolling_sourced_mrr_12m" not in progress


def test_a_member_is_told_what_a_tier_takes_in_money_but_not_what_there_is(token_of, get, monkeypatch):
    """The demo programme asks for no amounts at present; a rule set may."""
    from api import answers

    monkeypatch.setattr(answers, "MONEY_METRICS", {"total_points"})
    for role, told in (("member", False), ("finance", True)):
        progress = get(token_of(role), "progress").json()
        needs = [need for target in progress["targets"] for need in target["requirements"]]
        of_money = [need for need in needs if need["metric"] == "total_points"]
        assert of_money
        assert all(("have" in need, "missing" in need) == (told, told) for need in of_money)
        assert all("need" in need for need in of_money)
        assert all({"have", "missing"} <= need.keys() for need in needs if need not in of_money)


@pytest.mark.parametrize("key", [key for key, each in DATASETS.items() if any(c.currency for c in each.columns)])
def test_an_amount_brings_its_currency(token_of, get, key):
    column = next(column for column in DATASETS[key].columns if column.currency)
    found = get(token_of(), f"datasets/{key}", columns=column.name).json()
    assert [each["name"] for each in found["columns"]] == [column.name, column.currency]
    assert found["columns"][0]["currency_column"] == column.currency
    for row in found["rows"]:
        assert row[column.name] is None or len(row[column.currency]) == 3


@pytest.mark.parametrize(
    ("path", "query", "told"),
    [
        ("progress", {"on": "2026-11-24"}, "2026-11-24 is ahead of today, 2026-11-23."),
        ("progress", {"on": "2026-02-30"}, "“2026-02-30” is not a date."),
        ("progress", {"on": "1999-12-31"}, "The portal looks back to 2000-01-01, no further."),
        ("progress", {"On": "2026-11-01"}, "There is no parameter “On”."),
        ("changes", {"range": "last-week"}, "There is no range called “last-week”."),
        ("changes", {"range": "next-30-days"}, "is ahead of today"),
        ("changes", {"from_": "2026-11-20", "to": "2026-11-02"}, "is not a range of days"),
        ("changes", {"from_": "2026-11-20"}, "is not a range of days"),
        ("changes", {"range": "this-month", "to": "2026-11-02"}, "Give either a named range or two days."),
        ("breakdown", {"track": "sold"}, "“sold” is not one of the choices"),
        ("datasets/expiring", {"trak": "sourced"}, "There is no parameter “trak”."),
        ("datasets/expiring", {"month": "soon"}, "“soon”"),
        ("datasets/expiring", {"sort": "nothing"}, "There is no column “nothing” to sort by"),
        ("datasets/expiring", {"columns": "client,salary"}, "There is no column “salary”."),
        ("datasets/expiring", {"columns": "client,client"}, "A column is named twice."),
        ("datasets/expiring", {"list": "987654321"}, "That list is gone"),
        ("datasets/list-members", {"of": "many"}, "“many” cannot be used as “of” here."),
        ("datasets/certified-people", {"list": "1"}, "There is no parameter “list”."),
        (
            "datasets/changes-lost-sold",
            {"changes_from": "2026-11-20", "changes_to": "yesterday"},
            "is not a range of days",
        ),
        ("datasets/expiring", {"q": "a" * 201}, "A search has 200 letters at most."),
        ("datasets/expiring", {"page_size": "1001"}, "“page_size”"),
        ("datasets/expiring", {"page": "0"}, "“page”"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(token_of, get, path, query, told):
    response = get(token_of(), path, **query)
    assert response.status_code == 422
    assert told in response.json()["detail"]
    assert response.json()["problems"]


def test_a_parameter_given_twice_is_refused(token_of, get):
    response = get(token_of(), "datasets/expiring?track=sourced&track=assisted")
    assert response.status_code == 422
    assert response.json()["detail"] == "“track” is given more than once."


@pytest.mark.parametrize(
    "path", ["nothing", "datasets/nothing", "progress/", "datasets/expiring/x", "datasets/expiring?page=999"]
)
def test_what_is_not_there_is_not_found(token_of, get, path):
    response = get(token_of(), path)
    assert response.status_code == 404
    assert response["Content-Type"].startswith("application/json")
    assert response.json()["detail"].endswith(".")


def test_filters_search_sort_and_columns_are_those_of_the_pages(token_of, get, scope_of):
    token = token_of()
    asked = {"track": "sourced", "q": "co", "sort": "-points"}
    found = get(token, "datasets/expiring", columns="deal_id,points", **asked).json()
    selection = select("expiring", scope_of("admin"), asked)
    assert 0 < found["count"] == selection.count < get(token, "datasets/expiring").json()["count"]
    assert found["totals"]["sums"]["points"] == f"{selection.figure:.4f}"
    assert [list(row) for row in found["rows"]] == [["deal_id", "points"]] * len(found["rows"])
    points = [Decimal(row["points"]) for row in found["rows"]]
    assert points == sorted(points, reverse=True)
    assert "Search: “co”" in found["narrowed_by"]
    assert found["valued_by"] == ""  # points only


def test_sums_over_currencies_name_their_table(token_of, get):
    found = get(token_of(), "datasets/clients").json()
    assert Decimal(found["totals"]["sums"]["mrr_usd"]) > 0
    assert found["valued_by"] == "Points-dollars by the currency table of 15 Jul 2025"


@pytest.mark.parametrize("path", ["breakdown", *some(f"datasets/{key}" for key in DATASETS)])
def test_a_page_costs_the_same_queries_whatever_its_length(token_of, get, path):
    token = token_of()
    get(token, path, page_size=1)  # what is remembered or noted once
    counts = []
    for size in (1, 3):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            assert get(token, path, page_size=size).status_code == 200
        counts.append(len(queries))
    assert counts[0] == counts[1]


def test_head_is_answered_and_everything_else_is_refused(token_of):
    from django.test import Client

    client = Client(enforce_csrf_checks=True)
    headers = {"Authorization": f"Bearer {token_of()}"}
    assert client.head("/api/v1/progress", headers=headers).status_code == 200
    for method in (client.post, client.put, client.patch, client.delete, client.options):
        response = method("/api/v1/progress", headers=headers)
        assert response.status_code == 405
        assert response["Allow"] == "GET, HEAD"
        assert response.json()["detail"]


def test_a_fault_is_told_without_its_insides_and_rolled_back(token_of, get, monkeypatch, partner, caplog):
    from accounts.models import AuditEvent
    from accounts.scope import partner_scope
    from api import answers

    token = token_of()

    def fail(*_args):
        connection.cursor().execute("SELECT no_such_column")

    monkeypatch.setattr(answers, "progress", fail)
    response = get(token, "progress")
    assert response.status_code == 500
    assert response.json()["detail"] == "Something went wrong here. It is not your request; try again later."
    assert "no_such_column" in caplog.text
    with partner_scope(partner):
        assert not AuditEvent.objects.filter(action="api_token.used").exists()
