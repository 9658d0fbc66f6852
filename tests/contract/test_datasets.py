"""Every dataset, for every role: its figure is the sum of its rows, and amounts are for those who may see them."""

from decimal import Decimal, localcontext

import pytest
from django.core.exceptions import PermissionDenied

from accounts.roles import Permission
from partner_portal.lib.dates.ranges import LOOKING_BACK
from partner_portal.lib.rows.datasets import Kind, Selection, all_datasets, select
from tests.contract.conftest import dealt

DATASETS = {dataset.key: dataset for dataset in all_datasets()}
ROLES = ("admin", "manager", "finance", "member", "outsider")


def ranges_of(key, role):
    """The parameters to ask with: every preset of a dataset whose range looks back. The admin takes all; the other roles, who
    see the same rows with other columns, take them in turn."""
    prefix = getattr(DATASETS[key].form, "range_prefix", None)
    if prefix not in {"changes_", "shared_", "pay_"}:
        return [{}]
    presets = list(LOOKING_BACK)
    place = ROLES.index(role)
    return [{f"{prefix}range": preset} for preset in (presets[place - 1 :: len(ROLES) - 1] if place else presets)]


def rows_of(selection: Selection) -> list[dict]:
    """All rows with the raw values of every permitted column that is not computed."""
    columns = [column for column in selection.dataset.permitted(selection.scope) if not column.compute]
    return [
        dict(zip([column.name for column in columns], values, strict=True)) for values in selection.iterate(columns)
    ]


def permitted(key, scope):
    if not scope.may(DATASETS[key].permission):
        with pytest.raises(PermissionDenied):
            select(key, scope, {})
        return False
    return True


@pytest.mark.parametrize(("key", "role"), dealt(tuple(DATASETS), ROLES))
def test_the_figure_is_the_sum_of_its_rows(scope_of, key, role):
    scope = scope_of(role)
    if not permitted(key, scope):
        return
    for data in ranges_of(key, role):
        selection = select(key, scope, data)
        rows = rows_of(selection)
        assert selection.count == len(rows)
        for column in selection.dataset.permitted(scope):
            if column.total:
                with localcontext(prec=80):  # the database sums exactly
                    total = sum((Decimal(row[column.name]) for row in rows if row[column.name] is not None), Decimal(0))
                assert selection.totals[column.name] == total, column.name
        if selection.dataset.figure and any(
            c.name == selection.dataset.figure for c in selection.dataset.permitted(scope)
        ):
            assert selection.figure == selection.totals[selection.dataset.figure] * selection.dataset.sign
        if not selection.dataset.figure:
            assert selection.figure == len(rows)


@pytest.mark.parametrize("key", DATASETS)
def test_sums_over_currencies_name_the_table_they_were_made_by(scope_of, key):
    scope = scope_of("finance")
    if not permitted(key, scope):
        return
    months = {"month": "2026-10"}  # a month of retention has to be named
    summed = [column for column in DATASETS[key].permitted(scope) if column.kind == Kind.MONEY and not column.currency]
    assert ("15 Jul 2025" in select(key, scope, months).valued) == bool(summed)
    if scope_of("member").may(DATASETS[key].permission):
        assert select(key, scope_of("member"), months).valued == ""


@pytest.mark.parametrize("key", DATASETS)
def test_no_amounts_without_the_money_right(scope_of, key):
    scope = scope_of("member")
    if not permitted(key, scope):
        return
    selection = select(key, scope, {})
    money = [column.name for column in DATASETS[key].columns if column.kind == Kind.MONEY]
    shown = {column.name for column in selection.dataset.permitted(scope)}
    assert shown.isdisjoint(money)
    assert shown.isdisjoint(
        {column.name for column in DATASETS[key].columns if column.permission == Permission.VIEW_MONEY}
    )
    assert selection.with_columns(money).columns == selection.columns


@pytest.mark.parametrize("key", DATASETS)
def test_every_column_sorts_and_keeps_every_row(scope, key):
    """One column upwards, the next downwards: both ways are one expression of the dataset's."""
    base = select(key, scope, {})
    columns = [column for column in DATASETS[key].columns if not column.compute]
    compared = columns[:4]  # enough to tell the rows apart
    everything = sorted(map(str, base.iterate(compared)))
    assert len(everything) == base.count
    for place, column in enumerate(columns):
        selection = select(key, scope, {"sort": f"{'-' * (place % 2)}{column.name}"})
        assert selection.problems == base.problems
        assert sorted(map(str, selection.iterate(compared))) == everything, column.name


@pytest.mark.parametrize("every", [5, pytest.param(1, marks=pytest.mark.sweep)])
@pytest.mark.parametrize("key", DATASETS)
def test_every_column_sorts_under_every_filter(scope, key, every):
    """A filter may make a constant of a column, which a database refuses to sort by; make test takes every fifth pair."""
    form = DATASETS[key].form(scope=scope)
    filters = [
        {name: str(value)}
        for name, field in form.fields.items()
        for value, _label in getattr(field, "choices", ())
        if value and name not in {"sort", "columns"}
    ]
    columns = [column for column in DATASETS[key].columns if not column.compute]
    pairs = [(chosen, column.name) for chosen in filters for column in columns]
    for chosen, name in pairs[::every]:
        selection = select(key, scope, {**chosen, "sort": name})
        assert selection.sort == name
        assert len(selection.between(columns, 0, 2)) == min(selection.count, 2), (chosen, name)


@pytest.mark.parametrize("key", DATASETS)
def test_odd_parameters_fall_back_with_a_word(scope, key):
    odd = dict.fromkeys(DATASETS[key].form.base_fields, "'; DROP TABLE x;")
    odd |= {
        "sort": "nothing",
        "changes_range": "nope",
        "shared_range": "nope",
        "pay_range": "nope",
        "renewals_range": "nope",
    }
    selection = select(key, scope, odd)
    assert selection.problems
    assert selection.count >= 0


@pytest.mark.parametrize("key", DATASETS)
def test_a_search_finds_what_is_there_and_nothing_else(scope, key):
    dataset = DATASETS[key]
    if not dataset.search:
        return
    selection = select(key, scope, {})
    rows = rows_of(selection)
    if not rows:
        return
    word = next(str(row[name]) for row in rows for name in dataset.search if row.get(name))
    found = rows_of(select(key, scope, {"q": word.upper()}))
    expected = [
        row for row in rows if any(word.casefold() in str(row.get(name) or "").casefold() for name in dataset.search)
    ]
    assert sorted(map(str, found)) == sorted(map(str, expected))
    assert rows_of(select(key, scope, {"q": "no such thing anywhere"})) == []


@pytest.mark.parametrize("key", DATASETS)
def test_an_address_leads_to_the_same_selection(scope, key):
    from django.http import QueryDict

    selection = select(key, scope, {"sort": f"-{DATASETS[key].columns[0].name}", "q": "a"})
    again = select(key, scope, QueryDict(selection.address()).dict())
    assert (again.params, again.sort, again.search) == (selection.params, selection.sort, selection.search)
