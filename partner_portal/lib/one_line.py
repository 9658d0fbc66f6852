"""Text that stays on one line wherever it is printed: names that people give things, in forms and in plain-text mails."""

import unicodedata
from typing import Any

from django import forms

# Marks that turn the direction of what follows them; a name with one can disguise the rest of its line.
BIDIRECTIONAL = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def one_line(text: object) -> str:
    """Fold line breaks and runs of white space to single spaces, and drop control characters."""
    folded = " ".join(str(text).split())
    return "".join(sign for sign in folded if unicodedata.category(sign) != "Cc" and sign not in BIDIRECTIONAL).strip()


class OneLineField(forms.CharField):
    """A text of one line. Line breaks become spaces before its length is checked; nothing visible is required to remain."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        return one_line(text) or self.empty_value if isinstance(text, str) else text
