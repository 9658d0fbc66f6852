"""Small made-up partners, full of what goes wrong at the edges, and ways in which their files may come in.

Everything follows from the seed. Most days are drawn from a handful of a partner's own, so that sales, downgrades,
cancellations, services and reviews meet on the same day; the handful itself is drawn from the days on which some rule
changes, ends of months and days a year later.
"""

import copy
import random
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

from reference import Reference, Row, Tables, line_key, plus_months

EDGE_DAYS = (
    "2021-10-31", "2022-07-15", "2022-07-17", "2022-07-18", "2022-07-19", "2022-08-15", "2023-01-14",
    "2023-01-15", "2023-02-28", "2023-03-31", "2023-04-01", "2023-07-15", "2023-08-31", "2024-01-15",
    "2024-02-15", "2024-02-26", "2024-02-27", "2024-02-28", "2024-02-29", "2024-03-01", "2024-07-14",
    "2024-07-15", "2024-07-16", "2024-08-15", "2025-01-15", "2025-02-27", "2025-02-28", "2025-03-01",
    "2025-07-14", "2025-07-15", "2025-07-16", "2025-08-15", "2025-12-31", "2026-01-14", "2026-01-15",
    "2026-01-16", "2026-02-28", "2026-07-15", "2026-11-22", "2026-11-23",
)  # fmt: skip
EDGES = [date.fromisoformat(text) for text in EDGE_DAYS]
TODAYS = [date(2026, 11, 23)] * 5 + [date(2026, 1, 15), date(2025, 7, 15), date(2025, 2, 28), date(2024, 2, 29)]
CURRENCIES = ("USD", "USD", "EUR", "EUR", "GBP", "JPY", "COP", "AUD", "CAD", "SGD", "ZAR")
COUNTRIES = ("US", "NL", "DE", "IN", "MX", "KR", "JP", "SG", "CO", "GB")
LINES = ("Marketing Hub", "Sales Hub", "sales  hub", "\uff33ales\u00a0HUB", "Service Hub")
# An odd multiple of these gives points that end in exactly half a unit of the fourth decimal, in one table or the other.
TIES = {"USD": "0.01", "EUR": "0.11", "JPY": "0.72", "COP": "20.40", "ZAR": "2.21"}
SCALE = {"USD": 1, "EUR": 1, "GBP": 1, "JPY": 140, "COP": 4000, "AUD": 1, "CAD": 1, "SGD": 1, "ZAR": 17}
CERTIFICATIONS = ("Solutions Partner", "Solutions Partner", "Inbound", "Sales Software")
METRICS = (
    "total_points", "sold_points", "sourced_points", "managed_points", "csr", "grr", "certified_people",
    "tool_usage_mean", "tool_usage_median", "sold_mrr_12m", "managed_mrr",
)  # fmt: skip
TIERS = ("Bronze", "Gold", "Platinum", "Diamond")


@dataclass(frozen=True)
class Stage:
    """One import: the clock, the rows of its files, and the rows of the partner once it is written."""

    today: date
    files: Tables
    state: Tables


@dataclass(frozen=True)
class Made:
    """A partner: its programme, its rows in the end, its own days, and today."""

    seed: int
    programme: dict[str, Any]
    tables: Tables
    days: list[date]
    today: date


def make(seed: int, programme: dict[str, Any]) -> Made:
    return _Maker(seed, programme).made()


