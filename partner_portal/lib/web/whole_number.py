"""Whole numbers in addresses and forms."""


def whole_number(text: str | None, *, digits: int = 17, default: int = 0) -> int:
    """The number of 0 or more that `text` holds in at most so many ASCII digits; `default` for anything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= digits else default
