"""Stored definitions of selections: parameters as in an address and columns in order, written and reopened."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypedDict

from django.http import QueryDict
from django.utils.text import slugify
from django.utils.translation import gettext as _

from accounts.scope import Scope
from partner_portal.formats.days import day_text
from partner_portal.lib.dates.periods import Period
from partner_portal.lib.rows.datasets import Selection, find, select


class ReportAppearance(TypedDict, total=False):
    """Name, presentation and visibility of a report: the fields of a report that a form sets."""

    name: str
    description: str
    comparison: str
    chart: str
    shared: bool
    pinned: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A stored definition as it opens today."""

    selection: Selection[Scope]
    notices: tuple[str, ...]  # sentences about what no longer exists


def params_of(selection: Selection, *, fixed: bool = False) -> dict[str, str]:
    """The selection's parameters. fixed: write a moving range as its days of now."""
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
    """Reopen a stored definition under this scope.

    Raises KeyError when the dataset no longer exists and PermissionDenied when the scope may not see it. Anything else that
    no longer exists (a column, a list, a choice) is left out and named in `notices`.
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
    """The period of the rows; None when the dataset has no range."""
    period = selection.params.get("period")
    return period if isinstance(period, Period) else None


def period_text(period: Period | None) -> str:
    """`25 Oct 2026 to 23 Nov 2026, both days included`, or "" without a range."""
    if period is None:
        return ""
    first, last = (day_text(day) for day in (period.first, period.last))
    return _("%(first)s to %(last)s, both days included") % {"first": first, "last": last}


def suggested_name(selection: Selection, at: datetime) -> str:
    """A file name such as `lost-sold-points_2026-10-25_2026-11-23_20261123-0914`. at: in the partner's time zone."""
    period = period_of(selection)
    parts = [slug(str(selection.dataset.title))]
    if period:
        parts += [period.first.isoformat(), period.last.isoformat()]
    return "_".join([*parts, f"{at:%Y%m%d-%H%M}"])


def slug(text: str) -> str:
    """The text as part of a file name: ASCII letters, digits, hyphens, underscores; `export` when nothing is left."""
    return slugify(text)[:60] or "export"


def clean_file_name(text: str) -> str:
    """A typed file name without a path, one of our extensions, or characters that file systems reject."""
    name = re.sub(r"\.(xlsx|csv|zip)$", "", text.strip(), flags=re.IGNORECASE)
    name = "".join(char for char in name if unicodedata.category(char)[0] != "C")
    return re.sub(r'[/\\:*?"<>|]+', "-", name).strip(" .-")[:150]