class _Maker:
    def __init__(self, seed: int, programme: dict[str, Any]) -> None:
        self.seed = seed
        self.random = random.Random(seed)  # noqa: S311
        self.programme = programme
        self.today = self.random.choice(TODAYS)
        self.days = self._own_days()
        self.scale = self.random.choice((1, 20, 100))  # a big partner reaches the tiers of the real programme

    def _own_days(self) -> list[date]:
        near = [day for day in EDGES if abs((day - self.today).days) < 1900]
        days = set(self.random.sample(near, self.random.randint(4, 9)))
        for day in sorted(days):  # the order of a set differs between processes
            if self.random.random() < 0.5:
                days.add(plus_months(day, self.random.choice((12, 12, -12, 6))))
            if self.random.random() < 0.3:
                days.add(day + timedelta(days=self.random.choice((-1, 1, 30, 45))))
        days.add(self.today + timedelta(days=self.random.choice((0, 1, 20, 200))))
        return sorted(days)

    def day(self) -> date:
        if self.random.random() < 0.85:
            return self.random.choice(self.days)
        return self.days[0] + timedelta(days=self.random.randint(0, (self.days[-1] - self.days[0]).days))

    def amount(self, currency: str) -> str:
        draw = self.random.random()
        if draw < 0.25 and currency in TIES:
            value = Decimal(TIES[currency]) * self.random.choice((1, 3, 5, 7, 101, 30003))
        elif draw < 0.32:
            value = Decimal("0.01") * self.random.randint(1, 9)
        elif draw < 0.6:
            value = Decimal(self.random.choice((100, 250, 800, 1000)) * SCALE[currency] * self.scale)
        else:
            value = Decimal(self.random.randint(100, 200_000) * SCALE[currency] * self.scale) / 100
        return f"{value:.2f}"

    def made(self) -> Made:
        tables: Tables = {"clients": self._clients()}
        tables["services"] = [row for client in tables["clients"] for row in self._services(client)]
        tables["deals"] = self._deals(tables["clients"])
        tables["cancellations"] = self._cancellations(tables["clients"], tables["deals"])
        tables["mrr_history"] = self._mrr_history(tables["clients"])
        tables["certifications"] = self._certifications()
        tables["statement_lines"] = self._statement_lines(tables["deals"])
        for rows in tables.values():
            self.random.shuffle(rows)
        programme = self.programme if self.random.random() < 0.3 else self._programme(tables)
        return Made(self.seed, programme, tables, self.days, self.today)

    def _clients(self) -> list[Row]:
        ids = self.random.sample(
            ("C1", "C2", "C10", "c1", "B-7", "b 7", "Ä1", "ä1", "A.1", "A1", "_x", "Z9", "z9", "10", "9"),
            self.random.randint(5, 13),
        )
        return [
            {
                "client_id": client_id,
                "name": f"Client {client_id}",
                "country": self.random.choice(COUNTRIES),
                "currency": self.random.choice(CURRENCIES),
                "tool_usage": self.random.choice(("", "0", "1", "3", "7", "12")),
            }
            for client_id in ids
        ]

    def _services(self, client: Row) -> list[Row]:
        starts = sorted({self.day() for _ in range(self.random.randint(0, 4))})
        rows = []
        for number, start in enumerate(starts):
            following = starts[number + 1] if number + 1 < len(starts) else None
            between = [day for day in self.days if day > start and (following is None or day <= following)]
            end = self.random.choice(between) if between else following
            if following is not None and self.random.random() < 0.5:
                end = following
            if following is None and self.random.random() < 0.5:
                end = None
            same = rows and self.random.random() < 0.4  # goes on as it was, or with another number of partners
            currency = rows[-1]["currency"] if same else self._currency(client)
            rows.append(
                {
                    "client_id": client["client_id"],
                    "started_on": start.isoformat(),
                    "ended_on": end.isoformat() if end else "",
                    "mrr": rows[-1]["mrr"] if same else self.amount(currency),
                    "currency": currency,
                    "managing_partners": str(self.random.choice((1, 1, 1, 2, 2, 3, 4, 7, 8))),
                }
            )
        return rows

    def _currency(self, client: Row) -> str:
        return client["currency"] if self.random.random() < 0.8 else self.random.choice(CURRENCIES)

    def _cancellations(self, clients: list[Row], deals: list[Row]) -> list[Row]:
        keys = {}  # however a line is spelled, the row is the same
        for _ in range(self.random.randint(0, 9)):
            client_id, line, day = self.random.choice(clients)["client_id"], self.random.choice(LINES), self.day()
            deal = self.random.choice(deals)
            if deal["closed_on"] and self.random.random() < 0.7:  # while the lot of a sale may still be active
                sold = date.fromisoformat(deal["closed_on"])
                soon = [each for each in self.days if sold <= each <= plus_months(sold, 12)]
                client_id, line = deal["client_id"], deal["product_line"]
                day = self.random.choice([*soon, sold + timedelta(days=self.random.randint(0, 366))])
            key = (client_id, self.random.choice(("", line)), day)
            keys[key[0], line_key(key[1]), day] = key
        return [
            {"client_id": client_id, "product_line": line, "cancelled_on": day.isoformat(), "reason": ""}
            for client_id, line, day in sorted(keys.values())
        ]

    def _deals(self, clients: list[Row]) -> list[Row]:
        rows: list[Row] = []
        for number in range(self.random.randint(10, 45)):
            before = self.random.choice(rows) if rows and self.random.random() < 0.7 else None
            client = self.random.choice(clients)
            if before is not None:  # another deal on the same line, often on the same day
                client = next(each for each in clients if each["client_id"] == before["client_id"])
            currency = self._currency(client)
            mrr = self.amount(currency)
            kind = self.random.choice(
                ("new", "cross_sell", "upgrade", "downgrade", "downgrade") if before else ("new",)
            )
            if kind == "downgrade" and before is not None and self.random.random() < 0.7:
                currency = before["currency"]
                share = self.random.choice(("0.5", "0.5", "0.25", "0.3", "1", "1.5", "2"))
                mrr = f"{max(Decimal(before['mrr']) * Decimal(share), Decimal('0.01')):.2f}"
            closed = self.day()
            if before is not None and before["closed_on"] and self.random.random() < 0.4:
                closed = date.fromisoformat(before["closed_on"])
            stage = self.random.choice(("won",) * 8 + ("lost", "open"))
            rows.append(
                {
                    "deal_id": self.random.choice(("D", "d", "E-", ""))
                    + str(self.random.randint(0, 99) * 100 + number),
                    "client_id": client["client_id"],
                    "name": f"Deal {number}",
                    "product_line": before["product_line"] if before else self.random.choice(LINES),
                    "kind": kind,
                    "origin": self.random.choice(("sourced", "sourced", "sourced", "assisted", "none")),
                    "stage": stage,
                    "mrr": mrr,
                    "currency": currency,
                    "created_on": min(self.day(), closed if self.random.random() < 0.8 else date.max).isoformat(),
                    "closed_on": "" if stage == "open" and self.random.random() < 0.5 else closed.isoformat(),
                    "registered": self.random.choice(("yes", "no")),
                }
            )
        return rows

    def _mrr_history(self, clients: list[Row]) -> list[Row]:
        end = self.random.choice([self.random.choice(self.days), self.today, self.today])
        length = self.random.choice((0, 5, 13, 14, 15, 26, 26, 40, 40))
        months = [plus_months(end.replace(day=1), -back) for back in range(length)]
        if len(months) > 14 and self.random.random() < 0.5:
            months.remove(self.random.choice(months[1:-1]))
        rows = []
        for client in self.random.sample(clients, self.random.randint(1, len(clients))):
            amount = self.amount(client["currency"])
            gone = False
            for month in sorted(months):
                draw = self.random.random()
                gone = draw < 0.02 if not gone else draw < 0.8
                if draw > 0.9:
                    amount = self.amount(client["currency"])
                if gone and self.random.random() < 0.5:
                    continue
                rows.append(
                    {
                        "client_id": client["client_id"],
                        "month": f"{month:%Y-%m}",
                        "mrr": "0.00" if gone else amount,
                        "currency": client["currency"] if draw < 0.97 else self.random.choice(CURRENCIES),
                    }
                )
        return rows

    def _certifications(self) -> list[Row]:
        rows: dict[tuple[str, str, str], Row] = {}
        for _ in range(self.random.randint(0, 12)):
            earned = self.day() if rows else self.days[0]
            if rows and self.random.random() < 0.6:
                earned = min(earned, self.random.choice(self.days[: len(self.days) // 2 + 1]))
            expires = self.random.choice([*(day for day in self.days if day > earned), plus_months(earned, 13), None])
            person, name = self.random.choice(("Ada", "Bo", "Cy", "Di")), self.random.choice(CERTIFICATIONS)
            rows[person, name, earned.isoformat()] = {
                "person": person,
                "certification": name,
                "earned_on": earned.isoformat(),
                "expires_on": expires.isoformat() if expires else "",
            }
        return list(rows.values())

    def _statement_lines(self, deals: list[Row]) -> list[Row]:
        rows: list[Row] = []
        for number in range(self.random.choice((0, 1, 2, 4))):
            period = self.random.choice(("2024-Q4", "2025-Q1", "2025-Q1", "2025-Q3"))
            states = self.random.choice(
                (
                    ("paid",),
                    ("paid", "issued"),
                    ("draft", "paid", "withheld"),
                    ("withheld",),
                    ("forfeited",),
                    ("issued", "forfeited"),
                )
            )
            payout = self.random.choice(("USD", "EUR"))
            for line in range(self.random.randint(1, 6)):
                deal = self.random.choice(deals)
                net = Decimal(self.random.choice((1, -1))) * Decimal(
                    self.random.choice(("0.05", "1.25", "800.00", deal["mrr"]))
                )
                rate = Decimal(self.random.choice(("0.2", "0.1", "0.02", "0.125")))
                fx = Decimal(self.random.choice(("1", "1.00", "0.5", "1.059478", "0.00651234")))
                exact = net * rate * fx
                rounding = self.random.choice((ROUND_HALF_UP, ROUND_HALF_UP, ROUND_HALF_EVEN))
                commission = exact.quantize(Decimal("0.01"), rounding) + Decimal(
                    self.random.choice(("0", "0", "0", "0.01"))
                )
                status = self.random.choice(states)
                rows.append(
                    {
                        "statement_id": f"S-{period}-{number}",
                        "period": period,
                        "line_no": str(line + 1),
                        "client_id": deal["client_id"],
                        "deal_id": deal["deal_id"],
                        "product_line": deal["product_line"],
                        "invoice_month": "2025-01",
                        "net_revenue": f"{net:.2f}",
                        "currency": deal["currency"],
                        "fx_rate": str(fx),
                        "rate": str(rate),
                        "commission": f"{commission:.2f}",
                        "payout_currency": payout,
                        "status": status,
                        "pay_on": self.random.choice(("2025-05-15", "2025-02-14", "2026-12-01")),
                        "paid_on": "2025-05-15" if status == "paid" else "",
                        "adjusts": f"S-{period}-{number}/1" if line and net < 0 else "",
                        "reason": "",
                    }
                )
        return rows

    def _programme(self, tables: Tables) -> dict[str, Any]:
        """The real programme with other rule sets, whose thresholds lie at, or next to, values that the partner has."""
        programme = copy.deepcopy(self.programme)
        if self.random.random() < 0.3:
            amounts = {
                name: str(Decimal(value) * 3 / 4) for name, value in programme["currency_table"][0]["amounts"].items()
            }
            programme["currency_table"].append({"from": self.random.choice(self.days), "amounts": amounts})
            programme["currency_table"] = list({each["from"]: each for each in programme["currency_table"]}.values())
        if self.random.random() < 0.3:
            day = self.random.choice([each for each in self.days if each > date(2022, 7, 18)] or [date(2024, 1, 1)])
            programme["growth_market"].append({"from": day, "factor": 3, "countries": ["IN", "JP", "GB"]})
        starts = sorted({date(2022, 7, 18), *self.random.sample(self.days, self.random.randint(0, 3))})
        invited = {name for name in TIERS if self.random.random() < 0.2}
        horizon = max(self.today, *self.days)
        known = Reference(tables, programme, horizon)
        programme["rule_set"] = [
            {"from": start, "name": f"Rules of {start}", "sample": True, "tier": self._tiers(known, invited)}
            for start in starts
        ]
        return programme

    def _tiers(self, known: Reference, invited: set[str]) -> list[dict[str, Any]]:
        metrics = self.random.sample(METRICS, self.random.randint(1, 3))
        if self.random.random() < 0.7 and "total_points" not in metrics:
            metrics = ["total_points", *metrics[:1]]
        sampled = {
            name: sorted(
                known.metric(name, self.random.choice([day for day in self.days if day <= known.horizon]))
                or Fraction(0)
                for _ in TIERS
            )
            for name in metrics
        }
        step = Fraction(1, 10_000)
        return [
            {
                "name": name,
                "by_invitation": name in invited,
                "requirements": {
                    metric: "0"
                    if values[place] <= 0
                    else _four(values[place] + self.random.choice((0, 0, -step, step)))
                    for metric, values in sampled.items()
                },
            }
            for place, name in enumerate(TIERS)
        ]


def _four(value: Fraction) -> str:
    whole = max(0, int(value * 10_000))  # cut off, so that a value with no more decimals is met exactly
    return f"{whole // 10_000}.{whole % 10_000:04d}"


KEYS = {
    "clients": ("client_id",),
    "deals": ("deal_id",),
    "services": ("client_id", "started_on"),
    "cancellations": ("client_id", "product_line", "cancelled_on"),
    "mrr_history": ("client_id", "month"),
    "certifications": ("person", "certification", "earned_on"),
    "statement_lines": ("statement_id", "line_no"),
}


def stages(made: Made) -> list[Stage]:
    """The partner's files in several imports: rows in any order, some with other values first, the clock moving on."""
    draw = random.Random(made.seed + 1)  # noqa: S311
    clocks = sorted(draw.choice(made.days) for _ in range(draw.randint(1, 3)))
    found: list[Stage] = []
    state: Tables = {kind: [] for kind in made.tables}
    for number, clock in enumerate([*(day for day in clocks if day <= made.today), made.today, made.today]):
        last = number == len([day for day in clocks if day <= made.today]) + 1
        files: Tables = {}
        for kind, rows in made.tables.items():
            share = 1.0 if last or kind == "clients" else draw.choice((0, 0.5, 0.8))
            if kind == "statement_lines" and not last:
                continue  # they name deals, and lines that they adjust
            picked = [row for row in rows if draw.random() < share]
            files[kind] = picked if last else [_spoilt(kind, row, made, draw) for row in picked]
        merged = {
            kind: list({_key(kind, row): row for row in [*state[kind], *files.get(kind, [])]}.values())
            for kind in state
        }
        state = merged
        found.append(Stage(clock, {kind: rows for kind, rows in files.items() if rows}, state))
    return found


def _key(kind: str, row: Row) -> tuple[str, ...]:
    """What tells the row from others of its kind."""
    return tuple(line_key(row[name]) if name == "product_line" else row[name] for name in KEYS[kind])


def _spoilt(kind: str, row: Row, made: Made, draw: random.Random) -> Row:
    """The row with its key, and sometimes with other values than it will have in the end."""
    if draw.random() < 0.6:
        return row
    row = dict(row)
    if kind == "clients":
        row["country"] = draw.choice(COUNTRIES)
        row["tool_usage"] = draw.choice(("", "4"))
    elif kind == "deals":
        name = draw.choice(("mrr", "closed_on", "product_line", "stage", "origin", "kind", "client_id", "currency"))
        row[name] = draw.choice([other for other in made.tables["deals"] if other[name]])[name]
        if row["stage"] != "open" and not row["closed_on"]:
            row["closed_on"] = draw.choice(made.days).isoformat()
    elif kind == "services":
        row["mrr"] = draw.choice(made.tables["services"])["mrr"]
        row["managing_partners"] = draw.choice(("1", "5"))
        if draw.random() < 0.3:
            row["ended_on"] = (date.fromisoformat(row["started_on"]) + timedelta(days=1)).isoformat()
    elif kind == "mrr_history":
        row["mrr"] = draw.choice(("0.00", "12.34"))
    elif kind == "certifications":
        row["expires_on"] = draw.choice(("", (date.fromisoformat(row["earned_on"]) + timedelta(days=40)).isoformat()))
    return row


def sample_days(made: Made, count: int) -> list[tuple[date, date, date]]:
    """So many (day, first, last of the range), none after today: edges of the partner first, then days at large."""
    draw = random.Random(made.seed + 2)  # noqa: S311
    year = made.today.year
    pool = [made.today, made.days[0] - timedelta(days=1), date(2022, 7, 17), date(2022, 7, 18)]
    pool += [day + timedelta(days=move) for day in made.days for move in (-1, 0, 0, 1)]
    pool += [plus_months(day, 12) for day in made.days]
    pool += [date(year - back, month, 15) for back in range(4) for month in (1, 7, 7, 1, 2, 8)]
    pool += [made.days[0] + timedelta(days=draw.randint(0, 2000)) for _ in range(6)]
    pool = [day for day in pool if day <= made.today]
    picked = [made.today, *(draw.choice(pool) for _ in range(count - 1))]
    found = []
    for day in picked:
        last = day if draw.random() < 0.6 else min(day, draw.choice(pool))
        first = min(last, draw.choice(pool)) if draw.random() < 0.6 else last - timedelta(days=29)
        found.append((day, first, last))
    return found


def with_what_lies_ahead(made: Made) -> Made:
    """The partner with renewals, cancellations that are known ahead, and statement lines of several months."""
    draw = random.Random(made.seed + 3)  # noqa: S311
    tables = copy.deepcopy(made.tables)
    renewals: dict[tuple[str, ...], Row] = {}
    for _ in range(25):
        client = draw.choice(tables["clients"])
        lines = [row["product_line"] for row in tables["deals"] if row["client_id"] == client["client_id"]]
        on = made.today + timedelta(days=draw.choice((0, 1, 3, 30, 60, 60, 100, 200, 300)))
        row = {
            "client_id": client["client_id"], "product_line": draw.choice(lines or LINES), "renews_on": on.isoformat(),
            "current_mrr": "100.00", "renewal_mrr": "100.00", "currency": client["currency"], "status": "pending",
        }  # fmt: skip
        renewals[row["client_id"], line_key(row["product_line"]), row["renews_on"]] = row
    cancellations = {_key("cancellations", row): row for row in tables["cancellations"]}
    for _ in range(draw.randint(0, 3)):
        deal = draw.choice(tables["deals"])
        on = made.today + timedelta(days=draw.randint(1, 200))
        key = (deal["client_id"], draw.choice(("", deal["product_line"])), on.isoformat())
        row = dict(zip(KEYS["cancellations"], key, strict=True)) | {"reason": ""}
        cancellations[_key("cancellations", row)] = row
    for row in tables["statement_lines"]:
        row["invoice_month"] = draw.choice(("2023-04", "2024-02", "2025-01", "2025-02", "2025-12", "2026-11"))
        row["payout_currency"] = "USD"
    tables |= {"renewals": list(renewals.values()), "cancellations": list(cancellations.values())}
    return replace(made, tables=tables)
