"""Workbook part and relationships: which sheets there are, and where their rows lie."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from imports.xlsx.archive import Archive, WorkbookError
from imports.xlsx.cell_text import date_styles
from imports.xlsx.shared_strings import SharedStrings
from imports.xlsx.sheet import Row, SheetReader
from imports.xlsx.xml_tokens import Attributes, scan

MOST_SHEETS = 200
_MOST_NAME = 255  # characters of a sheet's name
_SMALL_PART = 4 << 20  # bytes of the workbook part and of relationships
_STYLES_PART = 16 << 20


class Workbook:
    """The sheets of an archive by name. Raises WorkbookError."""

    def __init__(self, archive: Archive, most_unpacked: int) -> None:
        self._archive = archive
        self._most = most_unpacked
        self._path = _workbook_path(archive)
        self._targets = dict(_relationships(archive, _relationships_path(self._path), self._path))
        part = _BookPart()
        scan(archive.chunks(self._path, _SMALL_PART), part.start)
        if not part.sheets:
            raise WorkbookError("not_a_workbook")
        self.epoch = datetime(1904, 1, 1) if part.from_1904 else datetime(1899, 12, 30)  # noqa: DTZ001
        self.sheets = part.sheets
        self.hidden_sheets = part.hidden
        self._strings: SharedStrings | None = None
        self._styles: list[str] | None = None

    def reader(self, sheet: str, header_row: int = 1) -> "tuple[SheetReader, Iterator[Row]]":
        """A reader and its rows from the header on, an empty one when the header's row is blank.

        header_row: 0 to read all rows, the header not known.
        """
        target = self._targets.get(self.sheets.get(sheet, ""), ("", ""))[1]
        if target.lower() not in self._archive.parts:
            raise WorkbookError("no_sheet", sheet=sheet)
        if self._strings is None:
            self._strings = SharedStrings(self._chunks_of("/sharedStrings", max(self._most // 2, 1)))
            self._styles = date_styles(self._chunks_of("/styles", _STYLES_PART))
        reader = SheetReader(sheet, self._strings, self._styles or [], self.epoch, header_row)
        return reader, reader.rows(self._archive.chunks(target, self._most))

    def _chunks_of(self, kind: str, most: int) -> Iterable[bytes]:
        for relation, target in self._targets.values():
            if relation.endswith(kind):
                if target.lower() not in self._archive.parts:
                    raise WorkbookError("damaged")
                return self._archive.chunks(target, most)
        return ()


def _workbook_path(archive: Archive) -> str:
    if "_rels/.rels" in archive.parts:
        for relation, target in dict(_relationships(archive, "_rels/.rels", "")).values():
            if relation.endswith("/officeDocument"):
                if not target.lower().endswith(".xml") or target.lower() not in archive.parts:
                    break
                return target
    if "xl/workbook.xml" not in archive.parts:
        raise WorkbookError("not_a_workbook")
    return "xl/workbook.xml"


def _relationships_path(path: str) -> str:
    folder, _slash, name = path.rpartition("/")
    return f"{folder}/_rels/{name}.rels".lstrip("/")


def _relationships(archive: Archive, path: str, source: str) -> list[tuple[str, tuple[str, str]]]:
    """Id, type and path of every part that the part `source` refers to; `path` is that of its relationships."""
    relationships: list[tuple[str, tuple[str, str]]] = []
    folder = source.rpartition("/")[0]

    def start(depth: int, name: str, attributes: Attributes) -> None:
        if depth == 2 and name == "Relationship" and attributes.get("TargetMode") != "External":
            relationships.append(
                (
                    attributes.get("Id", ""),
                    (attributes.get("Type", ""), _resolved(folder, attributes.get("Target", ""))),
                )
            )

    scan(archive.chunks(path, _SMALL_PART), start)
    return relationships


def _resolved(folder: str, target: str) -> str:
    target = target.replace("\\", "/")
    if target.startswith("/"):
        return target.lstrip("/")
    steps: list[str] = []
    for step in f"{folder}/{target}".split("/"):
        if step == "..":
            del steps[-1:]
        elif step not in ("", "."):
            steps.append(step)
    return "/".join(steps)


class _BookPart:
    """Handler of the workbook part: the relationship of every sheet by name, hidden ones, and whether days count from 1904."""

    def __init__(self) -> None:
        self.sheets: dict[str, str] = {}
        self.hidden: list[str] = []
        self.from_1904 = False

    def start(self, depth: int, name: str, attributes: Attributes) -> None:
        if depth == 2 and name == "workbookPr":
            self.from_1904 = attributes.get("date1904", "0") in ("1", "true", "on")
        elif depth == 3 and name == "sheet":
            sheet = attributes.get("name", "")
            if not sheet or len(sheet) > _MOST_NAME or sheet in self.sheets:
                raise WorkbookError("damaged")
            relation = next((value for key, value in attributes.items() if key.endswith(":id")), "")
            self.sheets[sheet] = relation
            if attributes.get("state", "visible") != "visible":
                self.hidden.append(sheet)
            if len(self.sheets) > MOST_SHEETS:
                raise WorkbookError("too_many_sheets", most=MOST_SHEETS)
