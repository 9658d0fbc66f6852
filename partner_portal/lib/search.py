"""The registry of what the portal's search goes through. An app declares its sources in `search_sources.py`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.db.models import Case, Model, Q, QuerySet, Value, When

from partner_portal.lib.collation import search_expression, search_key
from partner_portal.lib.rows.datasets import Label
from partner_portal.lib.scope import OfScope, Scope

LONGEST = 200  # characters of a search that count
MOST_WORDS = 8


@dataclass(frozen=True)
class SearchText:
    """What somebody typed."""

    text: str

    @classmethod
    def of(cls, typed: str) -> "SearchText":
        """The search for what a form or an address holds."""
        return cls(" ".join(typed.replace("\0", "")[:LONGEST].split()))

    @cached_property
    def key(self) -> str:
        """All of it as names are compared: small letters without accents."""
        return search_key(self.text)

    @cached_property
    def words(self) -> tuple[str, ...]:
        """The words that must all occur, as names are compared."""
        return tuple(self.key.split()[:MOST_WORDS])

    def matches(self, *texts: object) -> bool:
        """Whether each word occurs in one of the texts."""
        keys = [search_key(str(text)) for text in texts]
        return all(any(word in key for key in keys) for word in self.words)

    def filter[M: Model](self, rows: QuerySet[M], name: str, *others: str) -> QuerySet[M]:
        """The rows with each word in one of the fields, in the order of `best_first`."""
        every = Q()
        for word in self.words:
            some = Q()
            for number in range(1 + len(others)):
                some |= Q(**{f"search_{number}__contains": word})
            every &= some
        return self.best_first(rows, name, *others).filter(every)

    def best_first[M: Model](self, rows: QuerySet[M], name: str, *others: str) -> QuerySet[M]:
        """Rows that `filter` found: exact matches first, then names that start with the text.

        name: the field that the rest is sorted by, as it is compared.
        """
        keys = {
            f"search_{number}": search_expression(rows.model, field) for number, field in enumerate((name, *others))
        }
        exact = Q()
        for alias in keys:
            exact |= Q(**{alias: self.key})
        rank = Case(When(exact, then=Value(0)), When(search_0__startswith=self.key, then=Value(1)), default=Value(2))
        ordered: QuerySet[M] = rows.alias(**keys).order_by(rank, "search_0", "pk")
        return ordered


@dataclass(frozen=True, slots=True)
class Hit:
    """One row that a search leads to."""

    label: str
    address: str
    #: What tells it from others of the same name; "" for nothing.
    detail: str = ""


@dataclass(frozen=True, slots=True)
class SearchSource:
    """One kind of thing that people can search for."""

    #: Unique among the sources.
    key: str
    title: Label
    #: Its place among the sources, from the top.
    position: int
    #: Who may see hits of it at all.
    permission: str
    #: The best hits, at most as many as the number says.
    hits: OfScope[[SearchText, int], Sequence[Hit]]
    #: The address of a page with every hit; None when there is none.
    all_hits: Callable[[SearchText], str] | None = None


@dataclass(frozen=True, slots=True)
class HitGroup:
    """The hits of one source."""

    source: SearchSource
    hits: Sequence[Hit]
    #: Whether there are more than these.
    more: bool
    #: The address of a page with every hit, "" where none is needed or none exists.
    all_hits: str


_registry: dict[str, SearchSource] = {}


def register(source: SearchSource) -> None:
    """Register a source. Raises ValueError when its key is taken."""
    if source.key in _registry:
        raise ValueError(f"two sources of the search are called {source.key}")
    _registry[source.key] = source


def search(scope: Scope, wanted: SearchText, most: int) -> list[HitGroup]:
    """The hits of every source that the scope may see, at most `most` of each; sources without any are left out."""
    groups = []
    for source in sorted(_registry.values(), key=lambda source: source.position):
        if not wanted.words or not scope.may(source.permission):
            continue
        hits = source.hits(scope, wanted, most + 1)
        if hits:
            more = len(hits) > most
            address = source.all_hits(wanted) if more and source.all_hits else ""
            groups.append(HitGroup(source, hits[:most], more, address))
    return groups
