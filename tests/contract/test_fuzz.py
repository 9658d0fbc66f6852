"""Every route with every parameter and every nasty value, as every role: refused, ignored or answered, but never a 5xx.

A request carries half of all parameters, each with another value. The admin asks every route with both halves by GET, and
with one by POST. Manager, finance and member, who see what the admin sees or less, ask for every third route each with one
half by GET, and the member by POST with the one that the admin did not post; the stranger and the admin of the other partner,
who are turned away, ask in one of the two ways. Halves and values move on from route to route and from caller to caller. So
every route meets every parameter and every value, and all callers together most pairs. What a request changed is taken back.
docs/security.md has the counts.
"""

import logging
import re
from importlib import import_module
from pathlib import Path
from urllib.parse import quote

import pytest
from django import forms
from django.conf import settings
from django.db import transaction
from django.urls import reverse

from accounts.checks import routes
from accounts.roles import PERMISSIONS, Role
from partner_portal.lib.rows.datasets import all_datasets

CALLERS = (
    "northwind-admin",
    "northwind-manager",
    "northwind-finance",
    "northwind-member",
    "southwind-admin",
    "stranger",
)
PARTS, GROUPS = 2, 2
ASKS_EVERYTHING = "northwind-admin"
POSTING = {ASKS_EVERYTHING, "northwind-member", "southwind-admin", "stranger"}
ONE_WAY = ("southwind-admin", "stranger")  # one route by GET, another by POST
SHARING = ("northwind-manager", "northwind-finance", "northwind-member")  # every third route each
PAIR = ("northwind-admin", "southwind-admin")  # they share the paths
NASTY = (
    "", " ", "0", "-1", "1.5", "1e309", "NaN", "-Infinity", "9" * 30, "2147483648", "9223372036854775808", "٣", "²", "true",
    "0001-01-01", "9999-12-31", "0000-01-01", "10000-01-01", "2026-02-30", "0001-01", "9999-12", "2026-W01-1", "24:00",
    "whole-history", "custom", "sourced", "-points", "client,client", "..", "../../etc/passwd", "a/b/print", "%2e%2e",
    "%s%d{0}{{1}}{% x %}",     "'\" OR 1=1 --", "<script>alert(1)</script>", "\u202e\u200b\ufeff", "\ud7ff\U0001f4a9",
    "\r\nSet-Cookie: a=b",
    "\x1f",
    "é" * 300,     "javascript:alert(1)", "http://[", "a@b", "[]", '{"a": [1]}',
)  # fmt: skip
CALENDARS = (("0001-01-01", "9999-12-31"), ("1900-01-01", "2199-12-31"), ("0000-01-01", "10000-01-01"))
TARGETS = ("", "main", "dialog", "dialog-rows", "rows", "no-such", "..", "<b>", "a#b", "é", "x" * 500)
APPS = (
    "accounts", "program", "clients", "ledger", "tiers", "calculator", "commissions", "renewals", "imports", "reports",
    "dashboard", "api", "sources",
)  # fmt: skip
ROOT = Path(__file__).resolve().parents[2]
ENDS_THE_SESSION = {"accounts_sign_out", "account_logout"}
READ = re.compile(r"""(?:GET|POST|query|data)(?:\.get|\.getlist)?[(\[]f?["']([a-z_]+)["']""")


def form_classes(base=forms.BaseForm):
    for kind in base.__subclasses__():
        yield kind
        yield from form_classes(kind)


def parameters() -> list[str]:
    """Every name that a form has or a view reads, in all apps, with the ranges of all sections."""
    for app in APPS:
        if (ROOT / app / "forms.py").exists():
            import_module(f"{app}.forms")
    names, prefixes = set(), {""}
    for kind in form_classes():
        if kind.__module__.split(".")[0] in APPS:
            names |= set(kind.base_fields)
            prefixes.add(getattr(kind, "range_prefix", ""))
    for app in APPS:
        for file in (ROOT / app).rglob("*.py"):
            names |= set(READ.findall(file.read_text(encoding="utf-8")))
    names |= {f"{prefix}{name}" for prefix in prefixes for name in ("range", "from", "to", "cmp")}
    names |= {
        "on",
        "q",
        "sort",
        "page",
        "page_size",
        "columns",
        "list",
        "deal",
        "line",
        "client",
        "amount.1",
        "closes.1",
        "others.1",
    }
    return sorted(names)


