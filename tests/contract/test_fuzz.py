"""Every route with every parameter and every nasty value, as every role: refused, ignored or answered, but never a 5xx.

A request carries half of all parameters, each with another value. Values move on from route to route, from caller to caller
and from turn to turn. What a request changed is taken back. docs/security.md has the counts.

The sweep: every caller asks every route with both halves by GET, and those that may post with one by POST, in three turns of
the values. So every role meets every parameter with every value, and every route most of them. The sample: the admin
asks every route with one half by GET; with the other half every second one by POST, and of the others one of the other callers
in turn asks each in one way. So every route meets every parameter, and every parameter every value.
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
GROUPS, TURNS = 2, 3
ADMIN, *OTHERS = CALLERS
POSTING = {ADMIN, "northwind-member", "southwind-admin", "stranger"}
PAIR = (ADMIN, "southwind-admin")  # they share the paths
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
NUMBERS = ("0", "2147483648", "9223372036854775808", "9" * 40)
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
    **{
        name: {"key": "expiring"}
        for name in ("export_new", "list_use", "report_new", "columns_choose", "schedule_new", "dataset_rows")
    },
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


@pytest.mark.sweep
@pytest.mark.parametrize("turn", range(TURNS))
@pytest.mark.parametrize("name", CALLERS)
def test_no_parameter_breaks_a_page_for_anybody(northwind_rows, caller, name, turn):
    ask = Asking(caller(name))
    for request in whole(addresses(northwind_rows), name, turn):
        ask(*request)
    assert ask.asked > 300
    ask.report()


@pytest.mark.parametrize("name", CALLERS)
def test_no_parameter_breaks_a_page(northwind_rows, caller, name):
    ask = Asking(caller(name))
    for request in sample(addresses(northwind_rows), name):
        ask(*request)
    assert ask.asked > 15
    ask.report()


def whole(routes_asked, name, turn):
    """What a caller asks in a turn of the sweep: method, address, parameters and headers."""
    shift = CALLERS.index(name) * 7 + turn * 15
    for place, address in enumerate(routes_asked):
        for group in range(GROUPS):
            yield "get", address, *carried(place, group, shift, part_of_page=bool(group))
        if name in POSTING and not address.startswith("/api/"):
            group = (place + turn) % GROUPS
            yield "post", address, *carried(place, group, shift, part_of_page=not group)


def sample(routes_asked, name):
    """What a caller asks in the sample. Manager and finance post nothing that the member does not."""
    for place, address in enumerate(routes_asked):
        group = place // len(OTHERS) % GROUPS
        reads_only = address.startswith("/api/")
        if name == ADMIN:
            yield "get", address, *carried(place, group, 0, part_of_page=bool(place % 4 < 2))
            if not place % 2:
                method = "get" if reads_only else "post"
                yield method, address, *carried(place, 1 - group, 0, part_of_page=not place % 4)
        elif place % 2 and name == OTHERS[place % len(OTHERS)]:
            method = "post" if name in POSTING and not reads_only and place // 20 % 2 else "get"
            yield method, address, *carried(place, 1 - group, place % len(OTHERS) * 7, part_of_page=bool(place % 3))


def carried(place, group, shift, *, part_of_page):
    """The parameters of a group with their values, and the headers."""
    data = {
        parameter: NASTY[(number * 11 + place + group + shift) % len(NASTY)]
        for number, parameter in enumerate(PARAMETERS)
        if number % GROUPS == group
    }
    target = TARGETS[(place + group + shift) % len(TARGETS)]
    return data, {"HX-Request": "true", "HX-Target": target} if part_of_page else None


def test_every_parameter_has_every_value_and_every_route_every_parameter(northwind_rows):
    """In the sample from all callers together, in the sweep from each."""
    asked = addresses(northwind_rows)
    every = {(parameter, value) for parameter in PARAMETERS for value in NASTY}

    def pairs(requests):
        return {pair for _method, _address, data, _headers in requests for pair in data.items()}

    of_sample = [request for name in CALLERS for request in sample(asked, name)]
    assert pairs(of_sample) == every
    assert {(address, parameter) for _, address, data, _ in of_sample for parameter in data} == {
        (address, parameter) for address in asked for parameter in PARAMETERS
    }
    for name in CALLERS:
        assert pairs(request for turn in range(TURNS) for request in whole(asked, name, turn)) == every


def test_the_security_page_says_how_much_is_asked(northwind_rows):
    """Within a tenth, so that a new route or field need not touch the page."""
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
    said = re.search(
        r"(\d+) routes and datasets, (\d+) parameters, (\d+) values, (\d) callers: ([\d,]+) requests, "
        r"([\d,]+) in `make sweep`",
        page,
    )
    assert said, "the sentence about unusual values"
    numbers = [int(text.replace(",", "")) for text in said.groups()]
    asked = addresses(northwind_rows)
    in_sample = sum(1 for name in CALLERS for _request in sample(asked, name))
    in_sweep = sum(1 for name in CALLERS for turn in range(TURNS) for _request in whole(asked, name, turn))
    counted = [len(asked), len(PARAMETERS), len(NASTY), len(CALLERS), in_sample, in_sweep]
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


@pytest.mark.parametrize("step", [16, pytest.param(1, marks=pytest.mark.sweep)])
@pytest.mark.parametrize("name", PAIR)
def test_no_path_breaks_a_page(caller, name, step):
    """Every pattern with every value of a step, and with numbers that no row has. Paths that stand for nothing are the same to
    both callers, who share the sample."""
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
        for value in NASTY[(number + step // 2 * turn) % step :: step]:
            ask("get", address.format(quote(value, safe="")))
    patterns = [pattern for pattern, _route in routes() if "<int:" in pattern and not pattern.startswith("admin/")]
    for place, pattern in enumerate(patterns):
        for number in NUMBERS if step == 1 else [NUMBERS[(place // 2 + 2 * turn) % len(NUMBERS)]]:
            address = "/" + re.sub(r"<\w+:\w+>", number, pattern)
            ask(("get", "post")[(place + turn) % 2], address)
    ask.report()
