"""A partner's own tier thresholds in place of the programme's samples (ADR 153).

Pure. They are stored with the partner by the day on which the rule set starts, and replace the values of requirements that the rule
set has; they add none. What no longer fits the rule set, such as a tier that was renamed, is ignored.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from program.rulebook import Requirement, Rulebook, RuleSet
from program.terms import Metric

# The values by the name of the tier and the metric.
type Values = Mapping[tuple[str, Metric], Decimal]


@dataclass(frozen=True, slots=True)
class OwnThresholds:
    """The thresholds that a partner entered for one rule set."""

    #: Where they come from, as the admin says; never "".
    source: str
    values: Values


def to_json(own: OwnThresholds) -> dict[str, object]:
    """The thresholds as they are stored."""
    return {
        "source": own.source,
        "values": [[tier, str(metric), str(value)] for (tier, metric), value in own.values.items()],
    }


def with_own(book: Rulebook, stored: Mapping[str, Mapping[str, object]]) -> Rulebook:
    """The rulebook with the thresholds that are stored for its rule sets, which are no samples then."""
    if not stored:
        return book
    return replace(
        book, rule_sets=tuple(_replaced(rules, stored.get(rules.start.isoformat())) for rules in book.rule_sets)
    )


def _replaced(rules: RuleSet, stored: Mapping[str, object] | None) -> RuleSet:
    rows = stored["values"] if stored else None
    if stored is None or not isinstance(rows, list):
        return rules
    values = {(tier, metric): Decimal(value) for tier, metric, value in rows}
    tiers = tuple(
        replace(
            tier,
            requirements=tuple(
                Requirement(need.metric, values.get((tier.name, need.metric), need.value)) for need in tier.requirements
            ),
        )
        for tier in rules.tiers
    )
    return replace(rules, tiers=tiers, sample=False, source=str(stored["source"]))
