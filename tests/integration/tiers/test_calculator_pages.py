"""The calculator as page and drawer: the examples of the specification, both languages, wrong input, one address."""

import re
from urllib.parse import urlencode

import pytest

from accounts.scope import outside_partners


def answer(web, **query):
    return web().get(f"/calculator/?{urlencode(query)}").context["results"]


@pytest.mark.parametrize(
    ("query", "sold", "managed"),
    [
        ({"amount": "1000"}, 50, 10),
        ({"amount": "1000", "others": "1"}, 50, 5),
        ({"amount": "1000", "manage": "no"}, 50, 0),
        ({"amount": "1000", "origin": "assisted"}, 30, 10),
        ({"amount": "1000", "market": "growth"}, 100, 20),
        ({"amount": "1000", "origin": "assisted", "market": "growth"}, 60, 20),
        ({"amount": "880", "currency": "EUR", "on": "2025-08-01"}, 50, 10),
        ({"amount": "750", "currency": "EUR", "on": "2025-06-01"}, 50, 10),
        ({"amount": "1000", "on": "2021-10-15"}, 30, 10),
        ({"amount": "0"}, 0, 0),
    ],
)
def test_estimates(web, query, sold, managed):
    found = answer(web, **{"currency": "USD"} | query).estimate
    assert (found.sold, found.managed) == (sold, managed)


@pytest.mark.parametrize(
    ("query", "sold", "managed"),
    [
        ({"c_sold": "30", "c_managed": "10", "c_origin": "assisted"}, "1000.00", "1000.00"),
        ({"c_sold": "30", "c_managed": "10", "c_origin": "sourced"}, "600.00", "1000.00"),
        ({"c_sold": "76", "c_managed": "10", "c_currency": "EUR"}, "1337.60", "880.00"),
        ({"c_sold": "30", "c_managed": "10", "c_others": "1"}, "600.00", "2000.00"),
        ({"c_sold": "30", "c_managed": "10", "c_market": "growth"}, "300.00", "500.00"),
    ],
)
def test_points_to_currency(web, query, sold, managed):
    found = answer(web, **{"c_currency": "USD"} | query)
    assert (f"{found.sold.amount}", f"{found.managed.amount}") == (sold, managed)


def test_currency_to_points_is_the_inverse(web):
    found = answer(web, c_direction="to-points", c_currency="EUR", c_sold="1337.60", c_managed="880")
    assert (found.sold.points, found.managed.points) == (76, 10)


def test_a_dutch_number_in_an_address_means_the_same_to_everybody(web):
    found = answer(web, amount="1.234,50", written="nl", currency="USD")
    assert f"{found.estimate.sold}" == "61.7250"
    html = web().get("/calculator/?amount=1.234,50&written=nl&currency=USD").content.decode()
    assert 'value="1,234.50"' in html


def test_a_dutch_reader_writes_dutch(web, person):
    with outside_partners():
        user = person("manager")
        user.language = "nl"
        user.save(update_fields=["language"])
    html = web("manager").get("/calculator/?amount=1.234,5&currency=USD").content.decode()
    assert 'value="1.234,50"' in html
    assert 'name="written" value="nl"' in html


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({"amount": "1" * 40}, "Give a number below 100,000,000,000,000."),
        ({"amount": "-5"}, "negative"),
        ({"amount": "1.234,56"}, "write it like 1,234.56"),
        ({"amount": ""}, "Give a number."),
        ({"amount": "<b>"}, "&lt;b&gt;"),
        ({"others": "-1"}, "greater than or equal to 0"),
        ({"currency": "XXX"}, "no fixed amount for “XXX”"),
        ({"on": "1066-10-14"}, "between 2000 and 2099"),
        ({"on": "soon"}, "valid date"),
        ({"c_sold": "0.00001"}, "at most 4 decimals"),
    ],
)
def test_wrong_input_has_a_message_and_no_result(web, query, says):
    response = web().get(f"/calculator/?{urlencode(query)}")
    assert response.status_code == 200
    assert says in response.content.decode()
    results = response.context["results"]
    if "c_sold" in query:
        assert results.sold is None
        assert results.estimate is not None
    else:
        assert results.estimate is None


def test_every_input_is_in_the_address_to_share(web):
    query = {"amount": "1234.5", "currency": "EUR", "origin": "assisted", "market": "growth", "manage": "no", "others": "2",
             "on": "2025-08-01", "c_sold": "7", "c_managed": "8", "c_currency": "JPY", "c_direction": "to-points"}  # fmt: skip
    client = web()
    first = client.get(f"/calculator/?{urlencode(query)}")
    again = client.get(first.context["address"])
    assert again.context["results"] == first.context["results"]
    assert all(f"{name}=" in first.context["address"] for name in query)


