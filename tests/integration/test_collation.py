"""Names are sorted and found alike by Python and by the database, whatever the alphabet."""

import sys
import unicodedata

import pytest
from django.db import connection
from hypothesis import given, settings
from hypothesis import strategies as st

from partner_portal.lib.collation import search_key, sort_key

# As the inputs of field case F17, and numbers inside names.
EXPECTED = ["adidas Test", "Ångström Systems", "becquerel labs", "Client 9", "Client 10", "Coulomb BV", "Élan Conseil",
            "ørsted Vind", "Zeta GmbH"]  # fmt: skip


@pytest.mark.django_db
@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs", "Cn", "Co")), max_size=30), max_size=50
    )
)
def test_database_and_python_make_the_same_keys(texts: list[str]) -> None:
    assert keys_of(texts) == [(search_key(text), sort_key(text)) for text in texts]


@pytest.mark.django_db
def test_every_letter_has_the_same_keys_in_both() -> None:
    """One text a character, and numbers of every length; the few letters whose case differs by Unicode version stay out."""
    letters = [
        chr(code)
        for code in range(1, sys.maxunicode + 1)
        if code < 0x20000 and unicodedata.category(chr(code)) not in {"Cs", "Cn", "Co"}
    ]
    numbers = [f"{before}{'0' * zeros}{'7' * count}{after}" for before in ("", "a") for after in ("", "b3")
               for zeros in (0, 3, 30) for count in (0, 1, 19, 20, 21, 40)]  # fmt: skip
    texts = letters + numbers
    different = [
        text for text, found in zip(texts, keys_of(texts), strict=True) if found != (search_key(text), sort_key(text))
    ]
    assert different == []


def keys_of(texts: list[str]) -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT portal_search_key(text), portal_sort_key(text)"
            " FROM unnest(%s::text[]) WITH ORDINALITY AS each (text, place) ORDER BY place",
            [texts],
        )
        return cursor.fetchall()
