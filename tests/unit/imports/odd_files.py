"""Files as people have them, one fault each, as CSV and as workbooks: made by script, expectations by hand."""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import partial

from openpyxl import Workbook

PLAIN = {
    "deal_id": "D1", "client_id": "901", "name": "Café", "product_line": "Hub", "kind": "new", "origin": "sourced",
    "stage": "won", "mrr": "100.00", "currency": "EUR", "created_on": "2026-01-05", "closed_on": "2026-02-20",
    "registered": "yes",
}  # fmt: skip


@dataclass(frozen=True)
class Typed:
    """How somebody types in one language."""

    day: str
    moment: str
    named: str
    short: str
    ambiguous: str
    number: str
    money: str
    currency: str
    yes: str
    won: str
    new: str
    country: str
    code: str
    total: str


#: 20 February 2026; 1250.50. The ambiguous day is 3 April or 4 March.
LANGUAGES = {
    "nl": Typed(
        "20-2-2026", "20-2-2026 16:40", "20-feb-2026", "20-02-26", "3-4-2026", "1.250,50", "€ 1.250,50", "EUR",
        "Ja", "Gewonnen", "Nieuw", "Nederland", "NL", "Totaal",
    ),
    "de": Typed(
        "20.02.2026", "20.02.2026 16:40:00", "20. Februar 2026", "20.02.26", "03.04.2026", "1.250,50", "1.250,50 €",
        "EUR", "ja", "GEWONNEN", "Neu", "Deutschland", "DE", "Gesamt",
    ),
    "fr": Typed(
        "20/02/2026", "20/02/2026 16:40", "20 février 2026", "20/02/26", "03/04/2026", "1\u202f250,50",
        "1\u202f250,50 €", "EUR", "oui", "gagné", "nouveau", "Pays-Bas", "NL", "Somme",
    ),
    "en": Typed(
        "2/20/2026", "2/20/2026 4:40 PM", "Feb 20, 2026", "2/20/26", "3/4/2026", "1,250.50", "$1,250.50", "USD",
        "TRUE", "WON", "New", "United States", "US", "Total",
    ),
}  # fmt: skip


@dataclass
class OddFile:
    """A file, what it is read as, and what is said about it.

    values: by our column what the first row gives after the proposals were taken. doubts: columns that have to be answered.
    says: parts of the sentences about its cells, in order. unreadable: the sentence about the whole file.
    """

    name: str
    made: "bytes | Later"
    sheet: str = ""
    kind: str = "deals"
    values: dict[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    unreadable: str = ""
    asks: bool = False
    notices: tuple[str, ...] = ()
    likely_header: int = 0

    @property
    def content(self) -> bytes:
        return self.made if isinstance(self.made, bytes) else self.made()


Later = Callable[[], bytes]  # whoever only collects the tests makes no workbook


def as_csv(rows: list[list[str]], delimiter: str = ";") -> bytes:
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()


def as_workbook(rows: list[list[object]], change: Callable[[Workbook], None] = lambda _book: None) -> Later:
    return partial(_workbook, rows, change)


def _workbook(rows: list[list[object]], change: Callable[[Workbook], None]) -> bytes:
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "deals"
    for row in rows:
        sheet.append(row)
    change(book)
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def calculated(content: Later, values: dict[str, str]) -> Later:
    """A workbook whose cells are formulas that a spreadsheet program calculated: cells with their type and value, as XML."""
    return partial(_calculated, content, values)


def _calculated(content: Later, values: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content())) as before, zipfile.ZipFile(file, "w") as after:
        for name in before.namelist():
            part = before.read(name).decode()
            for cell, typed in values.items() if name == "xl/worksheets/sheet1.xml" else ():
                kind, value = typed.split(":", 1)
                new = rf'<c r="{cell}"\1 t="{kind}"><f>A{cell[1:]}</f><v>{value}</v></c>'
                part, count = re.subn(rf'<c r="{cell}"( s="\d+")?[^>]*>.*?</c>', new, part)
                assert count == 1, cell
            after.writestr(name, part)
    return file.getvalue()


