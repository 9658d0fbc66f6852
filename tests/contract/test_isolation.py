"""The wall between partners: a real row of every kind of Northwind, its real address, asked by everybody in every way."""

import re
from pathlib import Path

import pytest
from django.db import connection, transaction
from django.urls import URLPattern, reverse
from psycopg import sql

from accounts.checks import GUARDED_ELSEWHERE, routes
from tests.contract.conftest import CALLERS, MARK, ROLES, guarded_tables

# What GET and POST (without a form) are answered: admin, manager, finance, member of Northwind | the same of Southwind.
# Without a right it is 403, of another partner 404, and the wrong method 405 before either. The rows are the admin's own.
# A few forms take a row that is gone for done already and lead back (302), to Southwind as for a row that never was.
TABLE = {
    "client": "200 405, 200 405, 200 405, 200 405 | 404 405, 404 405, 404 405, 404 405",
    "notices_channel": "200 200, 403 403, 403 403, 403 403 | 404 404, 403 403, 403 403, 403 403",
    "notices_channel_action": "405 302, 405 403, 405 403, 405 403 | 405 404, 405 403, 405 403, 405 403",
    "notice": "302 405, 404 405, 404 405, 404 405 | 404 405, 404 405, 404 405, 404 405",
    "tier_client": "200 405, 200 405, 200 405, 200 405 | 404 405, 404 405, 404 405, 404 405",
    "renewal_client": "200 405, 200 405, 200 405, 200 405 | 404 405, 404 405, 404 405, 404 405",
    "commission_client": "200 405, 200 405, 200 405, 403 405 | 404 405, 404 405, 404 405, 403 405",
    "client_facts": "200 405, 200 405, 403 405, 403 405 | 404 405, 404 405, 403 405, 403 405",
    "client_facts_of_kind": "200 405, 200 405, 403 405, 403 405 | 404 405, 404 405, 403 405, 403 405",
    "product_line_facts": "200 405, 200 405, 403 405, 403 405 | 404 405, 404 405, 403 405, 403 405",
    "fact_withdraw": "200 422, 200 422, 403 403, 403 403 | 404 404, 404 404, 403 403, 403 403",
    "fact_restore": "200 302, 200 302, 403 403, 403 403 | 404 404, 404 404, 403 403, 403 403",
    "product_line_merge": "200 422, 200 422, 403 403, 403 403 | 404 404, 404 404, 403 403, 403 403",
    "product_line_undo": "200 302, 200 302, 403 403, 403 403 | 404 404, 404 404, 403 403, 403 403",
    "commission_statement": "200 405, 200 405, 200 405, 403 405 | 404 405, 404 405, 404 405, 403 405",
    "commission_statement_print": "200 405, 200 405, 200 405, 403 405 | 404 405, 404 405, 404 405, 403 405",
    "commission_question": "200 200, 200 200, 200 200, 403 403 | 404 404, 404 404, 404 404, 403 403",
    "accounts_member_role": "302 302, 403 403, 403 403, 403 403 | 404 302, 403 403, 403 403, 403 403",
    "accounts_member_invite": "302 302, 403 403, 403 403, 403 403 | 404 302, 403 403, 403 403, 403 403",
    "accounts_member_remove": "200 302, 403 403, 403 403, 403 403 | 404 302, 403 403, 403 403, 403 403",
    "api_token_revoke": "200 302, 404 404, 404 404, 404 404 | 404 404, 404 404, 404 404, 404 404",
    "settings_contact": "200 200, 403 403, 403 403, 403 403 | 404 404, 403 403, 403 403, 403 403",
    "settings_contact_remove": "405 302, 405 403, 405 403, 405 403 | 405 404, 405 403, 405 403, 405 403",
    "settings_contact_move": "405 302, 405 403, 405 403, 405 403 | 405 404, 405 403, 405 403, 405 403",
    "imports_batch": "200 405, 200 405, 403 405, 403 405 | 404 405, 404 405, 403 405, 403 405",
    "imports_kinds": "405 302, 405 302, 405 403, 405 403 | 405 404, 405 404, 405 403, 405 403",
    "imports_commit": "405 302, 405 302, 405 403, 405 403 | 405 404, 405 404, 405 403, 405 403",
    "imports_discard": "405 302, 405 302, 405 403, 405 403 | 405 404, 405 404, 405 403, 405 403",
    "imports_retry": "405 302, 405 302, 405 403, 405 403 | 405 404, 405 404, 405 403, 405 403",
    "imports_errors": "200 405, 200 405, 403 405, 403 405 | 404 405, 404 405, 403 405, 403 405",
    "imports_complete": "405 302, 405 302, 405 403, 405 403 | 405 404, 405 404, 405 403, 405 403",
    "imports_check": "405 302, 405 302, 405 403, 405 403 | 405 404, 405 404, 405 403, 405 403",
    "imports_missing": "200 405, 200 405, 403 405, 403 405 | 404 405, 404 405, 403 405, 403 405",
    "imports_undo": "405 302, 405 302, 405 403, 405 403 | 405 404, 405 404, 405 403, 405 403",
    "imports_changes": "200 405, 200 405, 403 405, 403 405 | 404 405, 404 405, 403 405, 403 405",
    "imports_changes_file": "200 405, 200 405, 403 405, 403 405 | 404 405, 404 405, 403 405, 403 405",
    "imports_row": "200 405, 200 405, 403 405, 403 405 | 404 405, 404 405, 403 405, 403 405",
    "imports_mapping": "200 200, 200 200, 403 403, 403 403 | 404 404, 404 404, 403 403, 403 403",
    "imports_forget_mapping": "405 302, 405 302, 405 403, 405 403 | 405 404, 405 404, 405 403, 405 403",
    "connection": "200 405, 403 405, 403 405, 403 405 | 404 405, 403 405, 403 405, 403 405",
    "connection_questions": "200 302, 403 403, 403 403, 403 403 | 404 302, 403 403, 403 403, 403 403",
    "connection_token": "404 302, 403 403, 403 403, 403 403 | 404 302, 403 403, 403 403, 403 403",
    "connection_clients": "200 200, 403 403, 403 403, 403 403 | 404 404, 403 403, 403 403, 403 403",
    "connection_sync": "405 302, 405 403, 405 403, 405 403 | 405 404, 405 403, 405 403, 405 403",
    "connection_pause": "405 302, 405 403, 405 403, 405 403 | 405 404, 405 403, 405 403, 405 403",
    "connection_resume": "405 302, 405 403, 405 403, 405 403 | 405 404, 405 403, 405 403, 405 403",
    "connection_gone": "405 302, 405 403, 405 403, 405 403 | 405 404, 405 403, 405 403, 405 403",
    "connection_kind": "200 302, 403 403, 403 403, 403 403 | 404 302, 403 403, 403 403, 403 403",
    "connection_proposals": "200 302, 403 403, 403 403, 403 403 | 404 404, 403 403, 403 403, 403 403",
    "connection_effect": "200 302, 403 403, 403 403, 403 403 | 404 404, 403 403, 403 403, 403 403",
    "connection_disconnect": "200 302, 403 403, 403 403, 403 403 | 404 302, 403 403, 403 403, 403 403",
    "vendor_call": "200 405, 404 405, 404 405, 404 405 | 404 405, 404 405, 404 405, 404 405",
    "export": "200 405, 404 405, 404 405, 404 405 | 404 405, 404 405, 404 405, 404 405",
    "export_file": "200 405, 404 405, 404 405, 404 405 | 404 405, 404 405, 404 405, 404 405",
    "export_cancel": "405 302, 405 404, 405 404, 405 404 | 405 404, 405 404, 405 404, 405 404",
    "export_again": "405 302, 405 404, 405 404, 405 404 | 405 404, 405 404, 405 404, 405 404",
    "list": "200 405, 200 405, 200 405, 200 405 | 404 405, 404 405, 404 405, 404 405",
    "list_rename": "405 302, 405 302, 405 302, 405 302 | 405 404, 405 404, 405 404, 405 404",
    "list_copy": "405 302, 405 302, 405 302, 405 302 | 405 404, 405 404, 405 404, 405 404",
    "list_delete": "405 302, 405 403, 405 403, 405 403 | 405 404, 405 404, 405 404, 405 404",
    "list_restore": "405 302, 405 302, 405 302, 405 302 | 405 302, 405 302, 405 302, 405 302",
    "list_send": "405 404, 405 404, 405 404, 405 404 | 405 404, 405 404, 405 404, 405 404",
    "list_remove": "405 302, 405 403, 405 403, 405 403 | 405 404, 405 404, 405 404, 405 404",
    "report": "200 405, 200 405, 200 405, 200 405 | 404 405, 404 405, 404 405, 404 405",
    "report_opened": "405 204, 405 204, 405 204, 405 204 | 405 404, 405 404, 405 404, 405 404",
    "report_edit": "200 200, 302 302, 302 302, 302 302 | 404 404, 404 404, 404 404, 404 404",
    "report_copy": "405 302, 405 302, 405 302, 405 302 | 405 404, 405 404, 405 404, 405 404",
    "report_delete": "200 200, 200 200, 200 200, 200 200 | 404 404, 404 404, 404 404, 404 404",
    "report_restore": "405 302, 405 302, 405 302, 405 302 | 405 302, 405 302, 405 302, 405 302",
    "report_pin": "405 302, 405 403, 405 403, 405 403 | 405 404, 405 404, 405 404, 405 404",
    "schedule_of_report": "200 200, 200 200, 200 200, 403 403 | 404 404, 404 404, 404 404, 403 403",
    "schedule": "200 405, 404 405, 404 405, 403 405 | 404 405, 404 405, 404 405, 403 405",
    "schedule_edit": "200 200, 404 404, 404 404, 403 403 | 404 404, 404 404, 404 404, 403 403",
    "schedule_state": "405 302, 405 404, 405 404, 405 403 | 405 404, 405 404, 405 404, 405 403",
    "tier_plan": "200 422, 200 422, 200 422, 200 422 | 404 404, 404 404, 404 404, 404 404",
    "tier_plan_delete": "405 302, 405 403, 405 403, 405 403 | 405 404, 405 404, 405 404, 405 404",
    "dashboard_saved_pack": "200 302, 200 403, 200 403, 404 404 | 404 404, 404 404, 404 404, 404 404",
}
# The token in the address is the right: it is mailed to somebody outside, or is somebody's calendar.
OPEN_BY_TOKEN = {
    "schedule_leave": (200, 200), "schedule_confirm": (200, 200), "renewal_calendar": (200, 405),
    "renewal_reminder_stop": (200, 200), "notices_stop": (200, 200),
}  # fmt: skip
NAMES_NO_ROW = {"renewal_reminder_stop", "notices_stop"}  # their pages name the partner alone
# Routes whose argument is a word of the portal and names no row of anybody.
WORDS = {
    "commission_rows", "dashboard_changes", "dashboard_shared", "imports_template", "export_new", "list_use", "report_new",
    "columns_choose", "schedule_new", "dataset_rows", "connections_new", "connections_consent", "connections_consented",
}  # fmt: skip
DERIVED = {
    "tiers_tierchange",
    "clients_retentionmonth",
    "commissions_dealearning",
    "ledger_preparedfigure",
}  # no address and no text of their own


