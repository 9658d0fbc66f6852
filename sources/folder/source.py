"""A watched folder: a source for systems that can only deliver files, in the formats of an import.

The operator sets a folder (`WATCHED_FOLDERS`); a partner's connections read folders below its own part of it, which has the
partner's short name. A run takes the files that are new or changed; the folder itself is never written to.
"""

import hashlib
import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path

from django.conf import settings as django_settings
from django.utils.translation import gettext_lazy as _

from imports.pipeline import ENDINGS, ending_of
from partner_portal.lib.rows.facts import kinds
from sources.source import (
    Access,
    Account,
    AnswerInvalid,
    Field,
    PlaceMissing,
    Question,
    RowWriter,
    Seen,
    Settings,
    Step,
    TableSpec,
    Window,
)

SECONDS_QUIET = 5  # a file that was written to more recently may not be complete yet
MOST_FILES = 50
TABLE = "files"
_DIGITS = re.compile(r"[\d\s._-]+")


class FolderSource:
    """Reads files out of a folder."""

    key = "folder"
    label = _("Watched folder")
    needs_token = False
    needs_place = True

    @property
    def kinds(self) -> tuple[str, ...]:
        """Every kind that can be imported."""
        return tuple(kind.key for kind in kinds())

    def test(self, access: Access) -> Account:
        """The folder, by its name below the partner's part. Raises PlaceMissing."""
        folder_of(access)
        return Account(id=access.place, name=access.place)

    def fields(self, access: Access, table: str) -> list[Field]:
        """None: files are mapped by their headers."""
        return []

    def questions(self, account: Account, fields: Mapping[str, Sequence[Field]]) -> list[Question]:
        """None: what a file leaves open is asked where it is imported."""
        return []

    def tables(self, settings: Settings) -> tuple[TableSpec, ...]:
        """The files, as one table: the import recognises their kinds."""
        return (TableSpec(TABLE),)

    @contextmanager
    def reading(self, access: Access, settings: Settings, files: Mapping[str, str]) -> Iterator["FolderReading"]:
        """Open the folder. Raises PlaceMissing."""
        yield FolderReading(folder_of(access), files)


class FolderReading:
    """A reading session of one run over a folder."""

    calls = 0

    def __init__(self, folder: Path, taken: Mapping[str, str]) -> None:
        self.folder = folder
        self.taken = taken

    def read(
        self, table: TableSpec, window: Window | None, known: Collection[str], into: RowWriter, step: Step
    ) -> Seen:
        """Read the oldest new files: of several whose names differ only in a date or number, one a run.

        Later files then win, as if each had been imported when it arrived.
        """
        new = self._new_files()
        chosen = [path for _name, of_name in groupby(sorted(new, key=_series), key=_series)
                  for path in [min(of_name, key=_age)]][:MOST_FILES]  # fmt: skip
        taken = {}
        for done, path in enumerate(chosen):
            step(TABLE, done, len(chosen))
            with path.open("rb") as file:
                into.file(path.name, file)
            taken[path.name] = self.digests[path]
        return Seen(rows=0, whole=True, files=taken, more=len(new) > len(chosen))

    def _new_files(self) -> list[Path]:
        self.digests: dict[Path, str] = {}
        for path in sorted(self.folder.iterdir()):
            if path.name.startswith((".", "~")) or ending_of(path.name) not in ENDINGS:
                continue
            if path.is_symlink() or not path.is_file() or time.time() - path.stat().st_mtime < SECONDS_QUIET:
                continue
            if path.stat().st_size > django_settings.IMPORT_MAX_BYTES:
                raise AnswerInvalid("large")
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if self.taken.get(path.name) != digest:
                self.digests[path] = digest
        return list(self.digests)


def folder_of(access: Access) -> Path:
    """The folder of a connection. Raises PlaceMissing when it does not exist, or lies outside the partner's part."""
    root = django_settings.WATCHED_FOLDERS
    if not root:
        raise PlaceMissing(access.place)
    own = (Path(root) / access.partner).resolve()
    folder = (own / access.place).resolve()
    if not folder.is_relative_to(own) or not folder.is_dir():
        raise PlaceMissing(access.place)
    return folder


def _series(path: Path) -> str:
    return _DIGITS.sub("", path.stem).casefold() + ending_of(path.name)


def _age(path: Path) -> tuple[float, str]:
    return path.stat().st_mtime, path.name
