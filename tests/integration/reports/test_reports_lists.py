"""Lists: made from rows, added to, used as a filter, changed, deleted and brought back."""

from html import escape
from html.parser import HTMLParser
from uuid import uuid4

import pytest
from django.urls import reverse

from partner_portal.lib.rows.datasets import select
from reports.models import ListMember, SavedList

LOST = "changes-lost-sold"
YEAR = "?changes_range=last-12-months"


def use(client, query=YEAR, key=LOST, htmx=False, **form):
    given = {"where": "new", "name": "Win back", "key": str(uuid4())} | form
    headers = {"HX-Request": "true", "HX-Target": "dialog-side"} if htmx else {}
    return client.post(reverse("list_use", args=[key]) + query, given, headers=headers)


def test_all_matching_clients_go_in_and_twice_is_once(web, scope):
    client = web("admin")
    key = str(uuid4())
    response = client.post(
        reverse("list_use", args=[LOST]) + YEAR, {"where": "new", "name": "Win back", "key": key},
        headers={"HX-Request": "true", "HX-Target": "dialog-side"},
    )  # fmt: skip
    expected = select(LOST, scope, {"changes_range": "last-12-months"}).totals["clients"]
    assert expected > 10
    assert f"{expected} clients added" in response.content.decode()
    client.post(reverse("list_use", args=[LOST]) + YEAR, {"where": "new", "name": "Win back", "key": key})
    assert SavedList.objects.count() == 1
    assert ListMember.objects.count() == expected


def test_only_the_ticked_rows(web, scope):
    rows = select(LOST, scope, {"changes_range": "last-12-months"}).ordered()
    two = [row["c__row"] for row in rows[:2]]
    clients = {row["c__client"] for row in rows[:2]}
    use(web("admin"), row=[*two, 999_999_999])
    assert set(ListMember.objects.values_list("client_id", flat=True)) == clients


@pytest.mark.parametrize("row", ["rubbish", "9" * 400, "-1", "1.5", "", "١"])
@pytest.mark.parametrize("key", [LOST, "clients"])
def test_a_ticked_row_that_is_none_adds_nobody(web, scope, key, row):
    answer = use(web("admin"), query="", key=key, row=[row])
    assert answer.status_code == 302
    assert not ListMember.objects.exists()


def test_rows_without_clients_go_into_no_list(web, scope):
    assert use(web("admin"), query="", key="certified-people").status_code == 404
    assert not SavedList.objects.exists()


class Form(HTMLParser):
    """The form that a button of a page without script sends: where to, its hidden fields, and the boxes that are its own."""

    def __init__(self, page, button):
        super().__init__()
        self.forms, self.boxes, self.inside, self.button, self.sent_by = {}, [], None, button, None
        self._open = None
        self.feed(page)
        self.close()
        attributes = self.sent_by
        form = self.forms[attributes["form"]]
        self.action = attributes.get("formaction", form["action"])
        self.fields = form["fields"] | ({attributes["name"]: attributes["value"]} if "name" in attributes else {})
        self.rows = [box["value"] for box in self.boxes if box["form"] == attributes["form"]]

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "form":
            self.inside = given.get("id") or id(given)
            self.forms[self.inside] = {"action": given.get("action"), "fields": {}}
        elif tag == "input" and given.get("type") == "hidden" and self.inside:
            self.forms[self.inside]["fields"][given["name"]] = given["value"]
        elif tag == "input" and given.get("name") == "row":
            self.boxes.append(given)
        elif tag == "button" and "form" in given:
            self._open = given

    def handle_endtag(self, tag):
        if tag == "form":
            self.inside = None
        elif tag == "button":
            self._open = None

    def handle_data(self, data):
        if self._open is not None and data.strip() == self.button:
            self.sent_by = self._open


def test_ticks_work_without_script(web, scope):
    """The boxes of the page belong to a plain form; its button asks what to do with them, and says how many there are."""
    client = web("admin")
    client.handler.enforce_csrf_checks = True
    rows = client.get(reverse("dataset_rows", args=[LOST]) + YEAR).content.decode()
    form = Form(rows, "Use the ticked rows in a list")
    assert form.action == reverse("list_use", args=[LOST]) + YEAR
    assert len(form.rows) == 25
    page = client.post(form.action, form.fields | {"row": form.rows[:5]}).content.decode()
    assert "Add the clients of the ticked rows (5)" in page
    assert "This field is required" not in page
    sent = {"where": "new", "name": "Five", "key": str(uuid4()), "row": form.rows[:5]}
    sent["csrfmiddlewaretoken"] = form.fields["csrfmiddlewaretoken"]
    client.post(form.action, sent)
    kept = SavedList.objects.get()
    found = select(LOST, scope, {"changes_range": "last-12-months"}).rows.filter(pk__in=form.rows[:5])
    assert set(kept.members.values_list("client_id", flat=True)) == set(found.values_list("client_id", flat=True))
    # The same boxes take members out of a list.
    form = Form(client.get(reverse("list", args=[kept.pk])).content.decode(), "Take the ticked clients out")
    before = kept.members.count()
    client.post(form.action, form.fields | {"row": form.rows[:1]})
    assert kept.members.count() == before - 1
    # Without a tick all rows are meant, and the button says so.
    form = Form(rows, "Use the ticked rows in a list")
    assert "Add all" in client.post(form.action, form.fields).content.decode()


