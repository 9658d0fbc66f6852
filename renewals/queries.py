"""Queries over renewals: rows with points at stake and tier impact, reminders that are due, and calendar feeds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from hashlib import sha256
from typing import NamedTuple

from django.core import signing
from django.db.models import DateField, Exists, ExpressionWrapper, OuterRef, Q, QuerySet, Value
from django.http import Http404

from accounts.models import Membership, Partner, User
from accounts.scope import Scope, outside_partners
from partner_portal.lib.collation import SortKey
from partner_portal.lib.dates import clock
from partner_portal.lib.dates.months import add_months
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rounding import as_decimal
from program.caching import cached_by_generation
from program.queries import rulebook
from program.terms import RenewalStatus
from renewals import rules
from renewals.models import CalendarFeed, RemindedRenewal, Renewal, RenewalReminder
from renewals.stakes import stakes
from tiers.measures import outlook_measures
from tiers.queries import credited_on, history

DECIDED = (RenewalStatus.CONFIRMED, RenewalStatus.RENEWED)
CALENDAR_MONTHS = 12
_BY_NAME = ("client__name_sort_key", "client__name")
REMINDER_SALT = "renewals.reminder"


def overdue(scope: Scope) -> Q:
    """Condition for renewals whose day has passed and that are not renewed."""
    return Q(renews_on__lt=scope.today) & ~Q(status=RenewalStatus.RENEWED)


def renewals(scope: Scope, period: Period) -> QuerySet[Renewal]:
    """Renewals of the period, with the overdue ones when it reaches today or later."""
    condition = Q(renews_on__range=(period.first, period.last))
    if period.last >= scope.today:
        condition |= overdue(scope)
    return Renewal.objects.filter(condition, partner=scope.partner)


@dataclass(frozen=True)  # without slots, as `rules.Impact`: thousands are cached
class RenewalRow:
    """A renewal with its points at stake and their impact."""

    pk: int
    client_pk: int
    client_id: str
    client: str
    product_line: str
    renews_on: date
    days: int  #: from today to `renews_on`, below 0 when overdue
    deadline: date  #: the last day to decide
    status: str
    current_mrr: Decimal  #: in `currency`
    renewal_mrr: Decimal  #: in `currency`
    currency: str
    current_usd: Decimal  #: points-dollars by the currency table of the renewal day
    renewal_usd: Decimal  #: points-dollars by the currency table of the renewal day
    last_active_employee: str
    last_active_on: date | None
    manager: str
    manager_email: str
    stake: Decimal  #: points lost when it is not renewed
    stake_sold: Decimal  #: the part from sold lots
    stake_managed: Decimal  #: the part from managed points
    impact: rules.Impact | None  #: None when the review is past or unknown

    @property
    def change(self) -> Decimal:
        """MRR after the renewal minus MRR before, in `currency`."""
        return self.renewal_mrr - self.current_mrr

    @property
    def change_usd(self) -> Decimal:
        """MRR after the renewal minus MRR before, in points-dollars."""
        return self.renewal_usd - self.current_usd

    @property
    def deadline_days(self) -> int:
        """Days from today to the decision deadline, below 0 when it has passed."""
        return self.days - rules.DECISION_DAYS


@cached_by_generation("renewals")
def renewal_rows(scope: Scope, period: Period, *, client: str = "") -> list[RenewalRow]:
    """The renewals of a period with points at stake and tier impact, soonest first. A constant number of queries.

    client: a client id, "" for all clients.
    """
    rows = renewals(scope, period)
    return _rows(scope, rows.filter(client__client_id=client) if client else rows)


@cached_by_generation("renewals-of-page")
def renewals_of_page(scope: Scope, pks: Sequence[int]) -> list[RenewalRow]:
    """These renewals, in this order. A constant number of queries, or none."""
    rows = {row.pk: row for row in _rows(scope, Renewal.objects.filter(partner=scope.partner, pk__in=pks))}
    return [rows[pk] for pk in pks]


def client_renewals(scope: Scope, client: str) -> list[RenewalRow]:
    """The renewals of one client that are overdue or within the next 36 months."""
    return renewal_rows(scope, Period(scope.today, add_months(scope.today, 36)), client=client)


class _Read(NamedTuple):
    """What is read of a renewal and its client, in the order of the query's columns."""

    pk: int
    client_id: int
    product_line: str
    renews_on: date
    status: str
    current_mrr: Decimal
    renewal_mrr: Decimal
    currency: str
    renewal_manager: str
    renewal_manager_email: str
    client__client_id: str
    client__name: str
    client__last_active_employee: str
    client__last_active_on: date | None


