"""The digest: a person's figures now, compared with those of the digest before, line by line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.scope import Scope
from commissions.queries import statement_summaries
from dashboard.front_page_text import opening
from dashboard.queries import expiring_until
from ledger.queries import changes, posting
from notices.kinds import NoticeKind
from notices.queries import ShownNotice, notices, shown
from partner_portal.formats.days import day_text, quarter_text
from partner_portal.formats.numbers import decimal_text, exact_money, signed_decimal_text
from partner_portal.lib import site
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.mail import Row, Table
from partner_portal.lib.sentences import listed
from partner_portal.lib.shown_places import adding_places
from program.labels import label, tier_name
from program.terms import RenewalStatus
from renewals import rules as renewal_rules
from renewals.models import Renewal
from renewals.queries import stakes_of
from tiers.queries import TierStanding, tier_standing

MOST_ROWS = 10
DECIDE_DAYS = 7  # renewals to decide within so many days are of this week
TABLED = (
    NoticeKind.POINTS_FALLEN,
    NoticeKind.STATEMENT_ARRIVED,
    NoticeKind.RENEWAL_DEADLINE,
)  # lines below say the same

type Figures = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Line:
    """A figure of the digest."""

    label: str
    value: str
    #: How it differs from the digest before; "" for not at all.
    change: str
    #: Why it differs, or what it means; "" for nothing to say.
    why: str
    #: Path of the page with its rows.
    link: str


@dataclass(frozen=True, slots=True)
class Digest:
    """What a digest tells."""

    headline: str
    sentences: str
    since: date | None
    lines: Sequence[Line]
    tables: Sequence[Table]
    notices: Sequence[ShownNotice]
    #: To be stored, for the next digest to compare with.
    figures: Figures
    has_news: bool

    def as_subject(self) -> str:
        """The most important change in a few words."""
        changed = [f"{line.label} {line.value} ({line.change})" for line in self.lines if line.change]
        return ", ".join(changed[:2]) or self.headline


def digest_of(scope: Scope, before: Figures) -> Digest | None:
    """What has changed since the figures `before` ({} for the first digest); None while there is no ledger."""
    if posting(scope) is None:
        return None
    standing = tier_standing(scope)
    renewals = _to_decide(scope)
    statements = statement_summaries(scope) if scope.may_see_money else []
    expiring = expiring_until(scope, standing.next_review) if standing.next_review else None
    figures: Figures = {
        "on": scope.today.isoformat(),
        "tier": standing.credited or "",
        "after": (standing.outlook.after or "") if standing.outlook else "",
        "total": str(standing.points.total),
        "sold": str(standing.points.sold),
        "managed": str(standing.points.managed),
        "review": standing.next_review.isoformat() if standing.next_review else "",
        "expiring": str(expiring.points) if expiring else "",
        "renewals": sorted(row.pk for row in renewals),
        "statements": sorted(row.statement_id for row in statements),
    }
    reported = shown(list(notices(scope).filter(in_digest=True).exclude(kind__in=TABLED)[: 2 * MOST_ROWS]))
    fresh = [row for row in statements if row.statement_id not in before.get("statements", ())] if before else []
    is_changed = any(
        figures[name] != before.get(name)
        for name in ("tier", "after", "total", "sold", "managed", "expiring", "review")
    )
    has_news = is_changed or bool(reported or fresh or set(figures["renewals"]) - set(before.get("renewals", ())))
    headline, sentences = opening(standing)
    tables = [_renewal_table(scope, renewals)] if renewals else []
    if fresh:
        head = (_("Statement"), _("Quarter"), _("Total"))
        rows = [
            Row(
                (row.statement_id, quarter_text(row.period), exact_money(row.total, row.currency)),
                address=site.link("commission_statement", row.statement_id),
            )
            for row in fresh[:MOST_ROWS]
        ]
        title = ngettext("%(count)s new statement", "%(count)s new statements", len(fresh)) % {"count": len(fresh)}
        tables.append(Table(rows, head, title, site.link("commission_rows", "statements"), numeric=(2,)))
    since = date.fromisoformat(before["on"]) if before else None
    lines = [*_point_lines(scope, standing, before, since), _tier_line(standing, before)]
    if expiring is not None and standing.next_review is not None:
        value = decimal_text(expiring.points, adding_places(expiring.points))
        clients = ngettext("of %(count)s client", "of %(count)s clients", expiring.clients) % {
            "count": expiring.clients
        }
        lines.append(
            Line(
                _("Points that expire by the review"),
                value,
                _change(figures, before, "expiring"),
                f"{clients}, {day_text(standing.next_review)}",
                f"{reverse('dashboard_expiring')}?by=review",
            )
        )
    return Digest(headline, sentences, since, lines, tables, reported, figures, has_news)


def _change(figures: Figures, before: Figures, name: str) -> str:
    if not before.get(name) or not figures[name]:
        return ""
    difference = Decimal(figures[name]) - Decimal(before[name])
    return signed_decimal_text(difference, adding_places(difference)) if difference else ""


def _point_lines(scope: Scope, standing: TierStanding, before: Figures, since: date | None) -> list[Line]:
    points = standing.points
    now = {"total": points.total, "sold": points.sold, "managed": points.managed}
    as_texts = {name: str(value) for name, value in now.items()}
    labels = {"total": _("Total points"), "sold": _("Sold points"), "managed": _("Managed points")}
    links = dict.fromkeys(now, reverse("tier"))
    if since is not None:
        first = min(
            since + timedelta(days=1), scope.today
        )  # what was entered on that day itself may have been in the last one
        query = urlencode({"changes_from": first.isoformat(), "changes_to": scope.today.isoformat()})
        links = dict.fromkeys(now, f"{reverse('dashboard')}?{query}#changes")
    return [
        Line(
            labels[name],
            decimal_text(value, points.places),
            _change(as_texts, before, name),
            _why(scope, since, value - Decimal(before["total"])) if name == "total" and since else "",
            links[name],
        )
        for name, value in now.items()
    ]


def _why(scope: Scope, since: date, difference: Decimal) -> str:
    """What made the total change since the digest of that day, cause by cause; the rest is of earlier days."""
    if not difference:
        return ""
    sums: dict[str, Decimal] = {}
    if since < scope.today:
        for causes in changes(scope, Period(since + timedelta(days=1), scope.today)).causes.values():
            for cause, points in causes.items():
                name = str(label(cause))
                sums[name] = sums.get(name, Decimal(0)) + points
    rest = difference - sum(sums.values(), Decimal(0))
    if rest:
        sums[_("facts of earlier days")] = rest
    return listed(
        [f"{name} {signed_decimal_text(points, adding_places(points))}" for name, points in sums.items() if points]
    )


def _tier_line(standing: TierStanding, before: Figures) -> Line:
    change = why = ""
    if before and before["tier"] != (standing.credited or ""):
        change = _("was %(tier)s") % {"tier": tier_name(before["tier"] or None)}
    if standing.outlook is not None:
        after = tier_name(standing.outlook.after)
        why = _("%(tier)s after the review of %(on)s") % {"tier": after, "on": day_text(standing.outlook.review.on)}
        if before and before["after"] != (standing.outlook.after or ""):
            change = change or _("outlook was %(tier)s") % {"tier": tier_name(before["after"] or None)}
    return Line(_("Credited tier"), tier_name(standing.credited), change, why, reverse("tier"))


def _to_decide(scope: Scope) -> list[Renewal]:
    """Pending renewals whose deadline is within the week, soonest first."""
    soon = scope.today + timedelta(days=renewal_rules.DECISION_DAYS)
    near = Q(renews_on__range=(soon, soon + timedelta(days=DECIDE_DAYS)))
    pending = Renewal.objects.filter(near, partner=scope.partner, status=RenewalStatus.PENDING)
    return list(pending.select_related("client").order_by("renews_on", "client__name", "pk"))


def _renewal_table(scope: Scope, rows: Sequence[Renewal]) -> Table:
    title = ngettext("%(count)s renewal to decide this week", "%(count)s renewals to decide this week", len(rows)) % {
        "count": len(rows)
    }
    first = rows[:MOST_ROWS]
    stakes = stakes_of(scope, first)
    shown_rows = [
        Row(
            (
                row.client.name,
                row.product_line,
                day_text(renewal_rules.deadline(row.renews_on)),
                decimal_text(stakes[row.pk], adding_places(stakes[row.pk])),
            ),
            address=site.link("renewal_client", row.client.client_id),
        )
        for row in first
    ]
    head = (_("Client"), _("Products"), _("Decide by"), _("Points at stake"))
    days = {"renewals_from": rows[0].renews_on.isoformat(), "renewals_to": rows[-1].renews_on.isoformat()}
    address = f"{site.link('renewals')}?{urlencode(days | {'show': 'undecided'})}"
    return Table(shown_rows, head, title, address, numeric=(3,))
