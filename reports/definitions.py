"""Between what somebody looks at and what is stored of it: parameters as an address has them, and columns in order."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts.scope import Scope
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rows.datasets import Selection, find, select


@dataclass(frozen=True, slots=True)
class Opened:
    """A stored definition as it opens today; `notices` say what no longer exists."""

    selection: Selection[Scope]
    notices: tuple[str, ...]


def params_of(selection: Selection, *, fixed: bool = False) -> dict[str, str]:
    """The selection's parameters; `fixed` writes a moving range as the days it stands for now."""
    params = {name: str(value) for name, value in QueryDict(selection.address()).items()}
    chosen = selection.form.chosen
    if fixed and chosen is not None and chosen.preset:
        params.pop(f"{chosen.prefix}range", None)
        params |= {
            f"{chosen.prefix}from": chosen.period.first.isoformat(),
            f"{chosen.prefix}to": chosen.period.last.isoformat(),
        }
    return params


def column_names(selection: Selection) -> list[str]:
    """The names of the selection's columns, in order."""
    return [column.name for column in selection.columns]


def reopen(scope: Scope, dataset: str, params: Mapping[str, str], columns: Sequence[str] = ()) -> Opened:
    """The selection that a definition stands for now, under this scope.

    Raises KeyError when there is no such dataset any more and PermissionDenied when the scope may not see it. Everything
    else that has gone (a column, a list, a choice) leaves the rest as it was and is named in `notices`.
    """
    selection = select(find(dataset), scope, params)
    notices = list(selection.problems)
    known = {column.name for column in selection.dataset.columns}
    gone = [name for name in columns if name not in known]
    if gone:
        notices.append(_("These columns no longer exist: %(names)s.") % {"names": ", ".join(gone)})
    if columns:
        selection = selection.with_columns(columns)
    return Opened(replace(selection, problems=()), tuple(notices))


def period_of(selection: Selection) -> Period | None:
    """The days the rows are of, where the dataset has a range."""
    period = selection.params.get("period")
    return period if isinstance(period, Period) else None


def period_text(period: Period | None) -> str:
    """`25 Oct 2026 to 23 Nov 2026, both days included`, or "" without a range."""
    if period is None:
        return ""
    first, last = (date_format(day, "j M Y") for day in (period.first, period.last))
    return _("%(first)s to %(last)s, both days included") % {"first": first, "last": last}


def sorting_text(selection: Selection) -> str:
    """Which column the rows are sorted by, and which way."""
    column = selection.dataset.column(selection.sort.lstrip("-"))
    way = _("falling") if selection.sort.startswith("-") else _("rising")
    return f"{column.label}, {way}"


def suggested_name(selection: Selection, at: datetime) -> str:
    """`lost-sold-points_2026-10-25_2026-11-23_20261123-0914`; `at` is in the partner's zone."""
    period = period_of(selection)
    parts = [slug(str(selection.dataset.title))]
    if period:
        parts += [period.first.isoformat(), period.last.isoformat()]
    return "_".join([*parts, f"{at:%Y%m%d-%H%M}"])


def slug(text: str) -> str:
    """The text as a part of a file name: ASCII letters, digits, hyphens and underscores; `export` when none is left."""
    return slugify(text)[:60] or "export"


def clean_file_name(text: str) -> str:
    """What somebody typed as a file's name, without a path, an ending of ours, or anything a file system refuses."""
    name = re.sub(r"\.(xlsx|csv|zip)$", "", text.strip(), flags=re.IGNORECASE)
    name = "".join(sign for sign in name if unicodedata.category(sign)[0] != "C")
    return re.sub(r'[/\\:*?"<>|]+', "-", name).strip(" .-")[:150]
