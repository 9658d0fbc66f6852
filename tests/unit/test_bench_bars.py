"""When `make bench` fails: ratios against the recorded ones, and bars."""

import pytest

from bench.measurement import Measurement, failures


@pytest.mark.parametrize(
    ("value", "bar", "at_least", "recorded", "fails"),
    [
        (1.3, None, False, 1.0, ""),
        (1.34, None, False, 1.0, "a third worse"),
        (0.74, None, True, 1.0, "a third worse"),
        (1.1, 1.0, False, 0.9, "bar"),  # it was met
        (1.1, 1.0, False, 1.05, ""),  # it never was
        (1.5, 1.0, False, 1.05, "a third worse"),
        (1.1, 1.0, False, None, "bar"),
        (0.9, 1.0, False, None, ""),
    ],
)
def test_a_ratio_fails_when_it_is_a_third_worse_or_breaks_a_bar_that_was_met(value, bar, at_least, recorded, fails):
    row = Measurement("page", "of another", value, "x", bar, at_least)
    said = list(failures([row], {} if recorded is None else {"page: of another": recorded}))
    assert len(said) == bool(fails)
    assert all(fails in sentence for sentence in said)


def test_seconds_are_not_compared_with_another_machines() -> None:
    assert not list(failures([Measurement("page", "of another", 9.0, "s")], {"page: of another": 1.0}))
