"""The one form of all mails: what the HTML says the text says too, and neither is made of what people typed."""

import re

from django.utils.html import strip_tags

from partner_portal.lib.mail import Content, Link, Row, Table, as_html, as_text, compose

CONTENT = Content(
    "Lost points: −51 points",
    "You get this because it is scheduled for you.",
    "Northwind <Growth>",
    headline="Lost points",
    figure="−51 points",
    figure_text="from 10 entries of 8 clients",
    paragraphs=["25 Oct 2026 to 23 Nov 2026, both days included"],
    tables=[
        Table(
            [
                Row(
                    ("Café Zürich", "3 Nov 2026", "−12.5"),
                    "Expired after 12 months.",
                    "https://portal.example/clients/C1/",
                ),
                Row(("<b>Bold</b> & Sons", "4 Nov 2026", "−3"), "", ""),
            ],
            head=("Client", "Lost on", "Points"),
            title="Entries",
            address="https://portal.example/rows/",
            numeric=(2,),
            note="and 8 more rows",
        )
    ],
    action=Link("See the rows", "https://portal.example/rows/?from=1&to=2"),
    further=["Filters: None", Link("Set a new password", "https://portal.example/reset/")],
    manage=Link("Change this schedule", "https://portal.example/schedules/1/"),
    leave="https://portal.example/leave/abc/",
)


def test_both_forms_say_the_same():
    html, text = as_html(CONTENT), as_text(CONTENT)
    read = " ".join(strip_tags(html.split("</style>")[1]).split()).replace("&amp;", "&").replace("&lt;", "<")
    for word in re.findall(r"[\w’−é]+", re.sub(r"https?://\S+", "", text)):
        assert word in read
    assert set(re.findall(r'href="(https://portal[^"]+)"', html.replace("&amp;", "&"))) == set(
        re.findall(r"https://portal\S+", text)
    )


def test_the_text_reads_without_the_heads_of_a_table():
    assert (
        "Entries\nhttps://portal.example/rows/\n\n"
        "- Café Zürich\n  Lost on: 3 Nov 2026 · Points: −12.5\n  Expired after 12 months.\n"
        "  https://portal.example/clients/C1/\n"
        "- <b>Bold</b> & Sons\n  Lost on: 4 Nov 2026 · Points: −3\nand 8 more rows"
    ) in as_text(CONTENT)


def test_what_people_typed_is_no_html():
    html = as_html(CONTENT)
    assert "<b>" not in html
    assert "Northwind &lt;Growth&gt;" in html


def test_the_looks_outlive_being_forwarded_and_need_nothing_from_elsewhere():
    html = as_html(CONTENT)
    body = html[html.index("<body") :]
    assert (
        'class="go" href="https://portal.example/rows/?from=1&amp;to=2" style="' in body
    )  # without the style sheet too
    assert "prefers-color-scheme: dark" in html
    assert not re.search(r"<img|<link|<script|url\(|@import", html)


def test_a_subject_is_one_short_line_and_the_program_can_end_the_mails():
    mail = compose(CONTENT, "pia@northwind.example", headers={"Message-ID": "<digest-1@portal>"})
    message = mail.message()
    assert message["Message-ID"] == "<digest-1@portal>"
    assert message["List-Unsubscribe"] == "<https://portal.example/leave/abc/>"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    forged = compose(Content("A\r\nBcc: all@example.org " + "x" * 300, "Why."), "pia@northwind.example")
    assert forged.subject.startswith("A Bcc: all@example.org xxx")
    assert len(forged.subject) == 200
    assert "List-Unsubscribe" not in forged.message()


def test_what_a_mail_lacks_leaves_no_trace():
    bare = as_html(Content("Subject", "Why."))
    assert 'class="figure"' not in bare
    assert 'class="data"' not in bare
    assert 'class="go"' not in bare
    assert "Stop these mails" not in bare