def both(name: str, rows: list[list[str]], **expected: object) -> Iterator[OddFile]:
    yield OddFile(f"{name}.csv", as_csv(rows), **expected)  # type: ignore[arg-type]
    yield OddFile(f"{name}.xlsx", as_workbook(rows), sheet="deals", **expected)  # type: ignore[arg-type, arg-type]


def deals(*changes: dict[str, str]) -> list[list[str]]:
    rows = [list(PLAIN | {"deal_id": f"D{number}"} | change) for number, change in enumerate(changes, 1)]
    values = [list((PLAIN | {"deal_id": f"D{number}"} | change).values()) for number, change in enumerate(changes, 1)]
    return [rows[0], *values]


def typed_files() -> Iterator[OddFile]:
    for language, typed in LANGUAGES.items():
        day = {"closed_on": "2026-02-20"}
        money = {"mrr": "1250.50"}
        yield from both(f"{language}-days", deals({"closed_on": typed.day}), values=day)
        yield from both(f"{language}-moments", deals({"closed_on": typed.moment}), values=day)
        yield from both(f"{language}-month-names", deals({"closed_on": typed.named}), values=day)
        yield from both(f"{language}-short-years", deals({"closed_on": typed.short}), doubts=("century-closed_on",))
        yield from both(f"{language}-ambiguous", deals({"closed_on": typed.ambiguous}), doubts=("dates-closed_on",))
        yield from both(
            f"{language}-proved", deals({"closed_on": typed.day}, {"closed_on": typed.ambiguous}), values=day
        )
        yield from both(f"{language}-numbers", deals({"mrr": typed.number}), values=money)
        yield from both(f"{language}-money", deals({"mrr": typed.money, "currency": typed.currency}), values=money)
        yield from both(
            f"{language}-other-currency",
            deals({"mrr": typed.money, "currency": "GBP"}),
            says=("but the row's currency is GBP",),
        )
        words = {"registered": typed.yes, "stage": typed.won, "kind": typed.new}
        yield from both(f"{language}-words", deals(words), values={"registered": "yes", "stage": "won", "kind": "new"})
        clients = [["client_id", "name", "country", "currency"], ["901", "Café", typed.country, "EUR"]]
        yield from both(f"{language}-countries", clients, kind="clients", values={"country": typed.code})
        title = [["Overzicht 1 juli"], [""], *deals({})]
        yield OddFile(f"{language}-title.csv", as_csv(title), unreadable="", likely_header=3)


def odd_csv() -> Iterator[OddFile]:
    text = as_csv(deals({"name": "Café Zürich"})).decode()
    plain = {"name": "Café Zürich"}
    yield OddFile("cp1252.csv", text.encode("cp1252"), unreadable="the file is not UTF-8 (line 2)", asks=True)
    yield OddFile("utf-16.csv", text.encode("utf-16"), unreadable="the file is UTF-16, not UTF-8", asks=True)
    yield OddFile("utf-16-bare.csv", text.encode("utf-16-le"), unreadable="the file is UTF-16, not UTF-8", asks=True)
    yield OddFile("sep.csv", b"sep=;\r\n" + text.encode(), values=plain, notices=("separator ; found",))
    yield OddFile("two-marks.csv", "\ufeff\ufeff".encode() + text.encode(), values=plain)
    yield OddFile("zero-width-header.csv", text.replace("client_id", "client\u200b_id", 1).encode(), values=plain)
    for name, mark, notice in (("tabs", "\t", "columns separated by tabs"), ("bars", "|", "columns separated by |")):
        yield OddFile(f"{name}.csv", as_csv(deals({}), mark), values={"name": "Café"}, notices=(notice,))
    for name, key, says in (
        ("rounded-point", "4.12346E+11", "an id that a spreadsheet shortened"),
        ("rounded-comma", "4,12346E+11", "an id that a spreadsheet shortened"),
        ("zero-width-key", "9\u200b01", "an invisible character (U+200B) as character number 2"),
        ("mark-in-key", "901\ufeff", "an invisible character (U+FEFF) as character number 4"),
        ("soft-hyphen-key", "90\u00ad1", "an invisible character (U+00AD) as character number 3"),
    ):
        yield from both(name, deals({"client_id": key}), says=(says,))
    for name, amount, value in (
        ("trailing-minus", "900-", "-900"),
        ("brackets", "(900)", "-900"),
        ("apostrophe", "1'250.50", "1250.50"),
        ("nbsp", "1\u00a0250,50", "1250.50"),
        ("round", "1250,-", "1250"),
    ):
        yield OddFile(f"{name}.csv", as_csv(deals({"mrr": amount})), values={"mrr": value})


