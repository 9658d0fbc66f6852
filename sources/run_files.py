"""Files of a run while it reads: one for each table, in a folder that the connection's next run removes."""

import csv
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from django.conf import settings

from sources.source import TableSpec


def run_folder(connection_id: int) -> Path:
    """The folder for the files of the connection's run."""
    return Path(settings.PORTAL_VAR) / "work" / "sources" / str(connection_id)


def clean_folder(connection_id: int) -> Path:
    """An empty folder for the connection's run, private to the portal's user. Needs the connection's lock."""
    folder = run_folder(connection_id)
    remove_folder(connection_id)
    folder.mkdir(parents=True, mode=0o700)
    return folder


def remove_folder(connection_id: int) -> None:
    """Remove the files of the connection's run, and of runs before that were killed."""
    shutil.rmtree(run_folder(connection_id), ignore_errors=True)


class TableFile:
    """Writes a table's rows as CSV with the vendor's names as header, or takes whole files."""

    def __init__(self, folder: Path, spec: TableSpec) -> None:
        self.folder = folder
        self.spec = spec
        self.path = folder / f"{spec.name}.csv"
        self.files: list[tuple[Path, str]] = []  #: of whole files, with the names that they came with
        self.rows = 0
        self._file = self.path.open("w", encoding="utf-8", newline="")
        self._names = frozenset(spec.header)
        self._writer = csv.writer(self._file, lineterminator="\n")
        self._writer.writerow(spec.header)

    def row(self, values: Mapping[str, str | None]) -> None:
        """Write a row. Raises KeyError for a name that the header does not have."""
        if unknown := values.keys() - self._names:
            raise KeyError(min(unknown))
        self._writer.writerow([(values.get(name) or "").replace("\0", "") for name in self.spec.header])
        self.rows += 1

    def file(self, name: str, content: IO[bytes]) -> None:
        """Copy a file of the vendor's."""
        path = self.folder / f"{self.spec.name}-{len(self.files)}"
        with path.open("wb") as target:
            shutil.copyfileobj(content, target)
        self.files.append((path, name))

    def digest(self) -> str:
        """Digest of the rows and files."""
        whole = hashlib.sha256()
        for path in (self.path, *(path for path, _name in self.files)):
            with path.open("rb") as file:
                whole.update(hashlib.file_digest(file, "sha256").digest())
        return whole.hexdigest()

    def close(self) -> None:
        """End the file."""
        self._file.close()
