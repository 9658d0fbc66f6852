"""Names that stay on one line."""

import pytest

from partner_portal.lib.web.one_line import OneLineField, one_line


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("Northwind\r\nBcc: eve@example.org", "Northwind Bcc: eve@example.org"),
        ("  a\tb\x0bc\x1b[0m ", "a b c [0m"),
        ("a\u2028b\u2029c\u0085d", "a b c d"),
        ("\u202eevil\u2066x\u2069", "evilx"),
        ("Ångström & Söhne 株式会社", "Ångström & Söhne 株式会社"),
        ("می\u200cخواهم", "می\u200cخواهم"),
    ],
)
def test_breaks_and_controls_become_spaces(given: str, kept: str) -> None:
    assert one_line(given) == kept
    assert OneLineField().clean(given) == kept


def test_a_name_of_breaks_alone_is_missing() -> None:
    from django.core.exceptions import ValidationError

    with pytest.raises(ValidationError):
        OneLineField().clean("\r\n\t")