def odd_workbooks() -> Iterator[OddFile]:
    def hide_row(book: Workbook) -> None:
        book.worksheets[0].row_dimensions[2].hidden = True

    def hide_column(book: Workbook) -> None:
        book.worksheets[0].column_dimensions["C"].hidden = True

    def merge(book: Workbook) -> None:
        book.worksheets[0].merge_cells("D2:D3")

    def protect(book: Workbook) -> None:
        book.worksheets[0].protection.sheet = True

    def formula(book: Workbook) -> None:
        book.worksheets[0]["H2"] = "=1+1"

    def days(book: Workbook) -> None:
        for cell in ("J2", "K2"):
            book.worksheets[0][cell] = date(2026, 2, 20)

    def error_value(book: Workbook) -> None:
        book.worksheets[0]["H2"].value = "#N/A"

    def long_id(book: Workbook) -> None:
        book.worksheets[0]["B2"].value = 163371428940853123

    two = deals({}, {})
    yield OddFile("hidden-row.xlsx", as_workbook(two, hide_row), sheet="deals", notices=("1 hidden row",), asks=True)
    hidden = ("hidden columns are read: name",)
    yield OddFile("hidden-column.xlsx", as_workbook(two, hide_column), sheet="deals", notices=hidden, asks=True)
    merged = "part of the merged cells D2:D3, of which only the first has a value"
    yield OddFile("merged.xlsx", as_workbook(two, merge), sheet="deals", says=(merged,))
    yield OddFile("protected.xlsx", as_workbook(two, protect), sheet="deals", values={"name": "Café"})
    yield OddFile(
        "formula.xlsx", as_workbook(two, formula), sheet="deals", says=("a formula without a calculated value",)
    )
    numbers = calculated(as_workbook(two), {"H2": "n:1250.5", "H3": "n:0.30000000000000004"})
    two_cells = ("2 cells hold formulas: their last calculated values are used",)
    yield OddFile("formulas.xlsx", numbers, sheet="deals", values={"mrr": "1250.5"}, notices=two_cells)
    words = calculated(as_workbook(two), {"G2": "str:won", "L2": "b:1", "C2": "str:Sum &amp; more"})
    read = {"stage": "won", "registered": "yes", "name": "Sum & more"}
    yield OddFile("formulas-of-words.xlsx", words, sheet="deals", values=read, notices=("3 cells hold formulas",))
    looked_up = calculated(as_workbook(two, days), {"J2": "n:46073", "K2": "n:46073"})
    yield OddFile(
        "formulas-of-days.xlsx", looked_up, sheet="deals", values={"closed_on": "2026-02-20"}, notices=two_cells
    )
    failed = calculated(as_workbook(two), {"H2": "e:#N/A", "H3": "e:#REF!"})
    yield OddFile("formulas-that-failed.xlsx", failed, sheet="deals", says=("an error value", "an error value"))
    unused = calculated(as_workbook([[*two[0], "note"], [*two[1], "x"]]), {"M2": "n:1"})
    yield OddFile("formula-of-an-unused-column.xlsx", unused, sheet="deals", notices=())
    empty = calculated(as_workbook([*two, ["x", "x"]]), {"A4": "str:", "B4": "str:"})
    yield OddFile("formulas-filled-down.xlsx", empty, sheet="deals", values={"name": "Café"}, notices=())
    yield OddFile("error-value.xlsx", as_workbook(two, error_value), sheet="deals", says=("an error value",))
    digits = "an id of more than 15 digits in a number cell"
    yield OddFile("long-id.xlsx", as_workbook(two, long_id), sheet="deals", says=(digits,))
    title = [["Omzet"], [], *deals({})]
    yield OddFile("title.xlsx", as_workbook(title), sheet="deals", likely_header=3)


def odd_files() -> list[OddFile]:
    return [*typed_files(), *odd_csv(), *odd_workbooks()]
