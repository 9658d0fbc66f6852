"""Reasons of tier changes: stored as values, read back as the same, and worded in the language of the reader."""

import json
from datetime import date
from decimal import Decimal

import pytest
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from program.terms import Metric
from tiers.reason_text import reason_text
from tiers.reasons import Fell, Held, Kept, Lapsed, MetRequirement, Rose, from_json, to_json

D = date.fromisoformat
NAMES = st.sampled_from(["Gold", "Solutions Partner", "Tier 2", "Diamond and more", "Zilver, één"])
DAYS = st.dates(D("2019-01-01"), D("2029-12-31"))
NUMBERS = st.decimals(0, 99_999_999, allow_nan=False)
COUNTS = st.integers(1, 24)
REASONS = st.one_of(
    st.builds(
        Rose,
        st.lists(st.builds(MetRequirement, st.sampled_from(sorted(Metric)), NUMBERS, NUMBERS)).map(tuple),
        st.none() | NAMES,
        st.none() | NAMES,
    ),
    st.builds(Held, NAMES, DAYS, COUNTS),
    st.builds(Lapsed, NAMES),
    st.builds(Kept, NAMES, st.lists(DAYS, min_size=1, max_size=6).map(tuple), COUNTS),
    st.builds(Fell, NAMES, st.none() | NAMES, DAYS, COUNTS),
)
ROSE = Rose(
    (
        MetRequirement(Metric.TOTAL_POINTS, Decimal("1292.1"), Decimal(1260)),
        MetRequirement(Metric.CSR, Decimal("0.9"), Decimal("0.85")),
    ),
    newly_certified="Solutions",
    not_invited=None,
)


@settings(max_examples=50)
@given(REASONS)
def test_what_is_stored_is_read_back_as_the_same_value(reason):
    assert from_json(json.loads(json.dumps(to_json(reason)))) == reason


def test_what_is_stored():
    assert to_json(ROSE) == {
        "kind": "rose",
        "met": [
            {"metric": "total_points", "have": "1292.1", "need": "1260"},
            {"metric": "csr", "have": "0.9", "need": "0.85"},
        ],
        "newly_certified": "Solutions",
        "not_invited": None,
    }
    assert to_json(Fell("Gold", None, D("2026-08-15"), 6)) == {
        "kind": "fell", "tier": "Gold", "best": None, "since": "2026-08-15", "readings": 6,
    }  # fmt: skip


def test_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="no kind of reason"):
        from_json({"kind": "guessed"})


@pytest.mark.parametrize(
    ("reason", "english", "dutch"),
    [
        (
            ROSE,
            "Rise. Total 1,292 of 1,260 and C$R 90.0% of 85.0% were met on the day. "
            "A Solutions certification became valid.",
            "Stijging. Totaal 1.292 van 1.260 en C$R 90,0% van 85,0%: op die dag gehaald. "
            "Een certificering Solutions werd geldig.",
        ),
        (
            Rose((MetRequirement(Metric.MANAGED_MRR, Decimal("50000.5"), Decimal(50000)),), None, "Elite"),
            "Rise. Managed MRR US$50,000 of US$50,000 was met on the day. Elite is by invitation.",
            None,
        ),
        (
            Held("Gold", D("2026-03-20"), 6),
            "Review. Kept: Gold has been credited since 20 Mar 2026, less than 6 months.",
            "Beoordeling. Behouden: Gold is toegekend sinds 20 mrt 2026, korter dan 6 maanden.",
        ),
        (Lapsed("Solutions"), "Review. No Solutions certification was valid on the day.", None),
        (
            Kept("Gold", (D("2026-03-15"), D("2026-05-15")), 6),
            "Review. Kept, met in March and May.",
            "Beoordeling. Behouden, gehaald in maart en mei.",
        ),
        (
            Kept("Gold", tuple(D(f"2026-{month:02}-15") for month in range(1, 13)), 12),
            "Review. Kept: all twelve readings met Gold.",
            None,
        ),
        (
            Fell("Gold", "Silver", D("2026-08-15"), 14),
            "Review. None of the 14 readings since 15 Aug 2026 met Gold; the best was Silver.",
            None,
        ),
        (
            Fell("Gold", None, D("2026-08-15"), 6),
            "Review. None of the six readings since 15 Aug 2026 met Gold; none met any tier.",
            "Beoordeling. Geen van de zes metingen sinds 15 aug 2026 voldeed aan Gold; geen enkele haalde een tier.",
        ),
    ],
)
def test_sentences(reason, english, dutch):
    assert reason_text(reason) == english
    if dutch is not None:
        with translation.override("nl"):
            assert reason_text(reason) == dutch
