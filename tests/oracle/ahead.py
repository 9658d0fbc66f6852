"""The same for what lies ahead: the outlook, points at stake, and expected commission (docs/points.md 8 and 10).

Written from the text alone, on top of `reference.py`, and as slow.
"""

import calendar
from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

from reference import Reference, Row, Tables, half_up, line_key, plus_months

HELD = ("csr", "grr", "tool_usage_mean", "tool_usage_median")  # cannot be known ahead: they stay as they are
TRACKS_OF = {
    "total_points": ("sourced", "assisted", "managed"),
    "sold_points": ("sourced", "assisted"),
    "sourced_points": ("sourced",),
    "managed_points": ("managed",),
}


def day_in(row: Row, name: str) -> date:
    return date.fromisoformat(row[name])


@dataclass(frozen=True)
class Review:
    """The next review: the credited tier when it comes, after it, and the rises before it."""

    on: date
    before: str | None
    after: str | None
    rises: list[tuple[date, str | None]]


class Ahead(Reference):
    """The days after `day` if nothing happens but what is known on it: no deal is closed, nobody earns a certification."""

    def __init__(self, tables: Tables, programme: dict[str, Any], day: date) -> None:
        known = tables | {
            "deals": [row for row in tables["deals"] if row["stage"] != "won" or day_in(row, "closed_on") <= day],
            "certifications": [row for row in tables["certifications"] if day_in(row, "earned_on") <= day],
        }
        super().__init__(known, programme, plus_months(day, 24))
        self.day = day
        self.taken: dict[str, Fraction] = {}

    def metric(self, name: str, day: date) -> Fraction | None:
        have = super().metric(name, min(day, self.day) if name in HELD else day)
        if have is None:
            return None
        return have - sum((self.taken.get(track, Fraction(0)) for track in TRACKS_OF.get(name, ())), Fraction(0))

    def review(self, credited: str | None, since: date | None) -> Review:
        """What the next review does to somebody credited with this tier since that day."""
        on, day = self.next_review(self.day), self.day
        before, rises = credited, []
        while day < on:
            day += timedelta(days=1)
            if day == on:
                before = credited
            if self.rule_set(day) is None:
                continue
            readings = self._window(day)
            if readings is not None and credited is not None and since is not None:
                after = self._reviewed(credited, since, day, readings)
                credited, since = (credited, since) if after == credited else (after, day)
            after = self._risen(credited, day)
            if after != credited:
                credited, since = after, day
                rises += [(day, after)] if day < on else []
        return Review(on, before, credited, rises)

    # (10) renewals

    def stake(self, renewal: Row) -> tuple[dict[str, Fraction], dict[str, Fraction]]:
        """Points at stake by track, and those of them that would still count on the review day."""
        client, line, on = renewal["client_id"], line_key(renewal["product_line"]), day_in(renewal, "renews_on")
        found, later = defaultdict(Fraction), defaultdict(Fraction)
        for lot in self._walk_sold(client, on)[1]:
            if lot.deal["product_line"] == line:
                found[lot.track] += lot.left
                later[lot.track] += lot.left if lot.expires_on > self.review_of(renewal) else 0
        if not self._lines(client, on) - {line}:
            found["managed"] = later["managed"] = self.managed_state(client, on)
        return found, later

    def review_of(self, renewal: Row) -> date:
        return self.next_review(day_in(renewal, "renews_on") - timedelta(days=1))

    def _lines(self, client: str, on: date) -> set[str]:
        """Lines that the client has: sold, or to be renewed, and not cancelled since."""
        since: dict[str, list[date]] = defaultdict(list)
        for row in self.tables["deals"]:
            if row["client_id"] == client and row["stage"] == "won" and row["kind"] != "downgrade":
                since[row["product_line"]].append(day_in(row, "closed_on"))
        for row in self.tables["renewals"]:
            if row["client_id"] == client and day_in(row, "renews_on") >= self.day:
                since[row["product_line"]].append(date.min)
        cancelled = [row for row in self.tables["cancellations"] if row["client_id"] == client]
        found = set()
        for line, days in since.items():
            gone = [day_in(row, "cancelled_on") for row in cancelled if row["product_line"] in ("", line)]
            if any(day <= on and not any(day < other <= on for other in gone) for day in days):
                found.add(line)
        return found

    def tiers(self, renewal: Row) -> tuple[str | None, str | None]:
        """The performance tier on the review day with and without the points at stake."""
        on = self.review_of(renewal)
        kept = self._performance(on)
        self.taken = self.stake(renewal)[1]
        lost = self._performance(on)
        self.taken = {}
        return kept, lost

    # (8) expected commission

    def expected(self, quarter: str) -> Fraction:
        """What all deals are expected to earn in the quarter, in US$."""
        year, number = int(quarter[:4]), int(quarter[-1])
        total = Fraction(0)
        for client in self.clients:
            shares = self._shares(client)
            for row in self.tables["deals"]:
                if row["client_id"] != client or row["deal_id"] not in shares or row["origin"] != "sourced":
                    continue
                closed = day_in(row, "closed_on")
                for month in range(number * 3 - 2, number * 3 + 1):
                    last = date(year, month, calendar.monthrange(year, month)[1])
                    fx = self._fx(row["currency"], f"{year}-{month:02}")
                    if fx is not None and date(2023, 4, 1) <= closed <= last < plus_months(closed, 36):
                        part = [share for day, share in shares[row["deal_id"]] if day <= last][-1]
                        total += half_up(Fraction(row["mrr"]) * part * Fraction(1, 5) * fx, 2)
        return total

    def _shares(self, client: str) -> dict[str, list[tuple[date, Fraction]]]:
        """What is left of each sale of the client, by id: (day, fraction) whenever it changes, whatever has expired."""
        deals = [row for row in self.tables["deals"] if row["client_id"] == client and row["stage"] == "won"]
        cancelled = [row for row in self.tables["cancellations"] if row["client_id"] == client]
        found: dict[str, list[tuple[date, Fraction]]] = defaultdict(list)
        size: dict[str, Fraction] = {}  # of the lines that are sold now
        sold: dict[str, list[str]] = defaultdict(list)
        for day in sorted(
            {day_in(row, "closed_on") for row in deals} | {day_in(row, "cancelled_on") for row in cancelled}
        ):
            for row in cancelled:
                for line in [each for each in size if row["product_line"] in ("", each)]:
                    if day_in(row, "cancelled_on") == day:
                        for deal in sold.pop(line, []):
                            found[deal].append((day, Fraction(0)))
                        del size[line]
            todays = sorted((row for row in deals if day_in(row, "closed_on") == day), key=lambda row: row["deal_id"])
            for row in todays:
                line, units = row["product_line"], self.unit(row["mrr"], row["currency"], day)
                if row["kind"] == "downgrade" and line in size:
                    lost = min(Fraction(1), units / size[line]) if size[line] > 0 else Fraction(1)
                    for deal in sold[line]:
                        found[deal].append((day, found[deal][-1][1] * (1 - lost)))
                    size[line] -= units
            for row in todays:
                if row["kind"] != "downgrade":
                    line, units = row["product_line"], self.unit(row["mrr"], row["currency"], day)
                    size[line] = size.get(line, Fraction(0)) + units
                    sold[line].append(row["deal_id"])
                    found[row["deal_id"]].append((day, Fraction(1)))
        return found

    def _fx(self, currency: str, month: str) -> Fraction | None:
        """US$ per unit: the rate imported for the month, otherwise the latest. Silent: of several, the last line's."""
        if currency == "USD":
            return Fraction(1)
        lines = [
            row
            for row in self.tables["statement_lines"]
            if row["currency"] == currency and row["payout_currency"] == "USD"
        ]
        if not lines:
            return None
        months = {row["invoice_month"] for row in lines}
        wanted = month if month in months else max(months)
        of_month = [row for row in lines if row["invoice_month"] == wanted]
        return Fraction(max(of_month, key=lambda row: (row["statement_id"], int(row["line_no"])))["fx_rate"])
