"""People are told once, in the bell and the inbox, and only of what their role may see."""

from accounts.models import Membership
from accounts.scope import partner_scope, system_scope
from notices.events import Event
from notices.kinds import NoticeKind
from notices.models import EventCheck, Notice
from notices.services import check_for_events, notify
from notices.tasks import check_due_partners

RISK = Event(
    NoticeKind.TIER_AT_RISK,
    "2027-01-15:Gold",
    {"on": "2027-01-15", "before": "Platinum", "after": "Gold", "short": "39"},
)
STATEMENT = Event(
    NoticeKind.STATEMENT_ARRIVED,
    "ST-1",
    {"statement": "ST-1", "period": "2026-Q3", "total": "880.00", "currency": "EUR", "checks": 0},
)


def told(partner, *events, people=None):
    with partner_scope(partner):
        return notify(scope=system_scope(partner), events=events, people=people)


def test_an_event_is_told_once_to_everybody_whose_role_may_see_it(db, partner, other_partner):
    with partner_scope(partner):
        people = Membership.objects.filter(partner=partner).count()
        readers = Membership.objects.filter(partner=partner).exclude(role="member").count()
    assert told(partner, RISK) == people
    assert told(partner, RISK) == 0
    assert told(partner, STATEMENT) == readers
    with partner_scope(other_partner):
        assert not Notice.objects.exists()


def test_the_bell_counts_and_the_inbox_leads_to_the_rows(db, partner, web):
    told(partner, RISK)
    browser = web("member")
    page = browser.get("/notices/").content.decode()
    assert "Platinum is at risk: the review of 15 Jan 2027 would make it Gold" in page
    assert "you will be 39 points short on the day" in page
    bell = browser.get("/notices/bell/").content.decode()
    assert '<span class="count">1<span class="sr"> unread</span></span>' in bell
    with partner_scope(partner):
        notice = Notice.objects.get(user__email="member@northwind.example")
    assert browser.get(f"/notices/{notice.pk}/").headers["Location"] == "/tiers/"
    assert 'class="count"' not in browser.get("/notices/bell/").content.decode()
    assert web("admin").get(f"/notices/{notice.pk}/").status_code == 404
    assert "No such notices" in browser.get("/notices/?unread=on").content.decode()
    assert "at risk" not in browser.get("/notices/?kind=tier_lost").content.decode().partition('class="inbox"')[2]


def test_all_can_be_marked_as_read_at_once(db, partner, web):
    told(partner, RISK, STATEMENT)
    browser = web("finance")
    assert browser.get("/notices/").context["membership"].unread == 2
    assert browser.post("/notices/read/", follow=True).context["membership"].unread == 0
    assert web("manager").get("/notices/").context["membership"].unread == 2


def test_who_may_no_longer_see_amounts_is_not_told_of_earlier_ones(db, partner, web):
    told(partner, STATEMENT)
    with partner_scope(partner):
        Membership.objects.filter(user__email="finance@northwind.example").update(role="member")
    page = web("finance").get("/notices/")
    assert page.context["membership"].unread == 0
    assert "ST-1" not in page.content.decode()


def test_a_look_is_due_when_facts_or_the_day_have_moved(db, partner, other_partner, monkeypatch):
    enqueued = []
    monkeypatch.setattr("notices.tasks.check_partner.delay", enqueued.append)
    assert check_due_partners() == 2
    for each in (partner, other_partner):
        with partner_scope(each):
            check_for_events(scope=system_scope(each))
    assert check_due_partners() == 0
    partner.generation += 1
    partner.save()
    assert check_due_partners() == 1
    assert enqueued[-1] == partner.pk
    with partner_scope(other_partner):
        EventCheck.objects.update(checked_on="2026-11-01")
    assert check_due_partners() == 2


def test_the_demo_partner_hears_of_its_review(db, partner, web):
    with partner_scope(partner):
        check_for_events(scope=system_scope(partner))
        assert check_for_events(scope=system_scope(partner)) == 0
    [notice] = [row for row in web().get("/notices/").context["rows"] if row.row.kind == "tier_at_risk"]
    assert notice.words.title == "Diamond is at risk: the review of 15 Jan 2027 would make it Platinum"
