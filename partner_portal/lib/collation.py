"""Keys by which names are sorted and searched: without regard to accents and capitals, and with numbers in their order.

The database makes the same keys with the functions `portal_search_key` and `portal_sort_key` (migration `clients.0005`), since
neither the embedded server nor every partner's own has ICU collations. A change here needs a migration that replaces them.
A model stores the keys of a field that lists are sorted by in generated columns beside it, `<field>_sort_key` and
`<field>_search_key`; `sort_expression` and `search_expression` use those where they exist.
"""

import re
import unicodedata
from functools import lru_cache

from django.core.exceptions import FieldDoesNotExist
from django.db.models import CharField, F, Func, Model, TextField
from django.db.models.expressions import Combinable

LONGEST_SORT_KEY = 200  # characters: an index row holds no more of every script
_DIGITS = 20  # numbers of more digits compare as text
_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
# Letters that Unicode does not take apart into a plain letter and a mark, and the punctuation that people type instead.
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t", "ŋ": "n", "æ": "ae", "œ": "oe", "þ": "th"}
    | dict.fromkeys("‘’‚‛ʼ", "'")
    | dict.fromkeys("“”„‟«»", '"')
    | dict.fromkeys("‐‑‒–—―−", "-")
)
_NUMBER = re.compile("[0-9]+")


@lru_cache(maxsize=20_000)
def search_key(text: str) -> str:
    """The text in small letters without accents: what a search for it, or for a part of it, is compared with."""
    if text.isascii():
        return text.lower()
    plain = _MARKS.sub("", unicodedata.normalize("NFKD", text))
    return plain.casefold().translate(_LETTERS)


@lru_cache(maxsize=20_000)
def sort_key(text: str) -> str:
    """What a name is sorted by, by code point: its search key with numbers padded, so that 9 comes before 10."""
    padded = _NUMBER.sub(lambda number: number[0].lstrip("0").zfill(_DIGITS), search_key(text))
    return padded[:LONGEST_SORT_KEY]


class SearchKey(Func):
    """`search_key` of an expression, in the database."""

    function = "portal_search_key"
    arity = 1
    output_field = TextField()


class SortKey(Func):
    """`sort_key` of an expression, in the database."""

    function = "portal_sort_key"
    template = '(%(function)s(%(expressions)s) COLLATE "C")'
    arity = 1
    output_field = CharField()


def sort_expression(model: type[Model], source: str | Combinable) -> Combinable:
    """What orders rows of the model by the name at `source`, a field path or an expression."""
    return F(stored) if (stored := _stored(model, source, "sort_key")) else SortKey(source)


def search_expression(model: type[Model], source: str | Combinable) -> Combinable:
    """What a search in `source` compares with `search_key` of what was typed."""
    return F(stored) if (stored := _stored(model, source, "search_key")) else SearchKey(source)


def _stored(model: type[Model], source: str | Combinable, suffix: str) -> str:
    """The path of the generated column beside a field; "" where the model has none."""
    path = getattr(source, "name", "") if isinstance(source, F) else source
    if not isinstance(path, str):
        return ""
    *relations, name = path.split("__")
    try:
        for relation in relations:
            related = model._meta.get_field(relation).related_model
            if not isinstance(related, type):
                return ""
            model = related
        model._meta.get_field(f"{name}_{suffix}")
    except FieldDoesNotExist:
        return ""
    return f"{path}_{suffix}"
