"""Reasons are stored in English and shown in the reader's language: what is read back is what was said."""

from datetime import date
from decimal import Decimal

import pytest
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from partner_portal.lib.language import of_reader
from partner_portal.lib.wording import ENGLISH, Wording
from program.terms import Metric, Unit
from tiers import reason_text

D = date.fromisoformat
NAMES = st.sampled_from(["Gold", "Solutions Partner", "Tier 2", "Diamond and more"])
DAYS = st.dates(D("2019-01-01"), D("2029-12-31"))
POINTS = st.tuples(
    st.sampled_from([metric for metric in Metric if metric.unit in (Unit.POINTS, Unit.MONEY)]),
    st.decimals(0, 99_999_999, places=4),
    st.decimals(0, 99_999_999, places=4),
)
RATIOS = st.tuples(
    st.sampled_from([metric for metric in Metric if metric.unit in (Unit.RATIO, Unit.AVERAGE)]),
    st.none() | st.decimals(0, 9, places=4),
    st.decimals(0, 9, places=4),
)
REASONS = st.one_of(
    st.builds(
        lambda met, certified, invited: reason_text.rise(met, newly_certified=certified, not_invited=invited),
        st.lists(POINTS | RATIOS, max_size=4),
        st.none() | NAMES,
        st.none() | NAMES,
    ),
    st.builds(reason_text.held, NAMES, DAYS, st.integers(1, 24)),
    st.builds(reason_text.lapsed, NAMES),
    st.builds(reason_text.kept, NAMES, st.lists(DAYS, min_size=1, max_size=6), st.integers(6, 20)),
    st.builds(reason_text.fall, NAMES, st.none() | NAMES, DAYS, st.integers(1, 20)),
    st.just(reason_text.untiered()),
)


@given(REASONS)
def test_a_reason_said_again_in_english_is_the_same(reason):
    assert reason_text.reworded(reason, ENGLISH) == reason


@given(REASONS)
def test_every_text_of_a_reason_goes_through_the_wording(reason):
    """With a language that knows no text, nothing of the English sentence is left but names and numbers."""
    silent = Wording(lambda _text: "", lambda _one, _many, _count: "", day=lambda _day: "", month=lambda _day: "")
    assert reason_text.reworded(reason, silent).strip() == ""


@pytest.mark.parametrize("text", ["", "Written by hand.", "Rise. Somehow.", "Review. Kept, met in Movember."])
def test_any_other_text_is_left_alone(text):
    assert reason_text.reworded(text, of_reader()) == text


def test_reasons_in_dutch():
    met = [(Metric.TOTAL_POINTS, Decimal("1292.1"), Decimal(1260)), (Metric.CSR, None, Decimal("0.85"))]
    with translation.override("nl"):
        said = [
            reason_text.reworded(reason_text.rise(met, newly_certified="Solutions", not_invited=None), of_reader()),
            reason_text.reworded(reason_text.held("Gold", D("2026-03-20"), 6), of_reader()),
            reason_text.reworded(reason_text.kept("Gold", [D("2026-03-15"), D("2026-05-15")], 6), of_reader()),
            reason_text.reworded(reason_text.fall("Gold", None, D("2026-08-15"), 6), of_reader()),
        ]
    assert said == [
        "Stijging. Totaal 1.292 van 1.260 en C$R geen gegevens van 85,0 %: op die dag gehaald. "
        "Een certificering Solutions werd geldig.",
        "Beoordeling. Behouden: Gold is toegekend sinds 20 mrt 2026, korter dan 6 maanden.",
        "Beoordeling. Behouden, gehaald in maart en mei.",
        "Beoordeling. Geen van de zes metingen sinds 15 aug 2026 voldeed aan Gold; geen enkele haalde een tier.",
    ]
