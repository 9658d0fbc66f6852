"""Saved reports: they reopen as they were, move or stand still as chosen, and never widen anybody's rights."""

import re
from datetime import date, timedelta
from uuid import uuid4

import pytest
from django.core import mail
from django.urls import reverse

from partner_portal.lib.dates import clock
from partner_portal.lib.rows.datasets import all_datasets, select
from reports.comparison import grouped
from reports.models import SavedList, SavedReport

LOST = "changes-lost-sold"
QUERY = "?changes_range=last-30-days&cause=expired&sort=points&q=a"


def save(client, key=LOST, query=QUERY, **form):
    given = {"name": "Expired", "days": "moving", "column": ["points", "client", "on"], "place-points": "1",
             "place-client": "2", "place-on": "3", "key": str(uuid4()), "comparison": "", "chart": ""}  # fmt: skip
    return client.post(reverse("report_new", args=[key]) + query, given | form)


def test_it_reopens_as_it_was(web, scope):
    client = web("admin")
    save(client)
    saved = SavedReport.objects.get()
    assert saved.params == {"changes_range": "last-30-days", "cause": "expired", "sort": "points", "q": "a"}
    assert saved.columns == ["points", "client", "on"]
    page = client.get(reverse("report", args=[saved.pk]))
    shown = page.context["drill"].selection
    expected = select(LOST, scope, saved.params)
    assert (shown.figure, shown.count, shown.sort) == (expected.figure, expected.count, "points")
    assert [column.name for column in shown.columns] == ["points", "client", "on"]
    assert not page.context["changed"]


def test_a_moving_range_moves_and_a_fixed_one_stands_still(web, scope):
    client = web("admin")
    save(client, name="moving")
    save(client, name="fixed", days="fixed")
    later = date(2026, 12, 23)
    days = {}
    with clock.moved_to(later):
        for saved in SavedReport.objects.all():
            days[saved.name] = (
                client.get(reverse("report", args=[saved.pk])).context["drill"].selection.params["period"]
            )
    assert (days["moving"].first, days["moving"].last) == (date(2026, 11, 24), later)
    assert (days["fixed"].first, days["fixed"].last) == (date(2026, 10, 25), date(2026, 11, 23))


def test_the_same_form_twice_makes_one(web, scope):
    client, key = web("admin"), str(uuid4())
    for _time in range(2):
        client.post(
            reverse("report_new", args=[LOST]), {"name": "x", "column": ["client"], "key": key, "days": "moving"}
        )
    assert SavedReport.objects.count() == 1


def test_a_change_is_noticed_and_can_be_saved(web, scope):
    client = web("admin")
    save(client)
    pk = SavedReport.objects.get().pk
    address = reverse("report", args=[pk]) + "?look=1&changes_range=last-12-months"
    page = client.get(address)
    assert page.context["changed"]
    assert "Changed, not saved" in page.content.decode()
    client.post(
        page.context["edit_address"], {"name": "Expired", "days": "moving", "column": ["client"], "key": str(uuid4())}
    )
    saved = SavedReport.objects.get()
    assert saved.params == {"changes_range": "last-12-months"}
    assert saved.columns == ["client"]


def test_what_no_longer_exists_is_a_notice_and_the_rest_stays(web, scope):
    client = web("admin")
    kept = SavedList.objects.create(partner=scope.partner, owner=scope.user, name="L")
    save(client, query=f"?changes_range=last-12-months&list={kept.pk}")
    saved = SavedReport.objects.get()
    SavedReport.objects.update(columns=["client", "gone", "points"], params=saved.params | {"cause": "vanished"})
    client.post(reverse("list_delete", args=[kept.pk]))
    page = client.get(reverse("report", args=[saved.pk]))
    words = page.content.decode()
    assert "That list is gone, so all clients are shown." in words
    assert "These columns no longer exist: gone." in words
    assert "“vanished” is not one of the choices" in words
    shown = page.context["drill"].selection
    assert [column.name for column in shown.columns] == ["client", "points"]
    assert shown.params["period"].first == date(2025, 11, 24)