def test_names_of_any_kind_are_texts(web, scope):
    client = web("admin")
    names = ["=1+1", "<script>alert(1)</script>", "שלום", "Zoë 😀", "\u202eright to left", 'He said "no"']
    for name in names:
        use(client, name=name, row=["1"])
    stored = [name.removeprefix("\u202e") for name in names]  # nothing turns the direction of a page
    assert list(SavedList.objects.order_by("pk").values_list("name", flat=True)) == stored
    page = client.get(reverse("lists")).content.decode()
    assert all(escape(name) in page for name in stored)
    answer = use(client, name="x" * 10_000, htmx=True)
    assert answer.context["form"]["name"].errors
    assert use(client, name="a\x00b", htmx=True).status_code == 400
    assert SavedList.objects.count() == len(names)


def test_adding_says_how_many_were_there(web, scope):
    client = web("admin")
    all_clients = set(select(LOST, scope, {"changes_range": "last-12-months"}).rows.values_list("client_id", flat=True))
    one = next(iter(all_clients))
    row = (
        select(LOST, scope, {"changes_range": "last-12-months"})
        .rows.filter(client_id=one)
        .values_list("pk", flat=True)[0]
    )
    use(client, row=[row])
    kept = SavedList.objects.get()
    response = use(client, where="old", saved_list=kept.pk, htmx=True)
    assert f"{len(all_clients) - 1} clients added, 1 already there" in response.content.decode()
    member = ListMember.objects.get(client_id=one)
    assert member.added_by.email == "admin@northwind.example"
    assert member.source.startswith("Lost sold points, 24 Nov 2025 to 23 Nov 2026")


def test_a_list_narrows_every_dataset_about_clients(web, scope):
    client = web("admin")
    rows = select(LOST, scope, {"changes_range": "last-12-months"}).ordered()
    use(client, row=[rows[0]["c__row"]])
    kept = SavedList.objects.get()
    narrowed = select(LOST, scope, {"changes_range": "last-12-months", "list": str(kept.pk)})
    assert {row["c__client"] for row in narrowed.ordered()} == {rows[0]["c__client"]}
    assert narrowed.filter_texts == ["Clients of the list “Win back”"]
    assert f"list={kept.pk}" in narrowed.address()
    client.post(reverse("list_delete", args=[kept.pk]))
    again = select(LOST, scope, {"changes_range": "last-12-months", "list": str(kept.pk)})
    assert again.problems == ("That list is gone, so all clients are shown.",)
    assert again.count > narrowed.count


def test_a_list_of_another_partner_does_not_exist(web, scope, scope_of):
    use(web("admin"))
    kept = SavedList.objects.get()
    other = web("outsider")
    assert other.get(reverse("list", args=[kept.pk])).status_code == 404
    for route in ("list_rename", "list_copy", "list_delete", "list_remove"):
        assert other.post(reverse(route, args=[kept.pk]), {"name": "x"}).status_code == 404
    selection = select(LOST, scope_of("outsider"), {"list": str(kept.pk)})
    assert selection.problems == ("That list is gone, so all clients are shown.",)


def test_rename_copy_delete_undo_and_take_out(web, scope):
    client = web("manager")
    use(client)
    kept = SavedList.objects.get()
    client.post(reverse("list_rename", args=[kept.pk]), {"name": "Calls"})
    response = client.post(reverse("list_copy", args=[kept.pk]))
    copy = SavedList.objects.get(name="Calls (2)")
    assert copy.members.count() == kept.members.count()
    member = copy.members.first()
    client.post(reverse("list_remove", args=[copy.pk]), {"row": [member.client_id]})
    assert copy.members.count() == kept.members.count() - 1
    response = client.post(reverse("list_delete", args=[kept.pk]), follow=True)
    assert "“Calls” is deleted." in response.content.decode()
    assert client.get(reverse("list", args=[kept.pk])).status_code == 404
    client.post(reverse("list_restore", args=[kept.pk]))
    assert client.get(reverse("list", args=[kept.pk])).status_code == 200


def test_only_its_maker_and_admins_change_a_list(web, scope):
    use(web("manager"))
    kept = SavedList.objects.get()
    assert web("member").post(reverse("list_delete", args=[kept.pk])).status_code == 403
    assert "Delete" not in web("member").get(reverse("lists")).content.decode()
    assert web("admin").post(reverse("list_delete", args=[kept.pk])).status_code == 302


def test_names_differ(web, scope):
    client = web("admin")
    use(client)
    response = use(client, name="win BACK")
    assert "Another list has this name" in response.content.decode()


def test_the_page_of_a_list_shows_who_added_whom_from_where(web, scope):
    use(web("admin"))
    page = web("member").get(reverse("list", args=[SavedList.objects.get().pk])).content.decode()
    assert "Pia Lundquell" in page
    assert "Lost sold points, 24 Nov 2025" in page


def test_the_toolbar_of_rows_about_clients_offers_the_lists(web, scope):
    client = web("admin")
    use(client)
    kept = SavedList.objects.get()
    for name in ("clients", "tier_breakdown", "renewals"):
        page = client.get(reverse(name), {"list": str(kept.pk)}).content.decode()
        assert f'<option value="{kept.pk}" selected>Win back</option>' in page, name
    page = client.get(reverse("dataset_rows", args=["commission-lines"]), {"list": str(kept.pk)}).content.decode()
    assert page.count('name="list"') == 1  # the choice, and not a second, hidden one
    assert "Win back" not in client.get(reverse("dataset_rows", args=["certified-people"])).content.decode()
