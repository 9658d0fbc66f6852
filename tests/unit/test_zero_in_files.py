"""Files write 0 without a minus, however a sum came to it."""

from decimal import Decimal
from fractions import Fraction

import pytest

from reports.writers import decimal_text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("0.0000") * -1, "0.0000"),
        (Decimal("-0.0000"), "0.0000"),
        (Fraction(-1, 10**12), "0.0000"),
        (Decimal("-0.0003"), "-0.0003"),
        (Decimal("12.5"), "12.5000"),
    ],
)
def test_0_has_no_minus(value, text):
    assert decimal_text(value, 4) == text
