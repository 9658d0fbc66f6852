"""Declaring kinds of facts: what is refused, and the order in which kinds are written."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from clients.models import Client
from partner_portal.lib.rows import facts
from partner_portal.lib.rows.column_types import Text
from partner_portal.lib.rows.facts import Column, FactKind, Reference, RowCheck, find_kind, kind, kinds, register


@pytest.fixture
def no_kinds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "_kinds", {})


def a_kind(key: str, *refers_to: str, **values: object) -> FactKind:
    columns = (
        Column("id", Text(key=True), required=True),
        *(Column(f"of_{target}", Reference(target)) for target in refers_to),
    )
    declared = {"key": key, "label": key, "model": Client, "columns": columns, "key_columns": ("id",)}
    return FactKind(**(declared | values))  # type: ignore[arg-type]


def test_the_eight_kinds_are_there_and_those_referred_to_come_first() -> None:
    order = [each.key for each in kinds()]
    assert sorted(order) == [
        "cancellations", "certifications", "clients", "deals", "mrr_history", "renewals", "services", "statement_lines",
    ]  # fmt: skip
    assert order[:2] == ["clients", "deals"]
    assert order.index("statement_lines") > order.index("deals")


@pytest.mark.usefixtures("no_kinds")
def test_what_others_refer_to_comes_first_and_the_rest_as_declared() -> None:
    for each in (a_kind("lines", "deals", "lines"), a_kind("zebras"), a_kind("deals", "clients"), a_kind("clients")):
        register(each)
    assert [each.key for each in kinds()] == ["clients", "deals", "lines", "zebras"]


@pytest.mark.usefixtures("no_kinds")
def test_a_circle_is_refused() -> None:
    for each in (a_kind("hens", "eggs"), a_kind("eggs", "hens")):
        register(each)
    with pytest.raises(ImproperlyConfigured, match="hens > eggs > hens"):
        kinds()


@pytest.mark.usefixtures("no_kinds")
def test_a_kind_twice_is_refused() -> None:
    register(a_kind("deals"))
    with pytest.raises(ImproperlyConfigured, match="twice"):
        register(a_kind("deals"))


@pytest.mark.usefixtures("no_kinds")
@pytest.mark.parametrize(
    "values",
    [
        {"key_columns": ("number",)},
        {"checks": (RowCheck(("mrr",), lambda scope, rows: []),)},
        {"columns": (Column("id", Text()), Column("id", Text()))},
    ],
)
def test_columns_that_do_not_exist_or_exist_twice_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(ImproperlyConfigured, match="deals"):
        register(a_kind("deals", **values))


def test_a_kind_is_found_by_the_name_of_a_file_or_sheet() -> None:
    assert find_kind(" Deals ") is kind("deals")
    assert find_kind("deal") is None


def test_every_column_is_kept_in_a_field_of_its_model() -> None:
    for each in kinds():
        for column in each.columns:
            each.model._meta.get_field(column.field_name)
        assert {column.name for column in each.columns if column.type.__class__ is Reference} == set(each.references)
