"""Addresses that come from outside."""

from urllib.parse import SplitResult, urlsplit


def split_address(address: str) -> SplitResult | None:
    """Return the parts of an address, or None for what is none (`http://[::1`)."""
    try:
        return urlsplit(address)
    except ValueError:
        return None
