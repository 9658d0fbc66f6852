"""Spellings of free text that serves as a key: which of them mean the same, and which one is shown (docs/points.md 13)."""

import unicodedata
from collections.abc import Iterable


def spelling_key(text: str) -> str:
    """What spellings of the same name have in common: NFKC, case folded, trimmed, runs of white space joined."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    # Folding can undo the normal form, as in "ᾳ" with a further mark.
    return " ".join(unicodedata.normalize("NFKC", folded).split())


class Spellings:
    """The spelling that is shown of each name: the one that came first."""

    def __init__(self, known: Iterable[tuple[str, str]] = ()) -> None:
        """known: spelling keys with the spelling that is shown."""
        self._shown = dict(known)

    def shown(self, text: str) -> str:
        """The spelling to store in place of `text`, which becomes the shown one of a name that is new; "" for no name."""
        key = spelling_key(text)
        return self._shown.setdefault(key, text) if key else ""