# Of the outsiders, who see nothing, these ask every route in `make test`; the others of a group share the routes, and ask
# every one in the sweep.
ALWAYS_ASK_ALL = {"southwind-admin", "stranger"}
SHARING = (("southwind-manager", "southwind-finance", "southwind-member"), ("nobody", "operator"))


def named_routes() -> dict[str, URLPattern]:
    """The portal's own routes that name a row, by their names."""
    return {
        pattern.name: pattern
        for address, pattern in routes()
        if not pattern.callback.__module__.startswith(GUARDED_ELSEWHERE)
        and not address.startswith(("admin/", "api/v1/"))
        and "<" in address
    }


def ask(browser, method, address, part=False, take_back=True):
    """The status of the answer and whether anything of Northwind's rows is in it; what a POST did is taken back."""
    headers = {"HX-Request": "true", "HX-Target": "main"} if part else {}
    with transaction.atomic():
        answer = getattr(browser, method)(address, headers=headers)
        body = answer.getvalue().decode(errors="replace") + " ".join(answer.headers.values())
        transaction.set_rollback(take_back)
    return answer.status_code, MARK in body


def expected(caller, route):
    """Statuses of GET, GET by htmx and POST."""
    if route in OPEN_BY_TOKEN:
        get, post = OPEN_BY_TOKEN[route]
        return [get, get, post]
    if caller == "stranger":
        return [302, 200, 302]  # htmx follows HX-Redirect of an answer with 200
    own, _bar, foreign = TABLE[route].partition(" | ")
    organisation, _dash, role = caller.partition("-")
    cells = {"northwind": own, "southwind": foreign}.get(organisation)
    if cells is None:  # no partner: the first cell of Southwind's says which methods there are
        get, post = (405 if status == "405" else 403 for status in foreign.split(", ")[0].split())
    else:
        get, post = map(int, cells.split(", ")[ROLES.index(role)].split())
    return [get, get, post]


