"""Numbers in sentences and charts of clients and renewals open the rows that they count."""

import re
from html import unescape

import pytest


def counted(browser, address):
    """How many rows a page announces."""
    html = browser.get(address).content.decode()
    return int(re.search(r'data-announce="([\d,]+) ', html)[1].replace(",", "")), html


def links_of(html):
    """Addresses in the page's first sentence, with their words."""
    lede = re.search(r'<p class="lede">(.*?)</p>', html, re.S)[1]
    found = re.findall(r'<a href="([^"]+)"\s*>(.*?)</a>', lede, re.S)
    return [(unescape(address), re.sub(r"<[^>]+>", "", words)) for address, words in found]


@pytest.mark.parametrize(
    ("address", "least"),
    [("/renewals/", 3), ("/renewals/?renewals_range=next-180-days", 3), ("/clients/", 4)],
)
def test_every_number_of_the_first_sentence_opens_as_many_rows(web, address, least):
    browser = web("member")
    links = links_of(browser.get(address).content.decode())
    assert len(links) >= least
    for target, words in links:
        number = int(re.search(r"[\d,]+", words)[0].replace(",", ""))
        assert counted(browser, target)[0] == number > 0, (target, words)


def test_the_weeks_open_their_renewals(web):
    browser = web("member")
    html = browser.get("/renewals/").content.decode()
    cells = re.findall(r'<a href="(/renewals/\?renewals_from=[^"]+show=(\w+))"\s*>\s*([\d,.]+)\s*</a>', html)
    weeks = [(unescape(address), show, value) for address, show, value in cells]
    assert len(weeks) >= 6
    for address, show, value in weeks[:9]:
        rows, page = counted(browser, address)
        if show == "dated":
            assert rows == int(value)
            continue
        if rows == 0:
            assert value == "0"
            continue
        foot = re.search(r"<tfoot>(.*?)</tfoot>", page, re.S)[1]
        assert f">{value}<" in foot.replace("</span>", "<") or re.search(rf">\s*{re.escape(value)}\s*<", foot), (
            address,
            value,
        )


def test_the_points_at_stake_of_a_renewal_open_its_client(web):
    browser = web("member")
    addresses = re.findall(r'<a href="(/renewals/clients/[^"]+/)"\s*>', browser.get("/renewals/").content.decode())
    assert addresses
    assert browser.get(addresses[0]).status_code == 200
