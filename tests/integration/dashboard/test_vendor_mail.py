"""The mail to a contact at the vendor: the figures themselves, within what mail programs take."""

import re
from collections import Counter
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import translation

from accounts.scope import partner_scope, system_scope
from dashboard.vendor_mail import LONGEST, figures_text, mailto
from ledger.models import PointEntry
from partner_portal.lib.dates.periods import Period
from program.labels import labels
from program.terms import Cause

CAUSES = labels(Cause)


def mails(client, **headers):
    text = client.get("/dashboard/team/?target=gold", headers=headers).content.decode()
    return [unescape(link) for link in re.findall(r'href="(mailto:[^"]+)"', text)]


def body_of(link):
    return parse_qs(urlsplit(link).query)["body"][0].split("\r\n")


def test_a_mail_says_the_figures_and_names_what_to_attach(web):
    view = "http://testserver/dashboard/?target=gold&changes_range=last-30-days"
    first, _second = mails(web("member"), referer=view)
    parts = urlsplit(first)
    assert (parts.scheme, parts.path) == ("mailto", "uma.costa@vendor.example")
    assert parse_qs(parts.query)["subject"] == ["Northwind Growth: a question about our programme"]
    assert "+" not in parts.query.replace("%2B", ""), "a mail program would show it"
    assert body_of(first) == [
        "Northwind Growth on 23 November 2026:",
        "- Tier: Diamond (performance today: Platinum)",
        "- Total: 1,235.05 points (942.38 sold, 292.67 managed)",
        "- Gap: 25 points short of Diamond",
        "- Review: 15 January 2027. If nothing else happens, the tier falls to Platinum",
        "- 25 Oct – 23 Nov 2026: −44.9 points",
        "- Lost, by cause: Expired −69.6",
        "",
        "Attached: our review pack.",
        "",
        f"For colleagues who can sign in: {view}",
    ]
    page = web("member").get("/dashboard/team/").content.decode()
    assert 'Attach your <a href="/dashboard/pack/">review pack</a>' in page


@pytest.mark.parametrize(
    "referer",
    [
        "https://elsewhere.example/dashboard/",
        "http://testserver/accounts/login/?next=/x",
        "http://testserver/settings/",
    ],
)
def test_without_a_view_one_came_from_it_is_the_dashboard_as_chosen(web, referer):
    assert body_of(mails(web("member"), referer=referer)[0])[-1].endswith(": http://testserver/dashboard/?target=gold")


def test_the_losses_are_those_of_the_range_in_mind_by_cause(web, partner):
    view = "http://testserver/dashboard/?changes_from=2026-01-01&changes_to=2026-11-23"
    body = body_of(mails(web("member"), referer=view)[0])
    [lost] = [line for line in body if line.startswith("- Lost, by cause: ")]
    with partner_scope(partner):
        entries = PointEntry.objects.filter(points__lt=0, on__range=("2026-01-01", "2026-11-23"))
        sums = Counter()
        for entry in entries:
            sums[str(CAUSES[entry.cause])] += entry.points
    assert len(sums) > 2
    told = dict(re.findall(r"(\w[\w ]*?) −([\d.,]+)", lost.removeprefix("- Lost, by cause: ").replace(" and ", ", ")))
    assert list(told) == sorted(sums, key=sums.get)
    assert all(abs(float(told[name].replace(",", "")) + float(points)) < 0.6 for name, points in sums.items())


@pytest.mark.parametrize("language", ["en", "nl"])
@pytest.mark.parametrize("length", [10, 5_000])
def test_what_does_not_fit_is_left_out_from_the_end(partner, length, language):
    with partner_scope(partner), translation.override(language):
        scope = system_scope(partner)
        figures = figures_text(scope, Period(scope.today, scope.today))
        whole = mailto(scope, "uma.costa@vendor.example", figures, "https://portal.example/" + "ä" * length)
        assert len(whole) <= LONGEST
        assert body_of(whole)[: len(figures)] == figures
        assert ("ä" * length in body_of(whole)[-1]) == (length == 10)
        crowded = mailto(scope, "uma.costa@vendor.example", figures * 9, "")
        assert len(crowded) <= LONGEST
        assert body_of(crowded)[:3] == figures[:3]
