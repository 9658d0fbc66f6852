"""What operators may enter under /admin/, and that no slip of theirs takes the rules from under every partner's pages."""

import io
import json
from collections.abc import Callable, Iterator
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client as WebClient

from ledger.models import Posting
from partner_portal.lib.dates.clock import moved_to
from partner_portal.lib.db.locks import PARTNER_FACTS
from program.models import CurrencyTable, GrowthMarket, Program, Review, RuleSet, SoldRate, Tier
from program.queries import current
from program.services import rules_changed

PASSWORD = "a long password of an operator"
REMARK = "this page shows your points under the former rules"


@pytest.fixture
def operator(web: Callable[..., WebClient]) -> WebClient:
    return web("operator")


def as_shown(page: Any) -> dict[str, str]:
    """What a browser would send of the form as it stands."""
    forms = [page.context["adminform"].form]
    for inline in page.context["inline_admin_formsets"]:
        forms += [inline.formset.management_form, *inline.formset.forms]
    sent = {}
    for field in (field for form in forms for field in form):
        value = field.value()
        if value is not None and value is not False:
            sent[field.html_name] = "on" if value is True else str(value)
    return sent


def entered(operator: WebClient, address: str, **changes: str) -> Any:
    """The answer to the form at `address`, sent with these changes."""
    page = operator.get(address)
    assert page.status_code == 200, address
    return operator.post(address, as_shown(page) | changes, follow=True)


def said(page: Any) -> str:
    """Every error and message of the page, in one text."""
    found = [str(message) for message in page.context["messages"]]
    if "adminform" in page.context:
        found.append(str(page.context["adminform"].form.errors))
        for inline in page.context["inline_admin_formsets"]:
            found += [str(inline.formset.non_form_errors()), str(inline.formset.errors)]
    return " ".join(found)


def change(row: Any) -> str:
    return f"/admin/program/{row._meta.model_name}/{row.pk}/change/"


def program() -> Program:
    return Program.objects.get()


def test_a_rule_set_is_entered_ahead_of_its_date_and_holds_from_then_on(operator: WebClient, web: Callable[..., Any]):
    before = current()[0]
    page = entered(
        operator,
        "/admin/program/ruleset/add/",
        program=str(program().pk), start="2027-01-01", name="Made-up rules",
        **{"tiers-0-position": "0", "tiers-0-name": "Copper", "tiers-TOTAL_FORMS": "1"},
    )  # fmt: skip
    assert "Copper asks for no figure yet, so every certified partner meets it from 2027-01-01 on." in said(page)
    tier = Tier.objects.get(name="Copper")
    page = entered(
        operator,
        change(tier),
        **{"requirements-0-metric": "total_points", "requirements-0-value": "700", "requirements-TOTAL_FORMS": "1"},
    )
    assert "asks for no figure" not in said(page)
    after = current()[0]
    assert after.rule_set(date(2026, 12, 31)) == before.rule_set(date(2026, 12, 31))
    (copper,) = after.rule_set(date(2027, 1, 1)).tiers
    assert [(need.metric, need.value) for need in copper.requirements] == [("total_points", Decimal(700))]
    with moved_to(date(2027, 1, 1)):
        assert "Made-up rules" in web("admin").get("/dashboard/").text