def _rows(scope: Scope, query: QuerySet[Renewal]) -> list[RenewalRow]:
    ordered = query.order_by("renews_on", *_BY_NAME, SortKey("product_line"), "pk")
    rows = [_Read(*row) for row in ordered.values_list(*_Read._fields)]
    if not rows:
        return []
    book = rulebook(scope)
    at_stake = stakes(scope, rows)
    reviews = {on: rules.review_on_or_after(book, on) for on in {row.renews_on for row in rows}}
    impacts = rules.Impacts(outlook_measures(scope, scope.today), book, credited_on(history(scope)).tier)
    unit = Fraction(book.unit_usd)
    rates: dict[tuple[str, date], Fraction] = {}  # points-dollars of an amount of 1
    made = []
    for row in rows:
        stake = at_stake[row.pk]
        review = reviews[row.renews_on]
        valued = (row.currency, row.renews_on)
        if valued not in rates:
            rates[valued] = unit / Fraction(book.per_unit(*valued))
        made.append(
            RenewalRow(
                pk=row.pk,
                client_pk=row.client_id,
                client_id=row.client__client_id,
                client=row.client__name,
                product_line=row.product_line,
                renews_on=row.renews_on,
                days=(row.renews_on - scope.today).days,
                deadline=rules.deadline(row.renews_on),
                status=row.status,
                current_mrr=row.current_mrr,
                renewal_mrr=row.renewal_mrr,
                currency=row.currency,
                current_usd=as_decimal(Fraction(row.current_mrr) * rates[valued]),
                renewal_usd=as_decimal(Fraction(row.renewal_mrr) * rates[valued]),
                last_active_employee=row.client__last_active_employee,
                last_active_on=row.client__last_active_on,
                manager=row.renewal_manager,
                manager_email=row.renewal_manager_email,
                stake=stake.points,
                stake_sold=stake.sold,
                stake_managed=stake.managed,
                # A past review belongs to the history, not to the outlook.
                impact=impacts.of(stake, review) if review is not None and review >= scope.today else None,
            )
        )
    return made


@dataclass(frozen=True, slots=True)
class Week:
    """Points at stake of the renewals of one week."""

    monday: date
    first: date  #: first day of the week within the range
    last: date  #: last day of the week within the range
    decided: Decimal
    undecided: Decimal
    renewals: int


