"""Lists as they stand in a sentence, in the reader's language."""

from collections.abc import Sequence

from django.utils.translation import gettext as _


def listed(parts: Sequence[str]) -> str:
    """Join parts as a sentence lists them: `a`, `a and b`, `a, b and c`."""
    if len(parts) < 2:
        return "".join(parts)
    return _("%(first)s and %(last)s") % {"first": ", ".join(parts[:-1]), "last": parts[-1]}