@pytest.mark.parametrize(
    ("model", "changes", "words"),
    [
        (Program, {"reviews-0-month": "4", "reviews-0-day": "31"}, "Not every year has this day."),
        (Program, {"reviews-0-window_month": "2", "reviews-0-window_day": "29"}, "Not every year has this day."),
        (Program, {"year_month": "2", "year_day": "30"}, "Not every year has this day."),
        (Program, {"unit_usd": "0"}, "greater than or equal to 0.01"),
        (Program, {"sold_life_months": "0"}, "greater than or equal to 1"),
        (SoldRate, {"sourced": "-1"}, "greater than or equal to 0"),
        (GrowthMarket, {"factor": "0"}, "greater than or equal to 0.0001"),
        (GrowthMarket, {"countries": "BR,xx,QQ"}, "Not country codes (ISO 3166-1 alpha-2): QQ, XX"),
        (CurrencyTable, {"amounts-0-currency": "EURO"}, "at most 3 characters"),
        (CurrencyTable, {"amounts-0-currency": "QQQ"}, "Not a currency code in use (ISO 4217)."),
        (CurrencyTable, {"amounts-0-amount": "0"}, "greater than or equal to 0.0001"),
        (CurrencyTable, {"amounts-0-DELETE": "on"}, "AUD: missing here, but in the table of 1900-01-01"),
    ],
)  # fmt: skip
def test_what_no_figure_can_be_worked_out_with_is_refused_where_it_was_typed(
    operator: WebClient, model: Any, changes: dict[str, str], words: str
):
    revision = program().revision
    page = entered(operator, change(model.objects.last()), **changes)
    assert words in said(page)
    assert program().revision == revision


def new_table(operator: WebClient, start: str, amounts: dict[str, str]) -> Any:
    rows = {"amounts-TOTAL_FORMS": str(len(amounts))}
    for number, (currency, amount) in enumerate(amounts.items()):
        rows |= {f"amounts-{number}-currency": currency, f"amounts-{number}-amount": amount}
    return entered(operator, "/admin/program/currencytable/add/", program=str(program().pk), start=start, **rows)


def test_a_currency_table_has_every_currency_of_the_one_before_it(operator: WebClient, web: Callable[..., Any]):
    known = {row.currency: str(row.amount) for row in CurrencyTable.objects.last().amounts.all()}
    assert "A currency table needs amounts." in said(new_table(operator, "2026-12-01", {}))
    few = {code: amount for code, amount in known.items() if code not in {"ZAR", "JPY"}}
    assert "JPY, ZAR: missing here, but in the table of 2025-07-15" in said(new_table(operator, "2026-12-01", few))
    assert "was added successfully" in said(new_table(operator, "2026-12-01", known | {"chf": "81"}))
    assert current()[0].per_unit("CHF", date(2026, 12, 1)) == 81
    early = said(new_table(operator, "2026-01-01", known | {"SEK": "1000"}))
    assert "SEK: missing in the table of 2026-12-01, which comes after. Add the amounts there first." in early
    assert web("admin").get("/dashboard/").status_code == 200

    latest = CurrencyTable.objects.last()
    numbers = [row.currency for row in latest.amounts.all()]
    gone = said(entered(operator, change(latest), **{f"amounts-{numbers.index('CHF')}-DELETE": "on"}))
    assert "CHF: facts may be in this currency already" in gone


def test_the_last_rates_and_the_last_amount_of_a_currency_cannot_be_deleted(operator: WebClient):
    first, last = SoldRate.objects.all()
    assert "was deleted successfully" in said(delete(operator, last))
    assert "the programme’s only rates" in said(delete(operator, first))
    assert SoldRate.objects.get() == first

    old, new = CurrencyTable.objects.all()
    new.amounts.create(currency="CHF", amount=81)
    assert "The table of 1900-01-01 would hold instead, and has no amount for CHF." in said(delete(operator, new))
    assert "was deleted successfully" in said(delete(operator, old))  # the later one has all of its currencies
    assert "only currency table" in said(delete(operator, new))
    assert CurrencyTable.objects.get() == new


def delete(operator: WebClient, row: Any) -> Any:
    return operator.post(f"/admin/program/{row._meta.model_name}/{row.pk}/delete/", {"post": "yes"}, follow=True)


@pytest.mark.parametrize(
    "kept_elsewhere", ["account/emailaddress", "auth/group", "mfa/authenticator", "usersessions/usersession"]
)
def test_who_signs_in_and_with_what_is_no_business_of_operators(operator: WebClient, kept_elsewhere: str):
    assert operator.get(f"/admin/{kept_elsewhere}/").status_code == 404
    assert operator.get("/admin/").text.count("/add/") == 5  # all but the programme itself


