"""What a browser asks to be replaced is a header that anybody can set: no page breaks over it, and none loses its frame."""

from datetime import time

import pytest
from django.urls import reverse

from partner_portal.lib.rows.datasets import select
from reports.services import exports, lists, saved, schedules

TARGETS = ["dialog", "dialog-rows", "rubbish", "", "x" * 5000, "\u00e9\u4e16", "../base.html#a"]


@pytest.fixture
def addresses(scope):
    """Pages of every kind that have parts, and those of things that somebody stored."""
    selection = select("changes-lost-sold", scope, {"changes_range": "last-12-months"})
    client_list = lists.make_list(scope=scope, name="Win back", selection=selection).client_list
    report = saved.save_report(scope=scope, selection=selection, fixed=False, appearance={"name": "Lost"})
    export = exports.request_export(
        scope=scope, selection=selection, export_request=exports.ExportRequest(name="lost", format="csv")
    )
    exports.start_now(scope=scope, selection=selection, export=export)
    schedule = schedules.make_schedule(
        scope=scope, report=report, member_ids=[scope.user.pk], addresses=[],
        values={"frequency": "daily", "at": time(7, 30), "zone": "UTC", "format": "csv"},
    )  # fmt: skip
    return [
        reverse("lists"), reverse("list", args=[client_list.pk]), reverse("reports"), reverse("report", args=[report.pk]),
        reverse("report_delete", args=[report.pk]), reverse("exports"), reverse("export", args=[export.pk]),
        reverse("schedules"), reverse("schedule", args=[schedule.pk]), reverse("dataset_rows", args=["certified-people"]),
        reverse("calculator"), reverse("tier_plans"),
    ]  # fmt: skip


def test_any_target_is_answered(web, addresses):
    client = web("admin")
    for place, address in enumerate(addresses):
        whole = client.get(address)
        for target in (*TARGETS[:3], TARGETS[3 + place % 4]):
            answer = client.get(address, headers={"HX-Request": "true", "HX-Target": target})
            assert answer.status_code == 200, (address, target)
            if target == "rubbish":  # nothing is known by that name, so it is the page as it always is
                assert b'id="main"' in answer.content, address
                assert answer.content.count(b"<section") == whole.content.count(b"<section"), address


def test_a_page_without_the_dialogs_part_is_the_page(web, addresses):
    """A list has no part for the dialog: the whole page comes, with the ids of a page."""
    answer = web("admin").get(addresses[1], headers={"HX-Request": "true", "HX-Target": "dialog"})
    html = answer.content.decode()
    assert 'id="page-rows"' in html
    assert 'id="dialog-rows"' not in html