def test_every_route_that_names_a_row_and_every_kind_of_row_takes_part(northwind_rows, partner):
    """Who adds a route with an id or a table with a partner column adds its row to the fixture."""
    from accounts.scope import partner_scope

    assert set(named_routes()) == set(northwind_rows) | WORDS
    assert set(northwind_rows) == set(TABLE) | set(OPEN_BY_TOKEN)
    with partner_scope(partner), connection.cursor() as cursor:
        for table in set(guarded_tables()) - DERIVED:
            cursor.execute(sql.SQL("SELECT EXISTS (SELECT FROM {})").format(sql.Identifier(table)))
            assert cursor.fetchone() == (True,), f"{table} has no row in the sweep"


def ways_of(caller):
    """htmx asks like a browser; whose rows are asked decides, so of each partner's people one asks in its way as well."""
    plain = [("get", False), ("post", False)]
    return plain if caller.partition("-")[2] in ROLES[1:] else [plain[0], ("get", True), plain[1]]


def routes_for(caller, named, everything):
    """The routes of rows that somebody asks: all; or in `make test`, by Northwind's own people, of those that they may all see a
    quarter each; by two who are both without a partner, a half each; by Southwind's people below the admin, a third each."""
    if everything or caller in ALWAYS_ASK_ALL:
        return named
    if not caller.startswith("northwind-"):
        group = next(group for group in SHARING if caller in group)
        return named[group.index(caller) :: len(group)]
    own = ROLES.index(caller.partition("-")[2])
    return [
        route for number, route in enumerate(named) if min(expected(caller, route)) >= 400 or number % len(ROLES) == own
    ]


