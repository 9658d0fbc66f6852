"""The columns that each person chooses for a dataset: shown to them alone, in their order, and exported as shown."""

import csv
import io
import re
from html import unescape

import pytest
from django.urls import reverse

LOST = "changes-lost-sold"
YEAR = "changes_range=last-12-months"
PAGE = f"/dashboard/changes/lost-sold/?{YEAR}"
USUAL = ["Client", "Lost on", "Cause", "Points", "Track", "Deal", "Earned on", "Market", "Amount", "Why"]


def heads(html: str) -> list[str]:
    """What stands above the columns of the table of rows."""
    head = re.search(r"<thead>(.*?)</thead>", html[html.index("-rows") :], re.S)[1]
    cells = (re.sub(r"<label.*?</label>|<[^>]+>", " ", cell) for cell in re.findall(r"<th.*?</th>", head, re.S))
    return [text for text in (" ".join(cell.split()) for cell in cells) if text != "Select"]


def choose(client, *names, key=LOST, **more):
    """Post the form of columns: these are ticked, in this order."""
    return client.post(reverse("columns_choose", args=[key]), {"order": names, "column": names} | more)


def stored(person_, scope):
    from accounts.models import Membership

    return Membership.objects.get(user=person_, partner=scope.partner).columns


def exported(client, html: str) -> list[list[str]]:
    """The rows of the CSV that the page's own Export gives with the columns shown."""
    address = re.search(r'href="(/exports/new/[^"]+)"', html)[1].replace("&amp;", "&")
    assert "The 3 shown" in client.get(address).text
    file = client.post(address, {"name": "mine", "format": "csv", "dialect": "point", "columns": "shown"})
    text = b"".join(file.streaming_content).decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def test_a_choice_is_kept_per_person_and_dataset_and_exported_as_shown(web, scope, person):
    admin = web("admin")
    assert heads(admin.get(PAGE).text) == USUAL
    assert choose(admin, "client", "points", "on").status_code == 302
    html = admin.get(PAGE).text
    assert heads(html) == ["Client", "Points", "Lost on"]
    rows = exported(admin, html)
    assert rows[0] == ["Client", "Points", "Lost on"]
    on_page = re.findall(r'<th scope="row">\s*<a [^>]*>([^<]+)</a>', unescape(html))
    assert [row[0] for row in rows[1 : len(on_page) + 1]] == on_page
    assert stored(person("admin"), scope) == {LOST: ["client", "points", "on"]}
    assert heads(admin.get(f"/dashboard/changes/new-sold/?{YEAR}").text) != ["Client", "Points", "Lost on"]
    assert heads(web("manager").get(PAGE).text) == USUAL


def test_the_dialog_shows_them_and_asks_again_when_they_change(web):
    admin = web("admin")
    choose(admin, "client", "points")
    dialog = admin.get(PAGE, headers={"HX-Request": "true", "HX-Target": "dialog"}).text
    assert heads(dialog) == ["Client", "Points"]
    assert re.search(r'hx-get="[^"]+" hx-trigger="columns-chosen from:body"', dialog)
    pane = re.search(r'href="(/reports/columns/[^"]+)"', dialog)[1].replace("&amp;", "&")
    in_pane = {"HX-Request": "true", "HX-Target": "dialog-side"}
    form = admin.get(pane, headers=in_pane).text
    assert re.findall(r'value="(\w+)"\s+checked', form) == ["client", "points"]
    answer = admin.post(pane, {"order": ["client", "points", "on"], "column": ["points", "on"]}, headers=in_pane)
    assert answer.headers["HX-Trigger"] == '{"columns-chosen": {}}'
    rows = admin.get(PAGE, headers={"HX-Request": "true", "HX-Target": "dialog-rows"}).text
    assert heads(rows) == ["Client", "Points", "Lost on"]  # the column that names the row stays, ticked or not


def test_columns_move_by_buttons_and_the_focus_stays_on_them(web, scope, person):
    admin = web("admin")
    names = ["client", "points", "on", "cause"]
    moved = choose(admin, *names, up="cause", back="/reports/")
    assert stored(person("admin"), scope)[LOST] == ["client", "points", "cause", "on"]
    page = admin.get(moved["Location"]).text
    assert re.search(r'name="up" value="cause"\s+data-pressed autofocus', page)
    choose(admin, *names, up="points")
    assert stored(person("admin"), scope)[LOST] == names  # nothing stands before what names the row
    choose(admin, *names, down="points")
    assert stored(person("admin"), scope)[LOST] == ["client", "on", "points", "cause"]


def test_the_default_comes_back(web, scope, person):
    admin = web("admin")
    choose(admin, "client", "points")
    choose(admin, "client", "points", reset="yes")
    assert stored(person("admin"), scope) == {}
    assert heads(admin.get(PAGE).text) == USUAL


def test_the_form_leads_back_into_the_portal_and_nowhere_else(web):
    admin = web("admin")
    asked = admin.get(reverse("columns_choose", args=[LOST]), headers={"Referer": f"http://testserver{PAGE}"}).text
    assert f'name="back" value="{PAGE}"' in asked
    assert choose(admin, "client", back=PAGE)["Location"] == PAGE
    for elsewhere in ("https://evil.example/", "//evil.example/", "javascript:alert(1)", "http://[::1"):
        assert choose(admin, "client", back=elsewhere)["Location"] == f"/reports/rows/{LOST}/"
        other = admin.get(
            reverse("columns_choose", args=[LOST]), {"back": elsewhere}, headers={"Referer": elsewhere}
        ).text
        assert f'name="back" value="/reports/rows/{LOST}/"' in other


