"""Statements that take back, written from section 14 of docs/points.md alone (and from ADRs 83 and 84 where it is silent)."""

from collections import defaultdict
from fractions import Fraction

from reference import ADVANCE, Row, half_up


def name_of(row: Row) -> str:
    return f"{row['statement_id']}/{int(row['line_no'])}"


def worth(row: Row, rate: str, fx: str) -> Fraction:
    return half_up(Fraction(row["net_revenue"]) * Fraction(rate) * Fraction(fx), 2)


def same_money(row: Row, other: Row) -> bool:
    return (row["currency"], row["payout_currency"]) == (other["currency"], other["payout_currency"])


def too_much(lines: list[Row]) -> dict[str, Fraction]:
    """By adjusted line, in its currency: how much more is taken back than there was."""
    found = {}
    for line in lines:
        own = Fraction(line["net_revenue"])
        others = [row for row in lines if row["adjusts"] == name_of(line) and same_money(row, line)]
        sum_of_others = sum((Fraction(row["net_revenue"]) for row in others), Fraction(0))
        over = -sum_of_others - own if own >= 0 else sum_of_others + own
        if others and over > 0:
            found[name_of(line)] = over
    return found


def reversed_twice(lines: list[Row]) -> set[str]:
    """Adjusted lines that a second line alone takes back all of again."""
    found = set()
    for line in lines:
        own = Fraction(line["net_revenue"])
        back = Fraction(0)
        for row in sorted(lines, key=lambda each: (each["period"], each["statement_id"], int(each["line_no"]))):
            if row["adjusts"] != name_of(line) or not same_money(row, line) or not own:
                continue
            takes = -Fraction(row["net_revenue"]) * (1 if own > 0 else -1)
            if takes >= abs(own) and back >= abs(own) and name_of(line) in too_much(lines):
                found.add(name_of(line))
            back += takes
    return found


def other_terms(lines: list[Row]) -> dict[str, tuple[set[str], Fraction]]:
    """By adjusting line: what is other than on its line, and the difference in payout currency."""
    by_name = {name_of(row): row for row in lines}
    found = {}
    for row in lines:
        line = by_name.get(row["adjusts"])
        if line is None:
            continue
        kinds = set()
        if Fraction(row["rate"]) != Fraction(line["rate"]):
            kinds.add("rate")
        here, there = worth(row, row["rate"], row["fx_rate"]), worth(row, line["rate"], line["fx_rate"])
        if not same_money(row, line):
            kinds.add("currency")
            paid_alike = row["payout_currency"] == line["payout_currency"]
            there = -worth(line, line["rate"], line["fx_rate"]) if paid_alike else Fraction(0)
        elif Fraction(row["fx_rate"]) != Fraction(line["fx_rate"]):
            kinds.add("fx")
        if kinds:
            found[name_of(row)] = (kinds, here - there)
    return found


def left_to_offset(lines: list[Row]) -> dict[str, Fraction]:
    """By negative statement: what later ones have not used up. Settled ones are left out."""
    by_id: dict[str, list[Row]] = defaultdict(list)
    for row in lines:
        by_id[row["statement_id"]].append(row)
    statements = []
    for statement, rows in by_id.items():
        states = {row["status"] for row in rows}
        status = next((each for each in ADVANCE if each in states), "held")
        total = sum((Fraction(row["commission"]) for row in rows), Fraction(0))
        pay_on = min(row["pay_on"] for row in rows)
        statements.append((pay_on, rows[0]["period"], statement, status, rows[0]["payout_currency"], total))
    statements.sort()
    left: dict[str, Fraction] = {}
    spare = {each[2]: each[5] for each in statements if each[3] in ("issued", "paid") and each[5] > 0}
    for place, (_day, _period, statement, status, currency, total) in enumerate(statements):
        if total >= 0 or status not in ("draft", "issued"):
            continue
        left[statement] = -total
        for _later_day, _later_period, later, _status, other, _total in statements[place + 1 :]:
            if other == currency and later in spare:
                used = min(spare[later], left[statement])
                spare[later] -= used
                left[statement] -= used
    return left
