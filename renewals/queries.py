"""Reads renewals: what they put at stake, what that does to the tier, and whose calendar may show them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256

from django.core import signing
from django.db.models import Q, QuerySet
from django.http import Http404

from accounts.models import Membership, Partner, User
from accounts.scope import Scope, outside_partners
from partner_portal.lib.collation import SortKey
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rounding import as_decimal
from program.caching import cached_by_generation
from program.queries import rulebook
from program.terms import RenewalStatus
from renewals import rules
from renewals.models import CalendarFeed, Renewal, RenewalReminder
from renewals.stakes import stakes
from tiers.measures import outlook_measures
from tiers.queries import credited_on, history

DECIDED = (RenewalStatus.CONFIRMED, RenewalStatus.RENEWED)
CALENDAR_MONTHS = 12
_BY_NAME = ("client__name_sort_key", "client__name")
REMINDER_SALT = "renewals.reminder"


def overdue(scope: Scope) -> Q:
    """Renewals whose day has passed and that are not renewed yet."""
    return Q(renews_on__lt=scope.today) & ~Q(status=RenewalStatus.RENEWED)


def renewals(scope: Scope, period: Period) -> QuerySet[Renewal]:
    """Renewals of the period; a period that reaches today or later brings the overdue ones along."""
    found = Q(renews_on__range=(period.first, period.last))
    if period.last >= scope.today:
        found |= overdue(scope)
    return Renewal.objects.filter(found, partner=scope.partner)


@dataclass(frozen=True)  # without slots, as `rules.Impact`: the cache keeps thousands
class RenewalRow:
    """A renewal with what hangs on it. Money in `currency`, *_usd in points-dollars by the table of the renewal day.

    stake: points that go when it is not renewed, of its sold lots and of the managed state.
    """

    pk: int
    client_pk: int
    client_id: str
    client: str
    product_line: str
    renews_on: date
    days: int
    deadline: date
    status: str
    current_mrr: Decimal
    renewal_mrr: Decimal
    currency: str
    current_usd: Decimal
    renewal_usd: Decimal
    last_active_employee: str
    last_active_on: date | None
    manager: str
    manager_email: str
    stake: Decimal
    stake_sold: Decimal
    stake_managed: Decimal
    impact: rules.Impact | None

    @property
    def change(self) -> Decimal:
        """MRR afterwards minus before: nothing is left when a cancellation is asked for."""
        return self.renewal_mrr - self.current_mrr

    @property
    def change_usd(self) -> Decimal:
        """The same in points-dollars."""
        return self.renewal_usd - self.current_usd

    @property
    def deadline_days(self) -> int:
        """Days to the decision deadline, below 0 when it has passed."""
        return self.days - rules.DECISION_DAYS


@cached_by_generation("renewals")
def renewal_rows(scope: Scope, period: Period, *, client: str = "") -> list[RenewalRow]:
    """The renewals of a period with points at stake and tier impact, soonest first. A constant number of queries.

    client: only this client's, by its id.
    """
    return _rows(scope, renewals(scope, period), client)


def client_renewals(scope: Scope, client: str) -> list[RenewalRow]:
    """Every renewal of one client that is still to come or overdue."""
    return renewal_rows(scope, Period(scope.today, add_months(scope.today, 36)), client=client)


def _rows(scope: Scope, found: QuerySet[Renewal], client: str) -> list[RenewalRow]:
    if client:
        found = found.filter(client__client_id=client)
    rows = list(found.select_related("client").order_by("renews_on", *_BY_NAME, SortKey("product_line"), "pk"))
    if not rows:
        return []
    book = rulebook(scope)
    at_stake = stakes(scope, rows)
    reviews = {row.renews_on: rules.review_on_or_after(book, row.renews_on) for row in rows}
    measures = rules.OnceADay(outlook_measures(scope, scope.today))
    credited = credited_on(history(scope)).tier
    made = []
    for row in rows:
        stake = at_stake[row.pk]
        review = reviews[row.renews_on]
        made.append(
            RenewalRow(
                pk=row.pk,
                client_pk=row.client_id,
                client_id=row.client.client_id,
                client=row.client.name,
                product_line=row.product_line,
                renews_on=row.renews_on,
                days=(row.renews_on - scope.today).days,
                deadline=rules.deadline(row.renews_on),
                status=row.status,
                current_mrr=row.current_mrr,
                renewal_mrr=row.renewal_mrr,
                currency=row.currency,
                current_usd=_dollars(book.points_dollars(row.current_mrr, row.currency, row.renews_on)),
                renewal_usd=_dollars(book.points_dollars(row.renewal_mrr, row.currency, row.renews_on)),
                last_active_employee=row.client.last_active_employee,
                last_active_on=row.client.last_active_on,
                manager=row.renewal_manager,
                manager_email=row.renewal_manager_email,
                stake=stake.points,
                stake_sold=stake.sold,
                stake_managed=stake.managed,
                # What a past review would have said is history, not outlook.
                impact=rules.impact(stake, measures, book, credited, review)
                if review is not None and review >= scope.today
                else None,
            )
        )
    return made


def _dollars(value: Fraction) -> Decimal:
    return as_decimal(value)


@dataclass(frozen=True, slots=True)
class Week:
    """The renewals of one week: points at stake of those decided and of those still open. first, last: its days in the range."""

    monday: date
    first: date
    last: date
    decided: Decimal
    undecided: Decimal
    renewals: int


def by_week(rows: Iterable[RenewalRow], period: Period) -> list[Week]:
    """The weeks of the period, those without renewals too; what is overdue stands outside."""
    found = {
        monday: Week(
            monday,
            max(monday, period.first),
            min(monday + timedelta(days=6), period.last),
            Decimal(0),
            Decimal(0),
            0,
        )
        for monday in rules.weeks(period.first, period.last)
    }
    for row in rows:
        if row.renews_on not in period:
            continue
        week = found[rules.week_of(row.renews_on)]
        decided = row.stake if row.status in DECIDED else Decimal(0)
        found[week.monday] = replace(
            week,
            decided=week.decided + decided,
            undecided=week.undecided + row.stake - decided,
            renewals=week.renewals + 1,
        )
    return list(found.values())


# Reminders and calendars


def reminder_of(scope: Scope) -> RenewalReminder | None:
    """The user's own wish to be reminded."""
    return RenewalReminder.objects.filter(partner=scope.partner, user=scope.user).first()