PARAMETERS = parameters()
# Words of the portal that stand in paths.
WORDS = {
    "commission_rows": {"which": "lines"},
    "dashboard_changes": {"which": "new-sold"},
    "dashboard_shared": {"which": "created"},
    "imports_template": {"key": "clients"},
    **{name: {"vendor": "hubspot"} for name in ("connections_new", "connections_consent", "connections_consented")},
    **{name: {"key": "expiring"} for name in ("export_new", "list_use", "report_new", "schedule_new", "dataset_rows")},
}


def addresses(rows) -> list[str]:
    """The address of every route: with a real row where it names one."""
    found = []
    for pattern_text, pattern in routes():
        if pattern_text.startswith("admin/") or pattern.name in ENDS_THE_SESSION or "(?P<" in pattern_text:
            continue
        if pattern_text.startswith("api/v1/"):
            if pattern_text == "api/v1/datasets/<key>":
                found += [f"/api/v1/datasets/{dataset.key}" for dataset in all_datasets()]
            elif "<" not in pattern_text:
                found.append("/" + pattern_text)
        elif "<" not in pattern_text:
            found.append("/" + pattern_text.replace("^", "").replace("$", ""))
        else:
            found.append(reverse(pattern.name, kwargs=rows.get(pattern.name) or WORDS[pattern.name]))
    return found


class Asking:
    """A browser that takes back what it did, and remembers where the portal failed."""

    def __init__(self, browser):
        self.browser = browser
        browser.raise_request_exception = False
        self.session = browser.cookies.get(settings.SESSION_COOKIE_NAME)
        self.asked, self.failed = 0, []

    def __call__(self, method, address, data=None, headers=None):
        with transaction.atomic():
            answer = getattr(self.browser, method)(address, data, headers=headers or {})
            transaction.set_rollback(True)
        if answer.streaming:
            answer.getvalue()
        self.asked += 1
        if answer.status_code >= 500:
            error = getattr(answer, "exc_info", None)
            self.failed.append((method, address, data, headers, answer.status_code, repr(error[1]) if error else ""))
        if self.session is not None:
            self.browser.cookies[settings.SESSION_COOKIE_NAME] = self.session.value

    def report(self):
        """Fail with the first request of each kind that broke something."""
        kinds = {
            (address, error): (method, data, headers, status)
            for method, address, data, headers, status, error in self.failed
        }
        assert not kinds, "\n".join(f"{key} {value}" for key, value in list(kinds.items())[:20])


@pytest.fixture(autouse=True)
def quiet():
    """Every refusal is a line otherwise."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def test_there_are_enough_of_both():
    assert len(PARAMETERS) >= 60
    assert {"deal", "until", "changes_from", "renewals_to", "pinned", "time_range", "mail_domains"} <= set(PARAMETERS)
    assert len(set(NASTY)) == len(NASTY) >= 40


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("name", CALLERS)
def test_no_parameter_breaks_a_page(northwind_rows, caller, name, part):
    ask = Asking(caller(name))
    for request in requests(addresses(northwind_rows)[part::PARTS], name):
        ask(*request)
    assert ask.asked > 30
    ask.report()


def requests(routes_of_part, name):
    """What a caller asks: method, address, parameters and headers."""
    number_of_caller = CALLERS.index(name)
    shift = number_of_caller * 7
    for place, address in enumerate(routes_of_part):
        if name in SHARING and place % 3 != SHARING.index(name):
            continue
        first = ((place // 3 if name in SHARING else place) + number_of_caller) % GROUPS
        for group in range(GROUPS):
            data = {
                parameter: NASTY[(number * 11 + place + group + shift) % len(NASTY)]
                for number, parameter in enumerate(PARAMETERS)
                if number % GROUPS == group
            }
            part_of_page = {"HX-Request": "true", "HX-Target": TARGETS[(place + group + shift) % len(TARGETS)]}
            posts = name in POSTING and not address.startswith("/api/")
            everything = name == ASKS_EVERYTHING
            if everything or (group == first and not (posts and name in ONE_WAY and place % 4 < 2)):
                yield "get", address, data, part_of_page if group else None
            if posts and group != first and not (name in ONE_WAY and place % 4 >= 2):
                yield "post", address, data, None if group else part_of_page


def test_the_security_page_says_how_much_is_asked(northwind_rows):
    """Within a tenth, so that a new route or field need not touch the page."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    said = re.search(
        r"(\d+) routes and datasets, (\d+) parameters, (\d+) values, (\d) callers: ([\d,]+) requests", page
    )
    assert said, "the sentence about unusual values"
    numbers = [int(text.replace(",", "")) for text in said.groups()]
    routes_asked = addresses(northwind_rows)
    asked = sum(1 for name in CALLERS for _request in requests(routes_asked, name))
    counted = [len(routes_asked), len(PARAMETERS), len(NASTY), len(CALLERS), asked]
    assert counted == pytest.approx(numbers, rel=0.1)