def test_private_ones_are_their_owners_and_shared_ones_keep_rights(web, scope):
    save(web("manager"), name="private")
    save(web("manager"), name="shared", shared="on", column=["client", "amount", "points"])
    private, shared = SavedReport.objects.get(name="private"), SavedReport.objects.get(name="shared")
    assert web("admin").get(reverse("report", args=[private.pk])).status_code == 404
    assert web("outsider").get(reverse("report", args=[shared.pk])).status_code == 404
    page = web("member").get(reverse("report", args=[shared.pk]))
    assert [column.name for column in page.context["drill"].selection.columns] == ["points", "client"]
    assert web("member").post(reverse("report_delete", args=[shared.pk]), {"sure": "yes"}).status_code == 403
    web("member").post(reverse("report_copy", args=[shared.pk]))
    copy = SavedReport.objects.get(owner__email="member@northwind.example")
    assert (copy.shared, copy.columns) == (False, shared.columns)


def test_an_editor_without_the_money_right_loses_no_column_of_others(web, scope, person):
    save(web("manager"), shared="on", column=["client", "amount"])
    saved = SavedReport.objects.get()
    SavedReport.objects.update(owner=person("member"))
    web("member").post(
        reverse("report_edit", args=[saved.pk]),
        {"name": "mine", "column": ["points"], "key": str(uuid4()), "shared": "on"},
    )
    saved.refresh_from_db()
    assert saved.columns == ["points", "amount"]


def test_cards_on_the_dashboard(web, scope):
    client = web("admin")
    save(client, name="one", then="mine")
    save(client, name="all", then="partner")
    one, everybody = SavedReport.objects.get(name="one"), SavedReport.objects.get(name="all")
    assert everybody.shared
    page = client.get(reverse("report_cards")).content.decode()
    assert page.index(">one<") < page.index(">all<")
    client.post(reverse("report_pin", args=[everybody.pk]), {"move": "earlier"})
    page = client.get(reverse("report_cards")).content.decode()
    assert page.index(">all<") < page.index(">one<")
    others = web("member").get(reverse("report_cards")).content.decode()
    assert ">all<" in others
    assert ">one<" not in others
    client.post(reverse("report_pin", args=[one.pk]), {"pinned": ""})
    assert ">one<" not in client.get(reverse("report_cards")).content.decode()
    waiting = client.get("/dashboard/", follow=True).text
    assert waiting.count('class="report-card skeleton"') == 1  # the room of the card that is left


def test_comparison_is_the_days_before_and_a_year_before():
    from partner_portal.lib.dates.periods import Period
    from reports.comparison import period_before, year_before

    month = Period(date(2026, 11, 1), date(2026, 11, 23))
    assert period_before(month, "this-month") == Period(date(2026, 10, 1), date(2026, 10, 23))
    assert period_before(Period(date(2026, 3, 1), date(2026, 3, 31)), "this-month") == Period(
        date(2026, 2, 1), date(2026, 2, 28)
    )
    assert period_before(Period(date(2026, 10, 1), date(2026, 10, 31)), "previous-month").first == date(2026, 9, 1)
    assert period_before(Period(date(2026, 10, 25), date(2026, 11, 23)), "") == Period(
        date(2026, 9, 25), date(2026, 10, 24)
    )
    assert year_before(Period(date(2024, 2, 29), date(2024, 3, 1))) == Period(date(2023, 2, 28), date(2023, 3, 1))


def test_chart_and_comparison_follow_a_filter_that_is_changed(web, scope):
    """All the figures of the page are of the same rows, whichever part of it is fetched."""
    client = web("admin")
    save(client, chart="bar", comparison="prev", query="?changes_range=last-12-months&cause=expired")
    address = reverse("report", args=[SavedReport.objects.get().pk])
    by, rows = client.get(address).context["chart"]
    assert (str(by), len(rows)) == ("Track", 2)  # all of one cause would be one bar
    part = client.get(
        address + "?changes_range=last-12-months&look=1", headers={"HX-Request": "true", "HX-Target": "page-rows"}
    )
    text = part.content.decode()
    everything = select(LOST, scope, {"changes_range": "last-12-months"})
    by, rows = part.context["chart"]
    assert (str(by), sum(value for _label, value in rows)) == ("Cause", everything.figure)
    assert re.search(r'id="report-chart"\s+hx-swap-oob="true"', text)
    before = select(LOST, scope, {"changes_from": "2024-11-24", "changes_to": "2025-11-23"})
    assert f"from {before.count} rows." in text
    assert 'id="report-comparison" hx-swap-oob="true"' in text


def test_more_bars_than_fit_are_one_bar(scope):
    everything = select(LOST, scope, {"changes_from": "2022-01-01", "changes_to": "2026-11-23"})
    _by, rows = grouped(everything, "line", most=4)
    assert [label for label, _value in rows] == ["before", "2026-09", "2026-10", "2026-11"]
    assert sum(value for _label, value in rows) == everything.figure
    _by, rows = grouped(everything, "bar", most=2)
    assert [label for label, _value in rows][1:] == ["others"]
    assert sum(value for _label, value in rows) == everything.figure


