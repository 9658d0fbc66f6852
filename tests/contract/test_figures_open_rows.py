"""Every figure opens its rows: each page is read, and no number of points, money or rows stands there without a way to them.

The rule, applied to what is inside <main> of every page that answers a GET (as an admin, with the demo partner):

A *figure* is
  - a <data> element (points and points-dollars carry their exact value in one), unless its value is 0;
  - an amount of money in text: a number with two decimals, or US$ and a number;
  - a number other than 0 that counts something in running text: before a noun of COUNTED (with up to three words between), or
    before a verb of a count ("5 are overdue", "23 to check", "the deadlines of 12 have passed");
  - a number other than 0 that is all there is in a tile (class `num`).
Days, per cent, ids, rates ("5 points per US$ 100") and lengths of time are no figures.

A figure has a *way to its rows* when
  - it stands inside <a href> or <summary>, or inside a <caption>, or in the total row of a table (the table's rows are its rows);
  - it is in the body of a table, and its row has an <a href>;
  - it is in a tile (class `stat` or `counter`) or in an item of a `role=list`, and that has an <a href>.
  In running text a link elsewhere in the sentence is not enough.

What is the rows (class `rows`, an id that ends in `-rows`, the figure above them, `-figure`, and the tables of
`LISTED`) needs no way to them; nor does
what a form holds (controls, labels), nor a message (role `status` or `alert`), since it answers what somebody just did.
"""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

import pytest
from django.urls import resolve

from accounts.checks import GUARDED_ELSEWHERE, routes