def test_the_security_page_says_how_much_is_asked(northwind_rows):
    """Within a tenth, so that a new row need not touch the page."""
    page = (Path(__file__).resolve().parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
    said = re.search(r"(\d+) URLs, (\d+) callers.*?exact status of ([\d,]+) requests, ([\d,]+) with `make sweep`", page)
    assert said, "the sentence about rows of another partner"
    counted = [len(northwind_rows), len(CALLERS)]
    for everything in (False, True):
        counted.append(
            sum(len(routes_for(name, list(northwind_rows), everything)) * len(ways_of(name)) for name in CALLERS)
        )
    assert counted == pytest.approx([int(text.replace(",", "")) for text in said.groups()], rel=0.1)


@pytest.mark.parametrize(
    ("name", "everything"),
    [
        *((name, name in ALWAYS_ASK_ALL) for name in CALLERS),
        *(pytest.param(name, True, marks=pytest.mark.sweep) for name in CALLERS if name not in ALWAYS_ASK_ALL),
    ],
)
def test_everybody_gets_exactly_what_is_theirs(northwind_rows, northwind_digest, caller, name, everything):
    """What Northwind's own people post is taken back; the posts of all others have changed nothing.

    In `make test`, Northwind's own people share the pages that all of them may see: each asks a quarter. What is refused to
    them they ask all. Southwind's admin and who is not signed in ask everything always; see `routes_for` for the others.
    """
    browser = caller(name)
    inside = name.startswith("northwind-")
    before = None if inside else northwind_digest()
    wrong, leaks = {}, []
    ways = ways_of(name)
    for route in routes_for(name, list(northwind_rows), everything):
        address = reverse(route, kwargs=northwind_rows[route])
        take_back = inside or route in OPEN_BY_TOKEN
        answers = [ask(browser, method, address, part, take_back) for method, part in ways]
        statuses = [status for status, _marked in answers]
        get, by_htmx, post = expected(name, route)
        if statuses != ([get, by_htmx, post] if len(ways) == 3 else [get, post]):
            wrong[route] = statuses
        if not inside and route not in OPEN_BY_TOKEN and any(marked for _status, marked in answers):
            leaks.append(route)
        if inside and statuses[0] == 200 and not answers[0][1] and route not in NAMES_NO_ROW:
            leaks.append(f"{route} shows nothing of its row, so that the marks prove nothing")
    assert wrong == {}
    assert leaks == []
    assert inside or northwind_digest() == before


@pytest.mark.parametrize(
    "name", ["southwind-admin", *(pytest.param(f"southwind-{role}", marks=pytest.mark.sweep) for role in ROLES[1:])]
)
def test_pages_and_rows_without_ids_show_nothing_of_another_partner(northwind_rows, caller, name):
    """Every page of Southwind's, and a list of Northwind's as a filter. The admin may see all; the others see less."""
    from partner_portal.lib.rows.datasets import all_datasets

    browser = caller(name)
    pages = [
        f"/{address}"
        for address, _ in routes()
        if "<" not in address and not address.startswith(("admin/", "^", "api"))
    ]
    kept = northwind_rows["list"]["pk"]
    pages += [f"/reports/rows/{dataset.key}/?list={kept}" for dataset in all_datasets()]
    pages = [page for page in pages if "(" not in page and "logout" not in page]
    for page in pages:
        status, marked = ask(browser, "get", page)
        assert status < 500, page
        assert not marked, page


@pytest.mark.parametrize("name", ["northwind-admin", "northwind-member", "southwind-admin", "nobody"])
def test_the_operators_site_does_not_exist_for_members(caller, name):
    browser = caller(name)
    for address in ("/admin/", "/admin/program/ruleset/", "/admin/accounts/user/"):
        assert browser.get(address).status_code == 404
