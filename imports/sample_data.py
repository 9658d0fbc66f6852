"""Sample data: the files of the demo partner, imported to look around and undone to start afresh.

It is an import like any other. While it is in force, the partner's row names it, so that pages can say so without a query.
"""

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.models import Partner
from accounts.scope import Scope
from imports.models import BatchStatus, ImportBatch

FOLDER = settings.BASE_DIR / "demo" / "northwind"


def paths() -> list[Path]:
    """The files, by name."""
    return sorted(FOLDER.glob("*.csv"))


def uploads() -> list[SimpleUploadedFile]:
    """The files, as if somebody had uploaded them."""
    return [SimpleUploadedFile(path.name, path.read_bytes(), "text/csv") for path in paths()]


def may_start(scope: Scope) -> bool:
    """Whether the partner has no data of its own: no written import but undone ones and undos. One query."""
    if scope.partner.sample_import is not None:
        return False
    written = ImportBatch.objects.filter(partner=scope.partner, status=BatchStatus.COMMITTED)
    undone = set(written.filter(undoes__isnull=False).values_list("undoes_id", flat=True))
    return not written.filter(undoes=None).exclude(pk__in=undone).exists()


def note_written(scope: Scope, batch: ImportBatch) -> None:
    """Store with the partner whether a written batch brought the sample data, took it away, or brought it back."""
    target = batch.undoes
    if target is None:
        current = batch.pk if _is_sample(batch) else scope.partner.sample_import
    elif target.pk == scope.partner.sample_import:
        current = None
    elif target.undoes is not None and _is_sample(target.undoes):
        current = target.undoes.pk
    else:
        return
    if current != scope.partner.sample_import:
        Partner.objects.filter(pk=scope.partner.pk).update(sample_import=current)
        scope.partner.sample_import = current


def _is_sample(batch: ImportBatch) -> bool:
    """Whether somebody imported the sample data in the browser; what a command imports is meant to stay."""
    return batch.user_id is not None and dict(batch.files.values_list("name", "sha256")) == _digests()


@cache
def _digests() -> Mapping[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths()}
