"""Points by client: equal to the expected files on every day, in sum and client by client, however they are narrowed."""

from datetime import date
from decimal import Decimal

import pytest

from partner_portal.lib.rows.datasets import select

TRACKS = ("sourced", "assisted", "managed")


def rows(scope, **query):
    selection = select("breakdown", scope, query)
    names = ["client_id", *TRACKS, "total", "expiring", "next_expiry", "market", "country"]
    columns = [selection.dataset.column(name) for name in names]
    return [dict(zip(names, values, strict=True)) for values in selection.iterate(columns)]


def test_every_client_of_every_expected_day(scope, expected, expected_day):
    found = {row["client_id"]: row for row in rows(scope, on=expected_day)}
    wanted = {client["client_id"]: client for client in expected[expected_day]["clients"]}
    assert found.keys() == wanted.keys()
    for client_id, client in wanted.items():
        for name in (*TRACKS, "total"):
            assert f"{found[client_id][name]:.4f}" == client[name], (client_id, name)


def test_the_totals_are_those_of_the_expected_day(scope, expected, expected_day):
    totals = select("breakdown", scope, {"on": expected_day}).totals
    for name in (*TRACKS, "total"):
        assert f"{totals[name]:.4f}" == expected[expected_day]["points"][name]


@pytest.mark.parametrize("track", TRACKS)
@pytest.mark.parametrize("on", ["2026-11-23", "2026-01-15"])
def test_one_track_is_that_part_of_the_total(scope, expected, track, on):
    selection = select("breakdown", scope, {"track": track, "on": on})
    assert f"{selection.figure:.4f}" == expected[on]["points"][track]
    assert all(row["total"] == row[track] > 0 for row in rows(scope, track=track, on=on))


def test_the_kinds_of_deals_add_up_to_the_sold_points(scope, expected):
    figures = [select("breakdown", scope, {"kind": kind}).figure for kind in ("new", "cross_sell", "upgrade")]
    assert f"{sum(figures):.4f}" == expected["2026-11-23"]["points"]["sold"]
    assert all(figures)
    assert select("breakdown", scope, {"kind": "new", "track": "managed"}).count == 0


def test_the_markets_and_the_countries_add_up_to_everything(scope, expected):
    total = Decimal(expected["2026-11-23"]["points"]["total"])
    assert sum(select("breakdown", scope, {"market": market}).figure for market in ("growth", "standard")) == total
    countries = {row["country"] for row in rows(scope)}
    assert sum(select("breakdown", scope, {"country": country}).figure for country in countries) == total
    assert {row["market"] for row in rows(scope, country="IN")} <= {"growth"}
    assert {row["market"] for row in rows(scope, country="US")} == {"standard"}


def test_with_and_without_points_are_all_clients(scope):
    from clients.models import Client

    counts = [select("breakdown", scope, {"show": show}).count for show in ("", "none", "all")]
    assert counts[0] + counts[1] == counts[2] == Client.objects.filter(partner=scope.partner).count()
    assert select("breakdown", scope, {"show": "none"}).figure == 0


def test_what_expires_in_90_days_is_the_sum_of_its_lots(scope):
    for row in rows(scope):
        lots = select("expiring", scope, {"client": row["client_id"], "within": "90"})
        assert lots.figure == row["expiring"]
        last = date(2027, 2, 21)
        assert all(values[0] <= last for values in lots.with_columns(["expires_on"]).iterate())
    assert select("expiring", scope, {"within": "90"}).figure == select("breakdown", scope).totals["expiring"]


def test_today_and_a_past_day_are_summed_alike(scope, monkeypatch):
    """Both ways to sum, on the same day: from the ledger's sums and from its entries."""
    from tiers import breakdown as module

    chosen = module.BreakdownFilter()
    today = scope.today
    clients = module._clients(scope, today, chosen)
    names = ("pk", *TRACKS, "total", "expiring", "next_expiry")
    from_totals = {row["pk"]: row for row in module._from_totals(clients, today, chosen).values(*names)}
    from_entries = {
        row["pk"]: {name: row[name] for name in names} for row in module._summed(scope, today, chosen, clients)
    }
    assert from_totals == from_entries


def test_a_client_opens_the_entries_and_lots_its_points_are_the_sum_of(scope):
    for row in rows(scope, show="all"):
        client = row["client_id"]
        assert select("client-entries", scope, {"client": client}).figure == row["total"]
        assert select("client-lots", scope, {"client": client}).figure == row["sourced"] + row["assisted"]


def test_a_wrong_choice_is_said_and_shows_everything(scope):
    selection = select("breakdown", scope, {"track": "sauced", "on": "2099-01-01", "market": "standard"})
    assert selection.params["track"] == ""
    assert len(selection.problems) == 2
    assert selection.query == {"market": "standard"}
