"""Guards of a run: how much it may change by itself before a person has to decide."""

from decimal import Decimal

from imports.pipeline import Outcome
from sources.answers import Guards


def guard_hit(outcome: Outcome, guards: Guards) -> tuple[str, dict[str, object]] | None:
    """Code and details of the first guard that the outcome exceeds; None when it may be written."""
    stored = outcome.missing.stored
    for kind, rows in outcome.missing.moved.counts.items():
        if rows > guards.withdrawn_rows and rows * 100 > guards.withdrawn_percent * stored[kind]:
            return "guard_withdrawn", {
                "kind": kind, "rows": rows, "percent": _percent(rows, stored[kind]), "limit": guards.withdrawn_percent,
            }  # fmt: skip
    changed = sum(counts.changed for counts in outcome.counts.values())
    same = sum(counts.same for counts in outcome.counts.values())
    if changed > guards.changed_rows and changed * 100 > guards.changed_percent * (changed + same):
        return "guard_changed", {
            "rows": changed, "percent": _percent(changed, changed + same), "limit": guards.changed_percent,
        }  # fmt: skip
    before, after = points_of(outcome)
    if before > 0 and abs(after - before) * 100 >= guards.points_percent * before:
        return "guard_points", {
            "before": str(before), "after": str(after), "limit": guards.points_percent,
            "percent": _percent(after - before, before),
        }  # fmt: skip
    return None


def points_of(outcome: Outcome) -> tuple[Decimal, Decimal]:
    """The partner's total points before and after."""
    before, after = (outcome.points.get(name) or {} for name in ("points_before", "points_after"))
    total = [
        Decimal(str(points.get("total", 0))) if isinstance(points, dict) else Decimal(0) for points in (before, after)
    ]
    return total[0], total[1]


def _percent(part: Decimal | int, whole: Decimal | int) -> int:
    return round(Decimal(part) * 100 / Decimal(whole)) if whole else 0
