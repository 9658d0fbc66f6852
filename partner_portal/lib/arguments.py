"""What management commands take as arguments."""

from argparse import ArgumentTypeError
from datetime import date

from partner_portal.lib.dates.periods import FIRST_DAY, LAST_DAY, requested_day


def day(text: str) -> date:
    """A day given as `YYYY-MM-DD`, for `add_argument(type=...)`: anything else ends in wrong usage (exit code 2)."""
    try:
        return requested_day(text)
    except ValueError as error:
        raise ArgumentTypeError(f"“{text}” is not a day from {FIRST_DAY} to {LAST_DAY} as YYYY-MM-DD") from error


def whole(text: str) -> int:
    """A whole number from 0 on, for `add_argument(type=...)`."""
    if not (text.isascii() and text.isdigit()):
        raise ArgumentTypeError(f"“{text}” is not a whole number from 0 on")
    return int(text)