@pytest.mark.parametrize("reader", ["page", "program", "command"])
def test_whoever_reads_next_sees_what_changed_rates_make_of_the_past(
    operator: WebClient, web: Callable[..., Any], partner: Any, capsys: Any, reader: str
):
    """Rates twice as high make the demo partner's 624.8015 sourced points twice as many, but for roundings of entries."""
    for rate in SoldRate.objects.order_by("pk"):
        entered(operator, change(rate), sourced=str(2 * rate.sourced))
    if reader == "page":
        assert "1,249.6" in web("manager").get("/tiers/").text
    if reader == "program":
        assert twice(web("manager").get("/api/v1/progress").json())
    if reader == "command":
        call_command("figures", "northwind", "--on", "2026-11-23")
        assert twice(json.loads(capsys.readouterr().out))
    call_command("verify_ledger", "northwind", stdout=io.StringIO())


def twice(figures: Any) -> bool:
    return abs(Decimal(figures["points"]["sourced"]) - 2 * Decimal("624.8015")) < Decimal("0.01")


@pytest.fixture
def posted_by_somebody_else(partner: Any) -> Iterator[None]:
    """Another process holds the lock under which this partner's ledger is posted."""
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", [PARTNER_FACTS, partner.pk])
            yield
    finally:
        other.close()


def test_no_page_waits_for_who_is_posting_everything_again_but_says_so(
    web: Callable[..., Any], posted_by_somebody_else: None
):
    assert REMARK not in web("manager").get("/dashboard/").text
    rules_changed(program=program())
    page = web("manager").get("/dashboard/?on=2026-11-23")
    assert REMARK in page.text
    assert '<a href="/dashboard/?on=2026-11-23">Reload this page</a>' in page.text
    answer = web("manager").get("/api/v1/progress")
    assert (answer.status_code, answer["Retry-After"]) == (503, "10")
    assert answer.json()["detail"].startswith("The programme's rules have changed")


def test_the_remark_goes_once_it_is_done(web: Callable[..., Any], partner: Any):
    rules_changed(program=program())
    assert REMARK not in web("manager").get("/dashboard/").text
    assert Posting.objects.get(partner=partner).revision == program().revision


def test_the_programme_itself_stays_and_is_the_only_one(operator: WebClient):
    assert delete(operator, program()).status_code == 403
    assert operator.get("/admin/program/program/add/").status_code == 403
    assert Program.objects.count() == 1


def test_a_programme_year_of_its_own_is_a_range_and_compares_with_the_one_before(
    operator: WebClient, web: Callable[..., Any]
):
    address = "/dashboard/?changes_range=this-programme-year&changes_cmp=prev"
    assert "1 Jan – 23 Nov 2026" in web("admin").get(address).text
    entered(operator, change(program()), year_month="3", year_day="1")
    page = web("admin").get(address).text
    assert "This programme year so far" in page
    assert "1 Mar – 23 Nov 2026" in page
    assert "1 Mar – 23 Nov 2025" in page


def test_pages_work_while_a_rule_set_is_being_entered_and_without_any(web: Callable[..., Any], operator: WebClient):
    RuleSet.objects.create(program=program(), start=date(2026, 11, 1), name="No tiers yet")
    entered(operator, change(program()))
    for address in ("/dashboard/", "/tiers/", "/calculator/", "/renewals/", "/dashboard/pack/"):
        assert web("admin").get(address).status_code == 200, address
    RuleSet.objects.all().delete()
    Review.objects.all().delete()
    entered(operator, change(program()))
    for address in ("/dashboard/", "/tiers/", "/calculator/", "/renewals/", "/dashboard/pack/"):
        assert web("admin").get(address).status_code == 200, address