def test_what_a_role_may_not_see_is_not_offered_stored_or_shown(web, scope, person):
    member = web("member")
    offered = member.get(reverse("columns_choose", args=[LOST])).text
    assert 'value="points"' in offered
    assert 'value="amount"' not in offered
    choose(member, "client", "amount", "points", "nonsense")
    assert stored(person("member"), scope)[LOST] == ["client", "points"]
    assert heads(member.get(PAGE).text) == ["Client", "Points"]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["client", "gone", "amount", "points"], ["Client", "Points"]),
        (["points"], ["Client", "Points"]),
        (["gone", "amount"], [head for head in USUAL if head != "Amount"]),
        (["client", "client", "points"], ["Client", "Points"]),
    ],
)
def test_a_stored_choice_may_be_of_another_role_or_version(web, scope, person, names, expected):
    from accounts.models import Membership

    Membership.objects.filter(user=person("member"), partner=scope.partner).update(columns={LOST: names})
    page = web("member").get(PAGE)
    assert heads(page.text) == expected
    assert "no column" not in page.text.lower()


def test_rows_stay_sorted_by_a_column_that_is_hidden_and_the_caption_says_so(web):
    admin = web("admin")
    choose(admin, "client", "on")
    by_points = f"{PAGE}&sort=points"
    assert "Sorted by Points, smallest first" in admin.get(by_points).text
    first = re.search(r'<th scope="row">\s*<a [^>]*>([^<]+)</a>', admin.get(by_points).text)[1]
    choose(admin, "client", reset="yes")
    page = admin.get(by_points).text
    assert "Sorted by" not in page
    assert re.search(r'<th scope="row">\s*<a [^>]*>([^<]+)</a>', page)[1] == first


def test_saved_reports_keep_their_own_columns_and_export_them(web, scope):
    from partner_portal.lib.rows.datasets import select
    from reports.services import saved

    columns = ["client", "points", "cause"]
    report = saved.save_report(
        scope=scope,
        selection=select(LOST, scope, {"changes_range": "last-12-months"}).with_columns(columns),
        fixed=False,
        appearance={"name": "Losses"},
    )
    admin = web("admin")
    choose(admin, "client", "on")
    html = admin.get(reverse("report", args=[report.pk])).text
    assert heads(html) == ["Client", "Points", "Cause"]
    assert "/reports/columns/" not in html
    assert exported(admin, html)[0] == ["Client", "Points", "Cause"]


def test_a_page_that_a_browser_keeps_changes_with_the_choice(web):
    admin = web("admin")
    admin.get("/accounts/profile/")  # gives the cookie of forms
    etag = admin.get(PAGE).headers["ETag"]
    assert admin.get(PAGE, headers={"If-None-Match": etag}).status_code == 304
    pane = {"HX-Request": "true", "HX-Target": "page-side"}
    admin.post(reverse("columns_choose", args=[LOST]), {"order": ["client"], "column": ["points"]}, headers=pane)
    again = admin.get(PAGE, headers={"If-None-Match": etag})
    assert again.status_code == 200
    assert heads(again.text) == ["Client", "Points"]


PAGES = {
    "clients": (
        "/clients/",
        "Client Health Points MRR",
        ["client", "next_expiry", "points_total", "country", "client_id"],
    ),
    "renewals": ("/renewals/", "Client Time to renew Decide by", ["client", "client_id", "stake", "stake_sold"]),
    "commission-lines": (
        "/commissions/statements/S-2026Q3/",
        "Line Client Invoiced",
        ["line_no", "commission", "payout_currency", "pay_on"],
    ),
}
CHOSEN_HEADS = {
    "clients": ["Client", "Next expiry", "Points"],  # country and id stand below the client
    "renewals": ["Client", "Client id", "Points at stake"],
    "commission-lines": ["Line", "Commission", "Pay date", "Question"],
}


@pytest.mark.parametrize("key", PAGES)
def test_pages_with_a_table_of_their_own_show_and_export_the_choice(web, key):
    path, usual, names = PAGES[key]
    admin = web("admin")
    html = admin.get(path, follow=True).text
    assert " ".join(heads(html)).startswith(usual)
    pane = re.search(r'href="(/reports/columns/[^"]+)"', html)[1].replace("&amp;", "&")
    form = admin.get(pane).text
    shown = re.findall(r'value="(\w+)"\s+checked', form)
    assert shown[0] == names[0]
    admin.post(pane, {"order": names, "column": names})
    html = admin.get(path, follow=True).text
    assert heads(html) == CHOSEN_HEADS[key]
    export = re.search(r'href="(/exports/new/[^"]+)"', html)[1].replace("&amp;", "&")
    file = admin.post(
        export, {"name": "x", "format": "csv", "dialect": "point", "columns": "shown", "stable_names": "on"}
    )
    text = b"".join(file.streaming_content).decode("utf-8-sig")
    assert text.splitlines()[0].replace('"', "").split(",") == names
    admin.post(pane, {"reset": "yes"})
    html = admin.get(path, follow=True).text
    assert " ".join(heads(html)).startswith(usual)


def test_on_a_phone_a_choice_leaves_three_columns_in_view(web):
    admin = web("admin")
    choose(admin, "client", "next_expiry", "tool_usage", "country", "points_total", "mrr_usd", key="clients")
    html = admin.get("/clients/").text
    head = re.search(r"<thead>(.*?)</thead>", html[html.index("page-rows") :], re.S)[1]
    kept = [cell for cell in re.findall(r"<th.*?</th>", head, re.S) if "later" not in cell]
    assert heads(f"-rows <thead>{''.join(kept)}</thead>") == ["Client", "Next expiry", "Points"]
