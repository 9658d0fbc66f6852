"""A statement that takes back more than it may, worked by hand from its files (points.md 14).

clawback/: a paid statement of EUR 356.90, and an issued one of EUR -516.24 whose pay day is past. Its line 4 reverses a line
of EUR 800.00 that line 2 had reversed; its line 5 takes JPY 60,000 back from a line of 30,000, at 0.00604 instead of 0.00615.
"""

import re
from decimal import Decimal
from html import unescape
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import Client as WebClient

from commissions import queries
from commissions.forms import PaidForm
from commissions.page import overview_of
from commissions.quarter_variance import variance_of
from partner_portal.lib.rows.datasets import select

pytestmark = pytest.mark.xdist_group("clawbacks")
FILES = sorted((Path(__file__).parent / "clawback").glob("*.csv"))
HEAD = (Path(__file__).parent / "clawback" / "statement_lines.csv").read_text(encoding="utf-8").splitlines()[0]


@pytest.fixture(scope="module")
def larch(module_rows):
    """A partner with the statements of clawback/."""
    call_command("create_partner", "larch", name="Larch", currency="EUR", verbosity=0)
    call_command("create_member", "finance@larch.example", partner="larch", role="finance", verbosity=0)
    call_command("import_data", "larch", *FILES, verbosity=0)


@pytest.fixture
def browser(larch, db):
    from accounts.models import User

    client = WebClient()
    client.force_login(User.objects.get(email="finance@larch.example"), backend=settings.AUTHENTICATION_BACKENDS[0])
    return client


def scope_now():
    """The scope of the partner as it is after the last import."""
    from accounts.models import User
    from accounts.scope import member_scope, memberships_of, set_tenant, user_scope

    user = User.objects.get(email="finance@larch.example")
    with user_scope(user):
        membership = memberships_of(user)[0]
    membership.user = user
    set_tenant(membership.partner_id, user.pk)
    return member_scope(membership)


def text_of(browser, address):
    html = browser.get(address)
    assert html.status_code == 200, address
    words = re.sub(r"<(script|style)\b.*?</\1>", " ", html.content.decode(), flags=re.S)
    plain = re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", words))).replace("\xa0", " ")
    return re.sub(r" ([.,;:])", r"\1", plain)


def bring_in(tmp_path, *rows):
    file = tmp_path / "statement_lines.csv"
    file.write_text("\n".join((HEAD, *rows)) + "\n", encoding="utf-8")
    call_command("import_data", "larch", file, verbosity=0)


def test_every_variance_of_the_reversals_is_named(browser, capsys):
    scope = scope_now()
    second, first = queries.statement_summaries(scope)
    assert (first.total, first.standing, first.failed_checks) == (Decimal("356.90"), "paid", 0)
    assert (second.total, second.variances, second.clawbacks) == (Decimal("-516.24"), 0, 3)
    rows = select("commission-checks", scope, {"statement": "S-2026Q2"})
    found = [
        (row["line_no"], row["cause"], row["adjusts"], row["here"], row["there"], row["too_much"], row["difference"])
        for row in rows.rows
    ]
    assert sorted(found, key=lambda row: (row[0], row[1])) == [
        (4, "reversed_twice", "S-2026Q1/1", "-800.00", "800.00", Decimal("800.00"), Decimal("-160.00")),
        (5, "reversal_fx", "S-2026Q1/3", "0.00604000", "0.00615000", None, Decimal("1.32")),
        (5, "reversed_too_much", "S-2026Q1/3", "-60000.00", "30000.00", Decimal("30000.00"), Decimal("-36.90")),
    ]
    assert rows.totals["difference"] == Decimal("-195.58")
    assert select("commission-lines", scope, {"show": "clawback"}).count == 2
    assert select("commission-lines", scope, {"show": "variance"}).count == 0

    call_command("figures", "larch")
    printed = capsys.readouterr().out
    assert printed.count('"variances": 0') == 2  # only lines that do not recompute


