"""Text that stays on one line wherever it is printed: names that people give things, in forms and in plain-text mails."""

import unicodedata
from typing import Any

from django import forms

NUL = "\0"


def one_line(text: object) -> str:
    """Fold line breaks and runs of white space to single spaces, and drop control characters."""
    folded = " ".join(str(text).split())
    return "".join(sign for sign in folded if unicodedata.category(sign) != "Cc").strip()


class OneLineField(forms.CharField):
    """A text of one line: breaks become spaces and control characters go, before its length is checked. NUL is refused."""

    def to_python(self, value: Any) -> Any:
        text = super().to_python(value)
        if not isinstance(text, str) or NUL in text:  # a validator of every CharField refuses NUL
            return text
        return one_line(text) or self.empty_value
