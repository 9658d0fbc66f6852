"""Caches what queries answer and how pages show it, by the partner's generation and the revision of the programme's rules."""

from collections.abc import Callable, Hashable
from functools import partial, wraps
from typing import Concatenate

from django.http import HttpRequest
from django.template import Context, Engine
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from accounts.scope import Scope
from partner_portal.lib.caching import arguments_of, cached
from program.glossary import TERMS, Term
from program.queries import revision

HTML_SECONDS = 3600  # a page is asked for in many variants, and most of them once

_keys: set[str] = set()


def cached_answer[T](scope: Scope, key: tuple[Hashable, ...], compute: Callable[[], T]) -> T:
    """`compute()`, or what it gave before, as `cached_by_generation` does; for `lib.rows.datasets`, which cannot know the rules."""
    return cached(scope, ("rows", *key), compute, revision=revision(scope))


def cached_html(scope: Scope, key: tuple[Hashable, ...], render: Callable[[], str]) -> SafeString:
    """`render()`, or what it gave before: HTML of a part of a page that shows nothing of its reader. It must be safe.

    key: names the part and everything it depends on besides facts, entries, settings, rules, code, day, rights and language,
    which are added here.
    """
    return mark_safe(_cached_html(scope, key, lambda: str(render())))  # noqa: S308 -- as `render` gave it


def cached_part(
    request: HttpRequest,
    scope: Scope,
    key: tuple[Hashable, ...],
    template: str,
    context: Callable[[], dict[str, object]],
) -> SafeString:
    """The template with `context()`, or what it gave before, as `cached_html`.

    It is rendered without the request, so it cannot show more than the context names. The terms that it explains join those of
    the page, as if the page had been rendered in one.
    """
    target = request.headers.get("HX-Target", "")
    path = request.get_full_path() if target else ""

    def render() -> tuple[str, tuple[str, ...]]:
        without_reader = _WithoutReader(target, path)
        html = Engine.get_default().get_template(template).render(_PartContext(context(), without_reader))
        return str(html), tuple(term for term in without_reader.terms if isinstance(term, str))

    html, terms = _cached_html(scope, (template, target, path, *key), render)
    vars(request).setdefault("terms", {}).update({term: TERMS[term] for term in terms})
    return mark_safe(html)  # noqa: S308 -- what the template gave


class _WithoutReader:
    """What `{% term %}` needs of a request."""

    def __init__(self, target: str, path: str) -> None:
        self.headers = {"HX-Target": target}
        self.terms: dict[Hashable, Term] = {}
        self._path = path

    def get_full_path(self) -> str:
        """The address of the part that htmx asks for."""
        return self._path


class _PartContext(Context):
    def __init__(self, values: dict[str, object], request: _WithoutReader) -> None:
        super().__init__(values)
        self.request = request


def _cached_html[T](scope: Scope, key: tuple[Hashable, ...], render: Callable[[], T]) -> T:
    parts = ("html", get_language(), *sorted(scope.permissions), *key)
    return cached(scope, parts, render, revision=revision(scope), seconds=HTML_SECONDS)


def cached_by_generation[**P, T](
    key: str,
) -> Callable[[Callable[Concatenate[Scope, P], T]], Callable[Concatenate[Scope, P], T]]:
    """Decorate a query so that its answer is read from the cache until the partner's facts, entries or settings, the rules, the
    code or the day change (`partner_portal.lib.caching`).

    key: names the query. The other arguments are part of the cache key by their `repr`: days, texts, numbers, periods.
    An answer that depends on the reader's rights or language must not be cached. Never call it while facts are written.
    Raises ValueError when another query has that name.
    """
    if key in _keys:
        raise ValueError(f"two queries are cached as {key}")
    _keys.add(key)

    def decorate(query: Callable[Concatenate[Scope, P], T]) -> Callable[Concatenate[Scope, P], T]:
        @wraps(query)
        def answer(scope: Scope, /, *args: P.args, **kwargs: P.kwargs) -> T:
            make = partial(query, scope, *args, **kwargs)
            return cached(scope, (key, *arguments_of(query, scope, *args, **kwargs)), make, revision=revision(scope))

        return answer

    return decorate