def by_week(rows: Iterable[RenewalRow], period: Period) -> list[Week]:
    """The weeks of the period, also those without renewals. Renewals outside the period are ignored."""
    by_monday = {
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
        week = by_monday[rules.week_of(row.renews_on)]
        decided = row.stake if row.status in DECIDED else Decimal(0)
        by_monday[week.monday] = replace(
            week,
            decided=week.decided + decided,
            undecided=week.undecided + row.stake - decided,
            renewals=week.renewals + 1,
        )
    return list(by_monday.values())


# Reminders and calendars


def reminder_of(scope: Scope) -> RenewalReminder | None:
    """The user's own reminder; None when they asked for none."""
    return RenewalReminder.objects.filter(partner=scope.partner, user=scope.user).first()


def reminders(scope: Scope) -> QuerySet[RenewalReminder]:
    """The reminders of all active members of the partner."""
    members = Membership.objects.filter(partner=scope.partner, user__is_active=True).values("user")
    return RenewalReminder.objects.filter(partner=scope.partner, user__in=members).select_related("user")


def reminder_token(reminder: RenewalReminder) -> str:
    """Signed token of a reminder's unsubscribe link, naming one person in one partner."""
    return signing.dumps([reminder.partner_id, reminder.user_id], salt=REMINDER_SALT)


def reminded_by_token(token: str) -> tuple[Partner, User]:
    """The partner and person that an unsubscribe token names, with or without a reminder. Raises Http404."""
    try:
        partner_id, user_id = signing.loads(token, salt=REMINDER_SALT)
    except signing.BadSignature as error:
        raise Http404 from error
    with outside_partners():  # whoever is signed in on this device may belong to another partner
        partner, user = Partner.objects.filter(pk=partner_id).first(), User.objects.filter(pk=user_id).first()
    if partner is None or user is None:
        raise Http404
    return partner, user


def due_reminders() -> QuerySet[RenewalReminder]:
    """The reminders of all partners with a renewal to mail about. For `accounts.scope.partners_with`."""
    first = clock.today("UTC") + timedelta(days=rules.DECISION_DAYS)
    pending = Renewal.objects.filter(partner=OuterRef("partner"), status=RenewalStatus.PENDING)
    # A day either way for partners west and east of UTC; `to_remind` goes by the partner's own day.
    last = ExpressionWrapper(Value(first) + OuterRef("days_before") + 1, output_field=DateField())
    near = pending.filter(renews_on__gte=first - timedelta(days=1), renews_on__lte=last)
    mailed = RemindedRenewal.objects.filter(reminder=OuterRef(OuterRef("pk")), renewal=OuterRef("pk"))
    return RenewalReminder.objects.filter(Exists(near.filter(~Exists(mailed))))


def to_remind(scope: Scope, reminder: RenewalReminder) -> list[Renewal]:
    """Pending renewals whose deadline is due and of which this person was not reminded yet, soonest first."""
    first = scope.today + timedelta(days=rules.DECISION_DAYS)
    last = first + timedelta(days=reminder.days_before)
    pending = Renewal.objects.filter(
        partner=scope.partner, status=RenewalStatus.PENDING, renews_on__range=(first, last)
    ).exclude(pk__in=reminder.reminded_of.values("pk"))
    return list(pending.select_related("client").order_by("renews_on", *_BY_NAME, "pk"))


def stakes_of(scope: Scope, rows: Sequence[Renewal]) -> Mapping[int, Decimal]:
    """Points at stake of these renewals, by primary key."""
    return {pk: stake.points for pk, stake in stakes(scope, rows).items()}


def feed_of(scope: Scope) -> CalendarFeed | None:
    """The user's own calendar feed; None without one. It holds a digest of the address, not the address."""
    return CalendarFeed.objects.filter(partner=scope.partner, user=scope.user).first()


def feed_by_token(partner: Partner, token: str) -> Membership | None:
    """The membership of the owner of a calendar address; None when it was revoked, or the owner left or is inactive.

    Needs `partner_scope(partner)`.
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
    """Digest by which a calendar address is recognised without being stored."""
    return sha256(token.encode()).hexdigest()


def calendar_renewals(scope: Scope) -> list[Renewal]:
    """Renewals of the last month and the next year."""
    span = (add_months(scope.today, -1), add_months(scope.today, CALENDAR_MONTHS))
    rows = Renewal.objects.filter(partner=scope.partner, renews_on__range=span)
    return list(rows.select_related("client").order_by("renews_on", *_BY_NAME, "pk"))


def partner_of_feed(slug: str) -> Partner | None:
    """The partner of that slug; None when there is none. Readable in any scope."""
    return Partner.objects.filter(slug=slug).first()