@pytest.mark.parametrize("key", [dataset.key for dataset in all_datasets()])
def test_every_kind_of_rows_by_every_column_sums_to_its_figure(scope, key):
    year = {f"{prefix}range": "last-12-months" for prefix in ("changes_", "shared_", "pay_", "renewals_", "")}
    selection = select(key, scope, year)
    for column in selection.dataset.permitted(scope):
        if not column.compute and (column.choices or column.kind in {"date", "month"}):
            by = selection.figures_by(column)
            assert sum(value for _key, value in by) == selection.figure, column.name
            assert len({value for value, _sum in by}) == len(by)


def test_a_chart_is_one_query_however_many_rows(scope, django_assert_num_queries):
    for days in ("last-30-days", "last-12-months"):
        selection = select(LOST, scope, {"changes_range": days})
        with django_assert_num_queries(1):
            assert grouped(selection, "line")


def test_charts_sum_to_the_figure(web, scope):
    client = web("admin")
    for chart in ("bar", "line"):
        save(client, name=chart, chart=chart, query="?changes_range=last-12-months")
        page = client.get(reverse("report", args=[SavedReport.objects.get(name=chart).pk]))
        by, rows = page.context["chart"]
        assert str(by) == {"bar": "Cause", "line": "Lost on"}[chart]
        assert len(rows) > 1
        assert sum(value for _label, value in rows) == page.context["drill"].selection.figure


def test_deleting_names_the_schedules_and_can_be_undone(web, scope, django_capture_on_commit_callbacks):
    from datetime import time

    from reports.models import Schedule

    client = web("admin")
    save(client)
    saved = SavedReport.objects.get()
    Schedule.objects.create(
        partner=scope.partner, owner=scope.user, report=saved, frequency="daily", at=time(7), zone="UTC",
        next_slot=clock.now(),
    )  # fmt: skip
    page = client.post(reverse("report_delete", args=[saved.pk]))
    assert "1 schedule sends this report and will pause" in page.content.decode()
    assert client.get(reverse("report", args=[saved.pk])).status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        page = client.post(reverse("report_delete", args=[saved.pk]), {"sure": "yes"}, follow=True)
    assert "“Expired” is deleted." in page.content.decode()
    schedule = Schedule.objects.get()
    assert (schedule.paused, schedule.next_slot) == ("Its report was deleted.", None)
    assert [(told.to, told.subject) for told in mail.outbox] == [(["admin@northwind.example"], "“Expired” is paused")]
    client.post(reverse("schedule_state", args=[schedule.pk]), {"do": "resume"})
    assert "Bring the report back first." in client.get(reverse("schedule", args=[schedule.pk])).content.decode()
    client.post(reverse("report_restore", args=[saved.pk]))
    assert client.get(reverse("report", args=[saved.pk])).status_code == 200
    client.post(reverse("schedule_state", args=[schedule.pk]), {"do": "resume"})
    schedule.refresh_from_db()
    assert schedule.next_slot > clock.now()


def test_reading_writes_nothing_and_the_page_tells_that_it_was_opened(web, scope):
    client = web("admin")
    save(client)
    saved = SavedReport.objects.get()
    address = reverse("report_opened", args=[saved.pk])
    assert f'hx-post="{address}"' in client.get(reverse("report", args=[saved.pk])).content.decode()
    assert SavedReport.objects.get().opened_at is None
    assert client.get(address).status_code == 405
    assert client.post(address).status_code == 204
    assert SavedReport.objects.get().opened_at is not None


def test_what_was_deleted_comes_back_for_30_days(web, scope):
    client = web("admin")
    save(client)
    saved = SavedReport.objects.get()
    for days, back in ((31, False), (29, True)):
        SavedReport.objects.update(deleted_at=clock.now() - timedelta(days=days))
        client.post(reverse("report_restore", args=[saved.pk]))
        assert (SavedReport.objects.get().deleted_at is None) == back


def test_schedules_of_money_begin_with_sending_what_is_empty(web):
    client = web("admin")
    for key, chosen in (("commission-lines", "send"), (LOST, "skip")):
        page = client.get(reverse("schedule_new", args=[key]))
        assert page.context["form"]["when_empty"].value() == chosen