PAGES = {
    "dashboard": ["/dashboard/", "/dashboard/?on=2026-06-30", "/dashboard/?target=elite"],
    "dashboard_team": ["/dashboard/team/"],
    "dashboard_panels": ["/dashboard/panels/"],
    "tier_panels": ["/tiers/panels/"],
    "dashboard_packs": ["/dashboard/packs/"],
    "dashboard_changes": ["/dashboard/changes/lost-sold/?changes_range=last-12-months"],
    "dashboard_shared": ["/dashboard/shared/created/"],
    "dashboard_stuck": ["/dashboard/stuck-deals/"],
    "dashboard_churn": ["/dashboard/retention/?month=2026-10"],
    "dashboard_expiring": ["/dashboard/expiring/?by=review"],
    "clients": ["/clients/"],
    "client": ["/clients/C079/"],
    "tier": ["/tiers/", "/tiers/?on=2026-06-30"],
    "tier_breakdown": ["/tiers/breakdown/"],
    "tier_expiring": ["/tiers/expiring/?by=review"],
    "tier_lots": ["/tiers/lots/"],
    "tier_entries": ["/tiers/entries/"],
    "tier_over_time": ["/tiers/over-time/"],
    "tier_people": ["/tiers/people/"],
    "tier_tools": ["/tiers/tools/"],
    "tier_client": ["/tiers/clients/C079/"],
    "tier_plans": ["/tiers/plans/"],
    "commissions": ["/commissions/"],
    "commission_rows": ["/commissions/rows/lines/"],
    "commission_client": ["/commissions/clients/C079/"],
    "commission_questions": ["/commissions/questions/"],
    "commission_statement": ["/commissions/statements/S-2026Q3/"],
    "renewals": ["/renewals/"],
    "renewal_rows": ["/renewals/rows/"],
    "renewal_client": ["/renewals/clients/C079/"],
    "renewal_reminders": ["/renewals/reminders/"],
    "product_lines": ["/settings/product-lines/"],
    "imports": ["/imports/"],
    "exports": ["/exports/"],
    "lists": ["/lists/"],
    "reports": ["/reports/"],
    "schedules": ["/schedules/"],
    "dataset_rows": ["/reports/rows/clients/"],
    "accounts_members": ["/accounts/members/"],
    "search": ["/search/?q=hub"],
}
# Pages without figures to open, and why. What only answers POSTs, makes files or takes a token is left out by itself.
ELSEWHERE = {
    "home": "sends on to the dashboard",
    "dashboard_pack": "for paper: nothing on it can be followed",
    "commission_statement_print": "for paper: nothing on it can be followed",
    "commission_question": "a form about one line, which it shows",
    "calculator": "results of what was typed, with their working; there are no rows",
    "tier_plan": "what assumptions would do, listed below; there are no rows",
    "tier_plan_new": "a form, whose rows are those to choose from",
    "export": "one export, whose rows are the file",
    "export_new": "a form over the rows it is about",
    "list_use": "a form over the rows it is about",
    "list": "the rows of a list",
    "report": "the rows of a report",
    "report_new": "a form over the rows it is about",
    "columns_choose": "a form over the rows it is about",
    "renewal_reminder_stop": "a question and its answer, without a figure",
    "report_cards": "each card is a link; loaded into the dashboard",
    "schedule": "one schedule",
    "schedule_new": "a form",
    "schedule_of_report": "sends on to a form",
    "client_facts": "what was imported about a client, row by row",
    "client_facts_of_kind": "what was imported about a client, row by row",
    "certification_facts": "the certifications, row by row",
    "product_line_facts": "what was imported about a product line, row by row",
    "fact_withdraw": "what a withdrawal would do, tried and rolled back",
    "product_line_merge": "what a merge would do, tried and rolled back",
    "product_line_undo": "what taking a merge back would do, tried and rolled back",
    "imports_sample": "answers POSTs only",
    "imports_sample_data": "a file",
    "imports_columns": "what files look like, with examples",
    "imports_batch": "an import, whose files and errors are listed on it",
    "imports_changes": "what an import did, row by row",
    "imports_missing": "the rows that an import's files do not have",
    "imports_row": "the imports that changed one row",
    "help": "the programme's rules and what words mean: nothing that was counted",
    "tier_thresholds": "a form",
    "connections": "live connections, each with its own page",
    "connections_new": "a form",
    "connection": "a connection and its runs, each with its import",
    "connection_questions": "a form",
    "vendor_call": "a progress bar",
    "connections_consent": "a redirect",
    "connections_consented": "a redirect",
    "connection_clients": "a form over the rows that it is about",
    "connection_disconnect": "a question",
    "connection_kind": "a form, and the first rows of a preview of which nothing is stored",
    "connection_proposals": "a form over the rows that it is about, each with its client",
    "connection_effect": "what confirming the rows that it lists would do",
    "imports_mapping": "a form over the cells of a file",
    "notices": "sentences, each a link to its rows",
    "notices_bell": "a number of notices that leads to them",
    "notices_channels": "channels, each with its own page",
    "notices_channel": "a form, and the messages that were sent, row by row",
    "notices_stop": "a question and its answer, without a figure",
    "notice": "sends on to the rows of a notice",
}
# Tables on a client's record of that client's deals, sales, entries and lines: they are the rows.
LISTED = {"c-deals", "c-cancelled", "c-entries", "c-sold", "c-managed", "c-renewals", "c-client-earning", "h-use"}
# Figures without rows, and why. What is matched are the words of the sentence, or of the row of the table.
ALLOWED = {
    r"MRR$|short of|short on the|points away|missing|are worth$": "a gap is nothing that exists; what there is, beside it, opens",
    r"expected|left\b|if nothing else happens|would be|would fall": "days to come have no rows",
    r"work with": "the list that it counts follows",
    r", (met|[\d,.]+ short) \(": "what a tier would have without the client: nothing that exists",
}