@pytest.mark.parametrize("turn", range(2), ids=["northwind-admin", "northwind-member"])
def test_no_single_value_breaks_a_page(caller, turn):
    """A wrong value hides what stands behind it; so here alone: each parameter of a dataset, and the ends of the calendar.

    Page and API read the same form, so one parameter is asked of the page and the next of the API; those that all datasets have
    are asked of every third, and one end of the calendar of each. The member asks for every
    second dataset that members may see, the admin for the others.
    """
    ask = Asking(caller(("northwind-admin", "northwind-member")[turn]))
    dialog = {"HX-Request": "true", "HX-Target": "dialog-rows"}
    for number, dataset in enumerate(all_datasets()):
        if (number % 2 and dataset.permission in PERMISSIONS[Role.MEMBER]) != bool(turn):
            continue
        page, api = f"/reports/rows/{dataset.key}/", f"/api/v1/datasets/{dataset.key}"
        own = list(dataset.form.base_fields)
        for place, field in enumerate([*own, "sort", "columns", "page", "list", "q", "on"]):
            if place >= len(own) and (number // 2 + place) % 3:
                continue
            value = {field: NASTY[(number * 5 + place * 3) % len(NASTY)]}
            if (number // 2 + place) % 2:
                ask("get", api, value)
            else:
                ask("get", page, value, dialog)
        prefix = getattr(dataset.form, "range_prefix", None)
        if prefix is not None:
            first, last = CALENDARS[number // 2 % len(CALENDARS)]
            ask("get", page, {f"{prefix}from": first, f"{prefix}to": last, "on": last})
    ask.report()


@pytest.mark.parametrize("name", PAIR)
def test_no_path_breaks_a_page(caller, name):
    """Paths that stand for nothing are the same to both: together they ask every pattern with every fourth value."""
    ask = Asking(caller(name))
    turn = PAIR.index(name)
    texts = (
        "/clients/{}/", "/tiers/clients/{}/", "/renewals/clients/{}/", "/commissions/clients/{}/",
        "/commissions/statements/{}/", "/commissions/statements/{}/print/", "/commissions/questions/{}/1/",
        "/renewals/calendar/northwind/{}.ics", "/schedules/leave/{}/", "/schedules/confirm/{}/", "/api/v1/datasets/{}",
        "/reports/rows/{}/", "/exports/new/{}/", "/dashboard/changes/{}/", "/commissions/rows/{}/", "/imports/columns/{}.csv",
        "/accounts/password/reset/key/{}/", "/{}/",
    )  # fmt: skip
    for number, address in enumerate(texts):
        for value in NASTY[(number + 4 * turn) % 8 :: 8]:
            ask("get", address.format(quote(value, safe="")))
    patterns = [pattern for pattern, _route in routes() if "<int:" in pattern and not pattern.startswith("admin/")]
    for place, pattern in enumerate(patterns):
        for number in (("0", "9223372036854775808"), ("2147483648", "9" * 40))[(place // 2 + turn) % 2]:
            address = "/" + re.sub(r"<\w+:\w+>", number, pattern)
            ask(("get", "post")[(place + turn) % 2], address)
    ask.report()
