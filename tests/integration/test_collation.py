"""Names are sorted and found alike by Python and by the database, whatever the alphabet."""

import re
import sys
import unicodedata
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from accounts.models import Partner, User
from accounts.scope import member_scope, memberships_of, set_tenant, system_scope, user_scope
from partner_portal.lib.collation import search_key, sort_key
from partner_portal.lib.rows.datasets import select

# As the inputs of field case F17, and numbers inside names.
EXPECTED = ["adidas Test", "Ångström Systems", "becquerel labs", "Client 9", "Client 10", "Coulomb BV", "Élan Conseil",
            "ørsted Vind", "Zeta GmbH"]  # fmt: skip


@pytest.mark.django_db
@examples(max_examples=40, deadline=None)
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


@pytest.fixture
def fresh(db: None, tmp_path: Path) -> Any:
    """A partner with the clients of field case F17, one of them with a renewal and a person with it."""
    call_command("create_partner", "fresh", name="Fresh", currency="EUR", verbosity=0)
    call_command("create_member", "admin@fresh.example", partner="fresh", role="admin", verbosity=0)
    shuffled = [EXPECTED[place] for place in (1, 2, 5, 6, 8, 7, 0, 4, 3)]
    files = {
        "clients": ["client_id,name,country,currency", *(f"{n},{name},DE,EUR" for n, name in enumerate(shuffled, 1))],
        "deals": ["deal_id,client_id,name,product_line,kind,origin,stage,mrr,currency,created_on,closed_on,registered"]
        + [
            f"D{n},{n},Große Straße {n},Hub {n},new,sourced,won,880,EUR,2026-11-01,2026-11-02,yes" for n in range(1, 10)
        ],
        "renewals": ["client_id,product_line,renews_on,current_mrr,renewal_mrr,currency,status,renewal_manager"]
        + [f"{n},Hub {n},2026-12-20,880,880,EUR,pending,Chloé {n}" for n in range(1, 10)],
        "certifications": ["person,certification,earned_on,expires_on"]
        + [f"{name},Solutions Partner,2026-01-01,2027-01-01" for name in ("Zoë", "Émile", "adam", "Øystein")],
    }
    for kind, lines in files.items():
        (tmp_path / f"{kind}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    call_command("import_data", "fresh", *sorted(map(str, tmp_path.glob("*.csv"))), verbosity=0)
    found = Partner.objects.get(slug="fresh")
    set_tenant(found.pk)
    return found


def names_in(html: str) -> list[str]:
    return [
        unescape(name) for name in re.findall(r'<th scope="row">\s*<a href="/clients/[^"]+/">\s*([^<]+?)\s*</a>', html)
    ]


def column(scope: Any, key: str, sort: str, name: str, query: str = "") -> list[Any]:
    """A column of all rows as files have them."""
    selection = select(
        key, scope, {"sort": sort, "q": query, "renewals_range": "next-90-days", "changes_range": "this-month"}
    )
    return [row[0] for row in selection.with_columns([name]).iterate()]


def test_names_are_in_the_order_people_expect_and_found_without_accents(fresh: Any, client: Any) -> None:
    scope = system_scope(fresh)
    client.force_login(User.objects.get(email="admin@fresh.example"), backend=settings.AUTHENTICATION_BACKENDS[0])
    assert names_in(client.get("/clients/").content.decode()) == EXPECTED
    assert names_in(client.get("/clients/?sort=-client").content.decode()) == EXPECTED[::-1]
    assert names_in(client.get("/renewals/").content.decode()) == EXPECTED  # all of one day
    # Rows of queries and rows made in Python, the file and the API alike; numbers inside product lines and managers.
    for key in ("clients", "changes-new-sold", "client-lots", "renewals"):
        assert column(scope, key, "client", "client") == EXPECTED, key
    assert column(scope, "renewals", "manager", "manager") == [f"Chloé {n}" for n in range(1, 10)]
    assert column(scope, "certified-people", "person", "person") == ["adam", "Émile", "Øystein", "Zoë"]
    found = {
        "elan": ["Élan Conseil"], "ÉLAN": ["Élan Conseil"], "angstrom": ["Ångström Systems"], "orsted": ["ørsted Vind"],
        "ørsted": ["ørsted Vind"], "client": ["Client 9", "Client 10"], "client 9": ["Client 9"], "_": [], "%": [],
    }  # fmt: skip
    for query, names in found.items():
        for key in ("clients", "renewals"):
            assert column(scope, key, "client", "client", query) == names, (key, query)
    assert len(column(scope, "changes-new-sold", "client", "client", "STRASSE")) in {
        0,
        9,
    }  # where deal names are searched
    from api.services import make_token

    token = make_token(scope=scope_of(fresh), name="Reader", role="admin", days=1)[1]
    set_tenant(None)
    answer = client.get("/api/v1/datasets/clients?q=elan", headers={"Authorization": f"Bearer {token}"}).json()
    assert [row["client"] for row in answer["rows"]] == ["Élan Conseil"]
    answer = client.get("/api/v1/datasets/clients?sort=client", headers={"Authorization": f"Bearer {token}"}).json()
    assert [row["client"] for row in answer["rows"]] == EXPECTED
    html = client.get("/tiers/plans/new/?q=strasse").content.decode()
    assert html.count("Große Straße") == 0  # they are won: nothing to plan with, and no error


def scope_of(partner: Any) -> Any:
    user = User.objects.get(email="admin@fresh.example")
    with user_scope(user):
        membership = memberships_of(user)[0]
    membership.user = user
    set_tenant(partner.pk, user.pk)
    return member_scope(membership)