def reminders(scope: Scope) -> QuerySet[RenewalReminder]:
    """Everybody's, of people who still belong to the partner and may sign in."""
    members = Membership.objects.filter(partner=scope.partner, user__is_active=True).values("user")
    return RenewalReminder.objects.filter(partner=scope.partner, user__in=members).select_related("user")


def reminder_token(reminder: RenewalReminder) -> str:
    """What the unsubscribe address of a reminder's mails ends in: it names one person in one partner, and cannot be made up."""
    return signing.dumps([reminder.partner_id, reminder.user_id], salt=REMINDER_SALT)


def reminded_by_token(token: str) -> tuple[Partner, User]:
    """Whom the token of a reminder's mail names, whether or not they are reminded any more. Raises Http404."""
    try:
        partner_id, user_id = signing.loads(token, salt=REMINDER_SALT)
    except signing.BadSignature as error:
        raise Http404 from error
    with outside_partners():  # whoever is signed in on this device may belong to another partner
        partner, user = Partner.objects.filter(pk=partner_id).first(), User.objects.filter(pk=user_id).first()
    if partner is None or user is None:
        raise Http404
    return partner, user


def to_remind(scope: Scope, reminder: RenewalReminder) -> list[Renewal]:
    """Undecided renewals whose deadline is near enough and that this person was not told of yet, soonest first."""
    first = scope.today + timedelta(days=rules.DECISION_DAYS)
    last = first + timedelta(days=reminder.days_before)
    found = Renewal.objects.filter(
        partner=scope.partner, status=RenewalStatus.PENDING, renews_on__range=(first, last)
    ).exclude(pk__in=reminder.told.values("pk"))
    return list(found.select_related("client").order_by("renews_on", *_BY_NAME, "pk"))


def stakes_of(scope: Scope, found: Sequence[Renewal]) -> Mapping[int, Decimal]:
    """Points at stake of these renewals, by primary key."""
    return {pk: stake.points for pk, stake in stakes(scope, found).items()}


def feed_of(scope: Scope) -> CalendarFeed | None:
    """The user's own calendar address; the address itself is not kept, only how to recognise it."""
    return CalendarFeed.objects.filter(partner=scope.partner, user=scope.user).first()


def feed_by_token(partner: Partner, token: str) -> Membership | None:
    """Who a calendar address belongs to; None when it was revoked or its owner may no longer sign in or left.

    Needs `within(partner)`.
    """
    feed = CalendarFeed.objects.filter(partner=partner, digest=digest(token)).first()
    if feed is None:
        return None
    return (
        Membership.objects.select_related("user", "partner")
        .filter(partner=partner, user=feed.user_id, user__is_active=True)
        .first()
    )


def digest(token: str) -> str:
    """How an address is recognised without being kept."""
    return sha256(token.encode()).hexdigest()


def calendar_renewals(scope: Scope) -> list[Renewal]:
    """Renewals of the last month and the next year."""
    span = (add_months(scope.today, -1), add_months(scope.today, CALENDAR_MONTHS))
    found = Renewal.objects.filter(partner=scope.partner, renews_on__range=span)
    return list(found.select_related("client").order_by("renews_on", *_BY_NAME, "pk"))


def partner_of_feed(slug: str) -> Partner | None:
    """The partner of that slug; None when there is none. Partners themselves are no secret of a partner."""
    return Partner.objects.filter(slug=slug).first()