COUNTED = (
    "points?|clients?|entry|entries|renewals?|lines?|deals?|lots?|sales|variances?|rows?|statements?|people|person|questions?|"
    "requirements?|errors?|plans?|reports?|files?|imports?|members?|contacts?|deadlines?"
)
COUNT = re.compile(
    rf"(?<![\d.,–/€$-])(?P<number>\d[\d,.]*)(?=(?: (?!of\b|the\b|days?\b|months?\b)[a-z-]+){{0,3}} (?:{COUNTED})\b|"
    r" (?:is|are|has|have|had|was|were|needs?|puts?|alone|to check)\b|, each alone\b)"
)
MONEY = re.compile(r"US\$ ?[\d,.]*[1-9][\d,.]*|(?<![\d.,])\d[\d,]*\.\d\d(?![\d%]| %)")
NO_FIGURE = re.compile(
    r"points per US\$ ?100|per US\$ ?100|US\$ ?100\b|\d+ of the last 12|last 12 complete|1 x|\d+ for each"
)
NUMBER = re.compile(r"[−+]?[\d,.]*\d[\d,.]*")
VOID = {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
QUIET = {
    "svg",
    "script",
    "style",
    "option",
    "label",
    "legend",
    "time",
    "button",
    "form",
    "template",
    "noscript",
    "thead",
    "code",
}
TEXTS = {
    "p",
    "dd",
    "dt",
    "li",
    "figcaption",
    "td",
    "th",
    "h1",
    "h2",
    "h3",
    "caption",
    "summary",
    "div",
    "span",
    "section",
}


@dataclass
class Element:
    """An element of a page: its parent, and its children and texts in order."""

    tag: str
    attributes: dict[str, str | None]
    parent: "Element | None" = None
    inside: list["Element | str"] = field(default_factory=list)

    @property
    def classes(self):
        return set((self.attributes.get("class") or "").split())

    @property
    def name(self):
        return self.attributes.get("id") or ""

    def up(self):
        """The element and those around it, innermost first."""
        here = self
        while here is not None:
            yield here
            here = here.parent

    def all(self):
        """The element and everything inside it."""
        yield self
        for each in self.inside:
            if isinstance(each, Element):
                yield from each.all()

    def text(self):
        return " ".join(" ".join(each.text() if isinstance(each, Element) else each for each in self.inside).split())


class Reader(HTMLParser):
    """Reads HTML into elements."""

    def __init__(self, html):
        super().__init__()
        self.root = self.here = Element("root", {})
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        element = Element(tag, dict(attrs), self.here)
        self.here.inside.append(element)
        if tag not in VOID:
            self.here = element

    def handle_endtag(self, tag):
        for element in self.here.up():
            if element.tag == tag:
                self.here = element.parent
                return

    def handle_data(self, data):
        self.here.inside.append(data)


def is_link(element):
    return element.tag == "a" and bool(element.attributes.get("href"))


def has_way(element):
    """Whether a figure in this element leads to its rows, as the module says."""
    around = list(element.up())
    if any(is_link(each) or each.tag in {"summary", "caption", "tfoot"} for each in around):
        return True
    for each in around:
        item = each.tag == "li" and each.parent.attributes.get("role") == "list"
        if (each.tag == "tr" or each.classes & {"stat", "counter"} or item) and any(map(is_link, each.all())):
            return True
    return False


def is_quiet(element):
    """Whether nothing in the element is a figure: controls, drawings, heads, messages, and the rows themselves."""
    return any(
        each.tag in QUIET
        or "hidden" in each.attributes
        or each.attributes.get("role") in {"status", "alert", "note"}
        or each.classes & {"rows", "rows-figure", "pager", "sr", "print-only", "tag"}
        or each.name.endswith(("-rows", "-figure"))
        or each.attributes.get("aria-labelledby") in LISTED
        for each in element.up()
    )


def figures_without_rows(html):
    """(section, words) of every figure without a way to its rows."""
    main = next(each for each in Reader(html).root.all() if each.name == "main")
    found = []
    for element in main.all():
        if is_quiet(element):
            continue
        if element.tag == "data":
            if float(element.attributes["value"]) and not has_way(element):
                found.append(words_around(element))
            continue
        if has_way(element):
            continue
        text = element.text()
        if "num" in element.classes and NUMBER.fullmatch(text):
            if text.strip("−+0,.") and not any(each.tag == "data" for each in element.all()):
                found.append(words_around(element))
            continue
        own = " ".join("".join(each if isinstance(each, str) else _inline(each) for each in element.inside).split())
        own = NO_FIGURE.sub("", own)
        hits = [match["number"] for match in COUNT.finditer(own)] + MONEY.findall(own)
        if any(re.search(r"[1-9]", hit) for hit in hits):
            found.append(words_around(element))
    return [each for each in dict.fromkeys(found) if not any(re.search(words, each[1]) for words in ALLOWED)]


def _inline(element):
    """The text of an element within a sentence; a link, a day and a drawing are no part of it, and a figure counts by itself."""
    if is_link(element) or element.tag in {"data", *QUIET} or element.classes & {"sr", "tag", "stat", "num"}:
        return " | "
    if element.tag in {"b", "span", "small", "abbr", "em", "strong"} and "sub" not in element.classes:
        return "".join(each if isinstance(each, str) else _inline(each) for each in element.inside)
    return " | "


def words_around(element):
    """The section that a figure stands in, and the words around it."""
    section = next((each.name for each in element.up() if each.tag == "section" and each.name), "")
    row = next((each for each in element.up() if each.tag == "tr"), None)
    block = row or next(each for each in element.up() if each.tag in TEXTS - {"span"})
    return section, block.text()[:160]


POSTS_AND_FILES = re.compile(
    r"file|template|errors|calendar|leave|confirm|cancel|again|rename|copy|delete|restore|remove|opened|_pin|_state$|role|"
    r"invit|imports_commit|list_send|connection_(?:sync|pause|resume|gone)|imports_check|checklist|imports_complete|imports_undo|discard|retry|kinds|forget_mapping|save|edit|accounts_(?!members$)|settings|token|notices_(?:read|channel_action)"
)


def page_names():
    """The names of the routes that a browser may GET as a page."""
    return {
        pattern.name
        for address, pattern in routes()
        if not pattern.callback.__module__.startswith(GUARDED_ELSEWHERE)
        and not address.startswith(("admin/", "api/"))
        and not POSTS_AND_FILES.search(pattern.name)
    }


def test_every_page_is_read_or_says_why_not():
    """A new page is put into PAGES, or into ELSEWHERE with its reason."""
    assert page_names() - PAGES.keys() == ELSEWHERE.keys()
    assert all(resolve(address.partition("?")[0]).url_name == name for name, all_ in PAGES.items() for address in all_)


@pytest.mark.parametrize(
    ("name", "address"), [(name, address) for name, addresses in PAGES.items() for address in addresses]
)
def test_no_figure_stands_without_a_way_to_its_rows(web, name, address):
    page = web("admin").get(address)
    assert page.status_code == 200
    found = figures_without_rows(page.content.decode())
    assert found == []


LINK = '<a href="/rows/">%s</a>'


@pytest.mark.parametrize(
    ("html", "figure"),
    [
        ("<p><b>%s expire by the review.</b></p>", '<data value="93.2">93</data> points of 10 clients'),
        ("<p>%s is not the net revenue.</p>", "EUR 12.50"),
        ('<dl><div class="stat"><dt>Lines that don’t add up</dt><dd class="num">%s</dd></div></dl>', "1"),
        ("<p>The statement has %s.</p>", "1 variance"),
        ("<p>%s The first in May.</p>", "5 are overdue."),
        ("<p>The decision deadlines of %s</p>", "12 have passed."),
        ("<p>%s, 40 % are healthy.</p>", "23 to check"),
        ("<p>%s, would cost the tier.</p>", "3, each alone"),
        ("<table><tbody><tr><td>May</td><td>%s</td></tr></tbody></table>", '<data value="7">7</data>'),
    ],
)
def test_the_rule_finds_a_figure_and_is_content_with_a_link_around_it(html, figure):
    whole = f'<main id="main">{html}</main>'
    assert len(figures_without_rows(whole.replace("%s", figure))) == 1
    assert figures_without_rows(whole.replace("%s", LINK % figure)) == []


@pytest.mark.parametrize(
    "html",
    [
        "<p>On 23 November 2026, 49 days before the review, 86.2 % of 12 months.</p>",
        "<p>5 points per US$ 100, and 0 clients.</p>",
        '<p><data value="0.0000">0</data> points</p>',
        '<table><tbody><tr><th><a href="/c/">Birch</a></th><td><data value="7">7</data></td></tr></tbody></table>',
        '<div class="stat"><dd class="num">7</dd><dd class="note"><a href="/c/">show</a></dd></div>',
    ],
)
def test_the_rule_leaves_alone_what_is_no_figure_or_has_its_way(html):
    assert figures_without_rows(f'<main id="main">{html}</main>') == []


def test_a_link_elsewhere_in_the_sentence_is_not_enough():
    html = '<main id="main"><p>5 are overdue. <a href="/all/">All renewals</a></p></main>'
    assert len(figures_without_rows(html)) == 1
