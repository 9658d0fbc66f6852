"""Import files of a made-up partner of any size: the same profile and day always give the same bytes.

Every client is drawn from a generator of its own, so that client 7 is the same in a portfolio of 100 and of 10,000.
The people, companies and addresses are invented.
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from random import Random

YEARS = 5
DAYS = YEARS * 365
CENT = Decimal("0.01")
COMMISSION_RATE = Decimal("0.2")
COMMISSION_MONTHS = 36
DEALS_MORE = (-4, 4, -1, 1, 0)  # than the average, by client: no two alike in a row, and the total is exact

HEADERS = {
    "clients": "client_id name domain country currency crm_url tool_usage last_active_employee last_active_on",
    "deals": "deal_id client_id name product_line kind origin stage mrr currency created_on closed_on registered",
    "services": "client_id started_on ended_on mrr currency managing_partners",
    "cancellations": "client_id product_line cancelled_on reason",
    "mrr_history": "client_id month mrr currency",
    "certifications": "person certification earned_on expires_on",
    "renewals": "client_id product_line renews_on current_mrr renewal_mrr currency status renewal_manager "
    "renewal_manager_email",
    "statement_lines": "statement_id period line_no client_id deal_id product_line invoice_month net_revenue currency "
    "fx_rate rate commission payout_currency status pay_on paid_on adjusts reason",
}

LINES = ("Marketing Hub", "Sales Hub", "Service Hub", "Content Hub", "Operations Hub", "Commerce Hub")
LINE_WEIGHTS = (34, 26, 16, 10, 8, 6)
EDITIONS = ("Starter", "Professional", "Enterprise")
# Country, currency, how often (of 100); half of the growth markets pay in US dollars.
MARKETS = (
    ("US", "USD", 22), ("GB", "GBP", 14), ("DE", "EUR", 11), ("NL", "EUR", 7), ("FR", "EUR", 5), ("ES", "EUR", 5),
    ("IN", "USD", 8), ("BR", "USD", 5), ("MX", "USD", 3), ("CO", "COP", 3), ("CA", "CAD", 5), ("AU", "AUD", 4),
    ("SG", "SGD", 3), ("JP", "JPY", 3), ("ZA", "ZAR", 2),
)  # fmt: skip
# What one US dollar is in the currency, roughly: to draw amounts and to pay commission.
PER_DOLLAR = {
    "USD": Decimal(1), "GBP": Decimal("0.74"), "EUR": Decimal("0.88"), "COP": Decimal(4080), "CAD": Decimal("1.30"),
    "AUD": Decimal("1.54"), "SGD": Decimal("1.29"), "JPY": Decimal(144), "ZAR": Decimal("17.68"),
}  # fmt: skip
FIRST_WORDS = ("Amber", "Birch", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbour", "Indigo", "Juniper", "Kestrel",
               "Linden", "Meadow", "Nimbus", "Orchard", "Pine", "Quarry", "River", "Summit", "Tidal")  # fmt: skip
SECOND_WORDS = ("Analytics", "Bakery", "Clinics", "Dental", "Energy", "Foods", "Gardens", "Homes", "Interiors", "Joinery",
                "Kitchens", "Legal", "Motors", "Networks", "Optics", "Print", "Realty", "Sports", "Travel", "Works")  # fmt: skip
PEOPLE = ("Ada Falk", "Bram Ito", "Chloé Costa", "Dmitri Dubois", "Esra Lind", "Farid Haddad", "Gita Rao", "Hugo Marín")
# Names that a spreadsheet would take for a formula, or that are hard on encodings: every export has to survive them.
ODD_NAMES = (
    "=Equal Ltd", "=1+1", '=HYPERLINK("https://evil.example","here")', "=cmd|' /C calc'!A0", "+31 20 555 0100", "+1+1",
    "-Dash BV", "-1", "@agency", "@SUM(1+1)", "Ålesund Fisk AS", "Łódź Meble", "日本のお茶", "שלום בע״מ", "🚲 Bikes",
    'Quote "Inside" GmbH', "Comma, Semi; Co", "O'Rourke Foods Ltd", "Back\\slash Pipe|Line", "Null",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Profile:
    """How much of everything a partner has.

    deals, services: a client, on average; services of more than about ten a client mean amounts that move every month.
    mrr_months: months of MRR history up to the month before the day. statement_every: statement lines for each n-th
    client only, because one line a deal and month is much.
    """

    clients: int
    deals: int = 10
    services: int = 3
    mrr_months: int = 12
    statement_every: int = 4
    people: int = 40


IMPORT = Profile(clients=10_000)  # 100,000 deals: the portfolio that has to be imported within a minute
LARGE = Profile(clients=10_000, deals=34, services=70, mrr_months=24, statement_every=20)  # over 1,000,000 entries
SMALL = Profile(clients=100, deals=34, services=70, mrr_months=24, statement_every=20)  # over 10,000: the same clients


def generate(folder: Path, profile: Profile, day: date, seed: int = 1) -> dict[str, int]:
    """Write one CSV file a kind into the folder, seen from `day`; returns the number of rows by kind."""
    folder.mkdir(parents=True, exist_ok=True)
    counts = dict.fromkeys(HEADERS, 0)
    files = {kind: (folder / f"{kind}.csv").open("w", encoding="utf-8", newline="") for kind in HEADERS}
    try:
        writers = {kind: csv.writer(file, lineterminator="\n") for kind, file in files.items()}
        for kind, header in HEADERS.items():
            writers[kind].writerow(header.split())
        for kind, row in _rows(profile, day, seed):
            writers[kind].writerow(row)
            counts[kind] += 1
    finally:
        for file in files.values():
            file.close()
    return counts


type Cell = str | int | Decimal | date
# The kind of a row and its cells.
type Row = tuple[str, list[Cell]]


def _rows(profile: Profile, day: date, seed: int) -> Iterator[Row]:
    yield from _certifications(Random(f"{seed} people"), profile, day)
    statement_numbers: dict[str, int] = {}
    for number in range(profile.clients):
        client = _Client(Random(f"{seed} {number}"), number, profile, day)
        yield "clients", client.row()
        for deal in client.deals:
            yield "deals", deal.row(client.client_id)
        for kind, rows in (
            ("services", client.services()),
            ("cancellations", client.cancellations()),
            ("mrr_history", client.mrr_history()),
            ("renewals", client.renewals()),
        ):
            for row in rows:
                yield kind, row
        if number % profile.statement_every == profile.statement_every - 1:
            yield from client.statement_lines(statement_numbers)


def _certifications(random: Random, profile: Profile, day: date) -> Iterator[Row]:
    for number in range(profile.people):
        person = f"{PEOPLE[number % len(PEOPLE)]} {number // len(PEOPLE) + 1}"
        earned = day - timedelta(days=DAYS - random.randrange(300))
        while earned <= day:
            name = "Solutions Partner" if number % 4 == 0 else random.choice(("Inbound", "Sales Software"))
            yield "certifications", [person, name, earned, earned + timedelta(days=395)]
            earned += timedelta(days=random.randrange(360, 420))


@dataclass(slots=True)
class _Deal:
    deal_id: str
    name: str
    line: str
    kind: str
    origin: str
    stage: str
    mrr: Decimal
    currency: str
    created_on: date
    closed_on: date | None
    registered: bool

    def row(self, client_id: str) -> list[Cell]:
        return [
            self.deal_id, client_id, self.name, self.line, self.kind, self.origin, self.stage, self.mrr, self.currency,
            self.created_on, self.closed_on or "", "yes" if self.registered else "no",
        ]  # fmt: skip


@dataclass(slots=True)
class _Line:
    """A product line that is in force: since when, its MRR."""

    sold_on: date
    mrr: Decimal


@dataclass(slots=True)
class _Client:
    """One client and its story. Everything about it is drawn from `random`, in a fixed order."""

    random: Random
    number: int
    profile: Profile
    day: date
    client_id: str = field(init=False)
    country: str = field(init=False)
    currency: str = field(init=False)
    deals: list[_Deal] = field(init=False, default_factory=list)
    cancelled: list[tuple[str, date, str]] = field(init=False, default_factory=list)
    lines: dict[str, _Line] = field(init=False, default_factory=dict)
    left_on: date | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.client_id = f"C{self.number + 1:06d}"
        market = self.random.choices(MARKETS, weights=[market[2] for market in MARKETS])[0]
        self.country, self.currency = market[:2]
        if self.random.random() < 0.18:
            self.left_on = self.day - timedelta(days=self.random.randrange(20, DAYS // 2))
        self._sell()

    def row(self) -> list[Cell]:
        odd = self.number < len(ODD_NAMES)
        name = f"{self.random.choice(FIRST_WORDS)} {self.random.choice(SECOND_WORDS)} {self.number + 1}"
        active = self.random.random() < 0.7
        return [
            self.client_id,
            ODD_NAMES[self.number] if odd else name,
            f"client-{self.number + 1}.example",
            self.country,
            self.currency,
            f"https://crm.example/companies/{self.number + 1}",
            self.random.randrange(0, 25) if active else "",
            self.random.choice(PEOPLE) if active else "",
            self.day - timedelta(days=self.random.randrange(0, 120)) if active else "",
        ]

    def services(self) -> Iterator[list[Cell]]:
        """Spans that follow each other without a gap, mostly; one in fifty clients has an end that is known ahead."""
        if self.random.random() < 0.12:
            return
        wanted = max(1, round(self.profile.services * self.random.uniform(0.8, 1.2)))
        start = self.day - timedelta(days=self.random.randrange(DAYS * 3 // 4, DAYS))
        end = self.left_on or self.day
        step = max(2, (end - start).days // wanted)
        partners = self.random.choices((1, 2, 3), weights=(80, 16, 4))[0]
        mrr = self._amount(300, 2500)
        spans: list[tuple[date, date | None, Decimal]] = []
        while start < end and len(spans) < wanted:
            over = start + timedelta(days=max(1, round(step * self.random.uniform(0.7, 1.25))))
            spans.append((start, over, mrr))
            start = over if self.random.random() < 0.97 else over + timedelta(days=self.random.randrange(1, 20))
            mrr = self._near(mrr)
        if spans and self.left_on is None:
            known_end = self.random.random() < 0.02
            last, _over, amount = spans[-1]
            spans[-1] = (last, self.day + timedelta(days=self.random.randrange(5, 200)) if known_end else None, amount)
        for begins, ends, amount in spans:
            if ends is None or ends > begins:
                yield [self.client_id, begins, ends or "", amount, self.currency, partners]

    def cancellations(self) -> Iterator[list[Cell]]:
        for line, on, reason in self.cancelled:
            yield [self.client_id, line, on, reason]
        if self.left_on:
            yield [self.client_id, "", self.left_on, "left"]
        elif self.random.random() < 0.005:
            yield [self.client_id, "", self.day + timedelta(days=self.random.randrange(10, 120)), "gave notice"]

    def mrr_history(self) -> Iterator[list[Cell]]:
        mrr = self._amount(400, 4000)
        for back in range(self.profile.mrr_months, 0, -1):
            month = _month_before(self.day, back)
            if self.left_on and month > self.left_on:
                return
            yield [self.client_id, f"{month:%Y-%m}", mrr, self.currency]
            if self.random.random() < 0.2:
                mrr = self._near(mrr)

    def renewals(self) -> Iterator[list[Cell]]:
        """The next anniversary of every line in force."""
        if self.left_on:
            return
        for line, sold in self.lines.items():
            renews_on = _next_anniversary(sold.sold_on, self.day - timedelta(days=30))
            manager = self.random.choice(PEOPLE)
            mail = f"{manager.split()[0].lower().replace('é', 'e')}@vendor.example"
            status = self.random.choices(
                ("pending", "confirmed", "cancellation_requested", "renewed"), weights=(70, 18, 6, 6)
            )[0]
            yield [
                self.client_id, line, renews_on, sold.mrr, self._near(sold.mrr), self.currency, status, manager, mail,
            ]  # fmt: skip

    def statement_lines(self, numbers: dict[str, int]) -> Iterator[Row]:
        """The quarter before the day's: one line a sourced deal and month."""
        quarter = (self.day.month - 1) // 3  # of the quarter before this one, counted from 1; 0 is last year's fourth
        year, quarter = (self.day.year, quarter) if quarter else (self.day.year - 1, 4)
        statement, period = f"S-{year}Q{quarter}", f"{year}-Q{quarter}"
        fx_rate = (1 / PER_DOLLAR[self.currency]).quantize(Decimal("0.000001"))
        pay_on = date(year + quarter // 4, quarter % 4 * 3 + 1, 1) + timedelta(days=44)
        for month in (date(year, quarter * 3 - back, 1) for back in (2, 1, 0)):
            for deal in self.deals:
                if not _pays(deal, month) or (self.left_on and self.left_on < month):
                    continue
                numbers[statement] = numbers.get(statement, 0) + 1
                commission = (deal.mrr * COMMISSION_RATE * fx_rate).quantize(CENT, ROUND_HALF_UP)
                yield (
                    "statement_lines",
                    [
                        statement, period, numbers[statement], self.client_id, deal.deal_id, deal.line, f"{month:%Y-%m}",
                        deal.mrr, self.currency, fx_rate, COMMISSION_RATE, commission, "USD", "issued", pay_on, "", "", "",
                    ],
                )  # fmt: skip

    def _sell(self) -> None:
        """Deals in the order in which they were created; what is won decides what can be sold next."""
        wanted = max(1, self.profile.deals + DEALS_MORE[self.number % len(DEALS_MORE)])
        last = self.left_on or self.day
        days = sorted(self.random.randrange(1, (last - self.day).days + DAYS - 10) for _ in range(wanted))
        for place, after in enumerate(days):
            created = self.day - timedelta(days=DAYS) + timedelta(days=after)
            if self.lines and self.random.random() < 0.025:
                self._cancel_a_line(created)
            self._deal(place, created, last)

    def _deal(self, place: int, created: date, last: date) -> None:
        random = self.random
        kind, line = self._what_is_sold()
        closed = created + timedelta(days=random.randrange(1, 90))
        stage = random.choices(("won", "lost"), weights=(84, 16))[0]
        if closed > last:
            stage = "open"
        if kind == "downgrade" and stage != "won":
            kind = "upgrade"
        mrr = self._amount(40, 900)
        if kind == "downgrade":
            mrr = min(mrr, (self.lines[line].mrr * Decimal(random.randrange(10, 60)) / 100).quantize(CENT) or CENT)
        origin = "none" if kind == "downgrade" else random.choices(("sourced", "assisted", "none"), (52, 33, 15))[0]
        registered = origin != "none" and random.random() < 0.6
        name = f"{line} {random.choice(EDITIONS)}"
        if kind == "downgrade":
            name = f"{line}, fewer seats"
        self.deals.append(
            _Deal(
                f"D{self.number + 1:06d}-{place:03d}", name, line, kind, origin, stage, mrr, self.currency, created,
                None if stage == "open" else closed, registered,
            )
        )  # fmt: skip
        if stage != "won":
            return
        if kind == "downgrade":
            self.lines[line].mrr = max(CENT, self.lines[line].mrr - mrr)
        elif line in self.lines:
            self.lines[line].mrr += mrr
        else:
            self.lines[line] = _Line(closed, mrr)

    def _what_is_sold(self) -> tuple[str, str]:
        free = [line for line in LINES if line not in self.lines]
        draw = self.random.random()
        if not self.lines:
            return "new", self.random.choices(LINES, weights=LINE_WEIGHTS)[0]
        if free and draw < 0.3:
            return "cross_sell", self.random.choice(free)
        return ("downgrade" if draw > 0.93 else "upgrade"), self.random.choice(list(self.lines))

    def _cancel_a_line(self, before: date) -> None:
        line = self.random.choice(list(self.lines))
        on = before + timedelta(days=self.random.randrange(-20, 1))
        if on > self.lines[line].sold_on and not any(other == line and then == on for other, then, _ in self.cancelled):
            self.cancelled.append((line, on, self.random.choice(("not used", "too expensive", "merged"))))
            del self.lines[line]

    def _amount(self, least: int, most: int) -> Decimal:
        """A monthly amount worth so many US dollars, in the client's currency."""
        dollars = Decimal(self.random.randrange(least * 100, most * 100)) / 100
        return (dollars * PER_DOLLAR[self.currency]).quantize(CENT)

    def _near(self, amount: Decimal) -> Decimal:
        changed = (amount * Decimal(self.random.randrange(85, 119)) / 100).quantize(CENT)
        return max(CENT, changed)


def _month_before(day: date, back: int) -> date:
    """The first day of the month that is `back` months before the day's."""
    months = day.year * 12 + day.month - 1 - back
    return date(months // 12, months % 12 + 1, 1)


def _next_anniversary(sold_on: date, after: date) -> date:
    first = sold_on.replace(day=min(sold_on.day, 28))
    while first <= after:
        first = first.replace(year=first.year + 1)
    return first


def _pays(deal: _Deal, month: date) -> bool:
    if deal.stage != "won" or deal.kind == "downgrade" or deal.origin != "sourced" or deal.closed_on is None:
        return False
    months = (month.year - deal.closed_on.year) * 12 + month.month - deal.closed_on.month
    return 0 <= months < COMMISSION_MONTHS