def test_the_causes_of_the_quarter_name_them_and_add_up(browser):
    scope = scope_now()
    quarter = variance_of(scope, "2026-Q2")
    # 3 x 160.00 and 3 x 36.24 were expected.
    assert (quarter.expected, quarter.total, quarter.difference) == (
        Decimal("588.72"), Decimal("-516.24"), Decimal("-1104.96"),
    )  # fmt: skip
    sums = {}
    for client in quarter.clients:
        for each in client.differences:
            sums[each.cause] = sums.get(each.cause, Decimal(0)) + each.amount
    assert sums == {
        "missing": Decimal("-552.48"), "reversed_twice": Decimal("-160.00"), "reversed_too_much": Decimal("-36.90"),
        "reversal_fx": Decimal("1.32"), "reversed": Decimal("-356.90"),
    }  # fmt: skip
    vendor = select("commission-variance", scope, {"show": "vendor", "quarter": "2026-Q2"})
    assert {row["cause"] for row in vendor.rows} == {"missing", "reversed_twice", "reversed_too_much", "reversal_fx"}


@pytest.mark.parametrize(
    "address",
    [
        "/commissions/statements/S-2026Q2/",
        "/commissions/statements/S-2026Q2/print/",
        "/commissions/rows/checks/?statement=S-2026Q2",
        "/commissions/rows/variance/?quarter=2026-Q2",
        "/commissions/rows/variance/?show=vendor",
    ],
)
def test_pages_say_what_was_taken_back_too_often_and_at_another_rate(browser, address):
    text = text_of(browser, address)
    assert "Reversed twice" in text
    assert "S-2026Q1/1 had already been reversed in full: EUR 800.00 too much, EUR -160.00." in text.replace("−", "-")
    assert "JPY 30,000.00 more is taken back than the 30,000.00 of S-2026Q1/3: EUR -36.90." in text.replace("−", "-")
    assert "Exchange rate 0.00604, 0.00615 on S-2026Q1/3: a difference of EUR 1.32." in text


def test_lines_export_with_what_does_not_match(browser):
    scope = scope_now()
    selection = select("commission-lines", scope, {"statement": "S-2026Q2"}).with_columns(["line_no", "mismatch"])
    found = dict(selection.iterate())
    assert [number for number, text in found.items() if text] == [4, 5]
    assert found[5].count("S-2026Q1/3") == 2


def test_the_next_payment_is_less_what_is_to_be_offset(browser):
    scope = scope_now()
    form = PaidForm({}, scope=scope)
    assert form.is_valid()
    page = overview_of(scope, form)
    stands = {name: (stand.amount, stand.lines) for name, stand in page.standings.items() if stand.lines}
    assert stands == {"paid": (Decimal("356.90"), 3), "offset": (Decimal("-516.24"), 5)}
    assert (page.offset.amount, page.offset.expected, page.offset.rest) == (
        Decimal("516.24"), Decimal("588.72"), Decimal("72.48"),
    )  # fmt: skip
    # Tiles and the columns of the table below them agree, and both open rows of the same total.
    for name in ("scheduled", "overdue"):
        assert sum(getattr(bar, name) for bar in page.bars) == page.standings[name].amount == 0
    assert sum(bar.left for bar in page.bars) == page.offset.amount
    assert select("commission-offsets", scope, {"show": "left"}).figure == page.offset.amount
    assert page.due is None
    assert page.overdue is None


def test_pages_never_call_a_negative_statement_due_or_overdue(browser):
    text = text_of(browser, "/commissions/")
    less = "EUR 588.72 expected for Q4 2026 less EUR 516.24 to be offset = EUR 72.48, paid on 14 February 2027."
    assert less in text
    assert "Overdue" not in text
    assert "due on 14 August" not in text
    assert "3 variances in what the last statement reverses." in text
    assert "Adds up" in text  # the first statement
    assert text.count("3 variances") == 2  # the sentence, and the row of the second
    assert "Q4 2026: 588.72 expected less 516.24 to be offset = 72.48" in text
    assert "588.72 expected less 516.24 to be offset = 72.48" in text_of(browser, "/dashboard/")
    assert "Q4 2026: 588.72 expected less 516.24 to be offset = 72.48" in text_of(browser, "/dashboard/pack/")
    rows = text_of(browser, "/commissions/rows/statements/?standing=offset")
    assert "S-2026Q2" in rows
    assert "S-2026Q1" not in rows
    statement = text_of(browser, "/commissions/statements/S-2026Q2/")
    assert "Q2 2026 To be offset pay date 14 Aug 2026" in statement
    assert "516.24 is to be offset against later payments" in statement