def test_typing_brings_the_answers_alone(web):
    headers = {"HX-Request": "true", "HX-Target": "calculator-points-result"}
    html = web().get("/calculator/?amount=2000&currency=USD", headers=headers).content.decode()
    assert html.lstrip().startswith('<div class="stack g-3 result" id="calculator-points-result"')
    assert 'id="calculator-currency-result" role="status" hx-swap-oob="true"' in html
    assert "<form" not in html
    assert 'value="100.0000"' in html


def test_the_drawer_holds_the_form_and_keeps_it_off_the_page_address(web):
    html = web().get("/calculator/", headers={"HX-Request": "true", "HX-Target": "calculator-drawer"}).content.decode()
    assert html.lstrip().startswith('<div id="calculator-drawer"')
    assert "hx-replace-url" not in html
    assert len(re.findall("<form", html)) == 1


def text_of(response):
    return " ".join(re.sub(r"<[^>]+>", " ", response.content.decode()).split()).replace(" .", ".").replace(" ,", ",")


@pytest.mark.parametrize(
    ("amount", "says", "missing"),
    [
        # 1,235.0467 points and Platinum today; US$ 1,000 sourced brings 50 + 10.
        ("1000", "With this deal: 1,295 points, reaches Diamond (1,260).", "Still missing for Elite: 2,275 points, "),
        ("100", "With this deal: 1,241 points, stays Platinum.", "Still missing for Diamond: 19 points."),
        # 24.9466 of the 24.9533 that are missing: never the 1,260 that would do.
        ("415.78", "With this deal: 1,259.9 points, stays Platinum.", "Still missing for Diamond: 1 point."),
    ],
)
def test_the_tier_that_a_deal_reaches_and_what_is_still_missing(web, amount, says, missing):
    page = text_of(web().get(f"/calculator/?amount={amount}&currency=USD"))
    assert says in page
    assert missing in page


def test_points_are_shown_with_the_decimals_they_have(web):
    page = text_of(
        web().get("/calculator/?amount=50&currency=USD&c_direction=to-points&c_currency=USD&c_sold=50&c_managed=10")
    )
    assert "3 points in total" in page
    assert "2.5 sold, 0.5 managed" in page
    assert "USD 50.00 sold = 2.5 points" in page
    assert "USD 10.00 managed = 0.1 points" in page


@pytest.mark.parametrize(("market", "sold"), [("NL", 50), ("IN", 100), ("growth", 100), ("standard", 50)])
def test_a_country_is_its_market(web, market, sold):
    assert answer(web, amount="1000", currency="USD", market=market).estimate.sold == sold
    assert answer(web, c_currency="USD", c_market=market, c_sold="100").sold.amount == 100_000 // (50 * sold // 50)


def test_countries_name_their_market_and_factor_on_the_page_and_in_the_drawer(web, person):
    for headers in ({}, {"HX-Request": "true", "HX-Target": "calculator-drawer"}):
        page = web().get("/calculator/", headers=headers).content.decode()
        assert page.count('<option value="IN">India: Growth market, × 2</option>') == 2
        assert page.count('<option value="NL">Netherlands: Standard market, × 1</option>') == 2
        assert '<option value="standard" selected>' in page
    with outside_partners():
        user = person("manager")
        user.language = "nl"
        user.save(update_fields=["language"])
    assert '<option value="DE">Duitsland: ' in web("manager").get("/calculator/").content.decode()
    before = web().get("/calculator/?on=2022-07-17").content.decode()  # no growth markets yet
    assert '<option value="IN">India: Standard market, × 1</option>' in before


def test_the_partners_currency_comes_first(web, partner):
    form = web().get("/calculator/").context["calc"]
    codes = [code for code, _label in form.fields["currency"].choices]
    assert (codes[0], form.data["currency"]) == (partner.payout_currency, partner.payout_currency)
    assert codes[1:] == sorted(codes[1:])


@pytest.mark.parametrize(
    ("direction", "labels"),
    [("to-currency", ["Sold points", "Managed points"]), ("to-points", ["Sold amount, MRR", "Managed amount, MRR"])],
)
def test_labels_follow_the_direction_also_while_typing(web, direction, labels):
    headers = {"HX-Request": "true", "HX-Target": "calculator-points-result"}
    for kept in ({}, headers):
        page = web().get(f"/calculator/?c_direction={direction}", headers=kept).content.decode()
        assert re.findall(r'<label for="calc-c_(?:sold|managed)"[^>]*>\s*([^<]+?)\s*</label>', page) == labels