def test_later_statements_use_it_up_and_say_so(browser, tmp_path):
    line = "S-2026Q{0},2026-Q{0},1,901,61001,Sales Hub,2026-{1},{2},EUR,1,0.2,{3},EUR,{4},{5},{6},,"
    bring_in(
        tmp_path,
        line.format(3, "07", "1500.00", "300.00", "paid", "2026-11-14", "2026-11-14"),
        line.format(4, "10", "1500.00", "300.00", "issued", "2027-02-14", ""),
    )
    scope = scope_now()
    fourth, third, second, _first = queries.statement_summaries(scope)
    # 516.24 less 300.00 of the third; the fourth makes up for the other 216.24 and pays 83.76.
    assert (second.standing, second.left) == ("settled", 0)
    assert (third.used, third.rest) == (Decimal("300.00"), Decimal("0.00"))
    assert (fourth.used, fourth.rest, fourth.standing) == (Decimal("216.24"), Decimal("83.76"), "scheduled")
    text = text_of(browser, "/commissions/")
    assert "EUR 300.00 less EUR 216.24 offset = EUR 83.76 is due on 14 February 2027." in text
    assert "to be offset" not in text.lower()
    assert "Offset in full" in text
    rows = select("commission-offsets", scope)
    assert [(row["used"], row["by"], row["left"]) for row in rows.rows] == [
        (Decimal("516.24"), "S-2026Q3, S-2026Q4", Decimal("0.00"))
    ]


def test_a_negative_statement_that_is_paid_is_settled(browser, tmp_path):
    paid = [row.replace(",issued,2026-08-14,,", ",paid,2026-08-14,2026-08-14,") for row in
            (Path(__file__).parent / "clawback" / "statement_lines.csv").read_text(encoding="utf-8").splitlines()
            if row.startswith("S-2026Q2")]  # fmt: skip
    bring_in(tmp_path, *paid)
    scope = scope_now()
    assert queries.statement(scope, "S-2026Q2").standing == "paid"
    assert select("commission-offsets", scope, {"show": "left"}).count == 0
    assert "to be offset" not in text_of(browser, "/commissions/").lower()


def links_of(html):
    """Every link to rows of commission, with the figure it stands on: (address, figure as it is read)."""
    for address, text in re.findall(r'<a href="(/commissions/rows/[^"]+)" hx-get="[^"]+"[^>]*>(.*?)</a>', html, re.S):
        words = unescape(re.sub(r"<[^>]+>", " ", text)).replace("−", "-").replace("\xa0", " ")
        found = re.search(r"[-+]?[\d,]*\d(?:\.\d+)?", re.sub(r"^-([A-Z]{3}) ", r"\1 -", words.strip()))
        if found and not re.search(r"Q\d \d{4}", words):
            yield unescape(address), Decimal(found[0].replace(",", "").replace("+", ""))


def opened(scope, address):
    """The figures that the rows of an address come to: their number and their totals."""
    from urllib.parse import parse_qsl, urlsplit

    parts = urlsplit(address)
    selection = select(f"commission-{parts.path.split('/')[3]}", scope, dict(parse_qsl(parts.query)))
    assert not selection.problems, address
    return {Decimal(value) for value in selection.totals.values()} | {Decimal(selection.count)}


@pytest.mark.parametrize(
    ("address", "least"),
    [
        ("/commissions/", 40),
        ("/commissions/statements/S-2026Q2/", 15),
        ("/commissions/clients/901/", 10),
        ("/dashboard/", 4),
    ],
)
def test_every_figure_of_commission_opens_rows_that_come_to_it(browser, address, least):
    html = browser.get(address).content.decode()
    scope = scope_now()
    found = list(links_of(html))
    assert len(found) >= least
    wrong = [(where, figure) for where, figure in found if figure not in opened(scope, where)]
    assert wrong == []
