"""Reading files into tables of texts: row numbers, separators, encodings, typed cells, and what cannot be read."""

import io
import zipfile
from datetime import date, datetime, time
from typing import Any

import pytest
from openpyxl import Workbook

from imports import workbooks
from imports.reading import read_headers, read_table, workbook_contents
from imports.tables import Problem, Table, UnreadableFile


def csv_table(text: str | bytes) -> Table:
    return read_table(io.BytesIO(text.encode() if isinstance(text, str) else text), "")


def rows_of(table: Table) -> dict[int, list[str]]:
    return {number: list(row) for number, row in zip(table.rows.index, table.rows.itertuples(index=False), strict=True)}


def workbook(*rows: list[Any], title: str = "deals") -> io.BytesIO:
    book = Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    return saved(book)


def saved(book: Workbook) -> io.BytesIO:
    file = io.BytesIO()
    book.save(file)
    file.seek(0)
    return file


class TestCsv:
    def test_rows_are_numbered_from_the_header_and_blank_ones_skipped(self) -> None:
        table = csv_table('a,b\r\n1,2\r\n\r\n,\r\n  ,\t\r\n3,4\r\n"x\r\ny\n\nz",5\r\n6,7\r\n')
        assert rows_of(table) == {2: ["1", "2"], 6: ["3", "4"], 7: ["x\r\ny\n\nz", "5"], 8: ["6", "7"]}
        assert table.header == ["a", "b"]
        assert table.problems == []

    @pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
    @pytest.mark.parametrize(("separator", "notices"), [(",", []), (";", ["separator ; found"])])
    def test_mark_and_separator(self, mark: bytes, separator: str, notices: list[str]) -> None:
        table = csv_table(mark + f"a{separator}b\n1{separator}Zoë\n".encode())
        assert table.header == ["a", "b"]
        assert rows_of(table) == {2: ["1", "Zoë"]}
        assert table.notices == notices

    def test_separator_of_a_header_with_quotes(self) -> None:
        assert csv_table('"a,b,c";d\n1;2\n').header == ["a,b,c", "d"]

    def test_cells_are_trimmed_and_nothing_else(self) -> None:
        table = csv_table(" a , b \n  NA ,\u00a0NULL\t\n=1+1,\"  'x' \"\nnan,-\n")
        assert rows_of(table) == {2: ["NA", "NULL"], 3: ["=1+1", "'x'"], 4: ["nan", "-"]}

    def test_old_mac_line_ends(self) -> None:
        assert rows_of(csv_table("a,b\r1,2\r3,4\r")) == {2: ["1", "2"], 3: ["3", "4"]}

    def test_short_rows_are_filled_and_empty_cells_beyond_the_header_dropped(self) -> None:
        table = csv_table("a,b,c\n1\n1,2,3,,\n")
        assert rows_of(table) == {2: ["1", "", ""], 3: ["1", "2", "3"]}
        assert table.problems == []

    def test_a_row_with_more_cells_than_the_header(self) -> None:
        table = csv_table("a,b\n1,2\n1,2,3,4\n,,x\n")
        assert [(problem.row, problem.column, problem.value, problem.message) for problem in table.problems] == [
            (3, "", "3", "4 cells, but the header has 2"),
            (4, "", "x", "3 cells, but the header has 2"),
        ]

    def test_a_cell_of_two_million_characters(self) -> None:
        table = csv_table("a,b\n1," + "x" * 2_000_000 + "\n2,y\n")
        assert len(table.rows.iat[0, 1]) == 2_000_000
        assert rows_of(table)[3] == ["2", "y"]

    def test_columns_after_the_last_name_are_no_columns(self) -> None:
        assert csv_table("a,b,,\n1,2,,\n").header == ["a", "b"]

    def test_a_header_alone(self) -> None:
        table = csv_table("a,b\n")
        assert table.header == ["a", "b"]
        assert rows_of(table) == {}

    @pytest.mark.parametrize("text", [b"", b"\xef\xbb\xbf", b"\n\n", b" , \n1,2\n", b"\n a,b\n"])
    def test_no_header(self, text: bytes) -> None:
        with pytest.raises(UnreadableFile, match="no header"):
            csv_table(text)

    @pytest.mark.parametrize(
        ("content", "message", "row"),
        [
            ("a,b\n1,Zoë\n".encode("latin-1"), "the file is not UTF-8 (line 2)", 1),
            (b"a,b\n" + b"1,2\n" * 800_000 + b"1,\xff\n", "the file is not UTF-8 (line 800002)", 1),
            (b"a,b\n1,Zo" + b"\xc3", "the file is not UTF-8: it ends inside a character", 1),
            ("a,b\n1,2\n".encode("utf-16"), "the file is UTF-16, not UTF-8", 1),
            (b"PK\x03\x04rest", "the file is a workbook, not CSV", 1),
            (b'a,b\n1,2\n3,"4\n5,6\n', "a quote that opens in this row never closes", 3),
            (b'a,"b\n1,2\n', "a quote that opens in this row never closes", 1),
            (b'a,b\n1,"2"x\n', "quotes are wrong: after the closing quote comes something else than a separator", 2),
        ],
    )  # fmt: skip
    def test_unreadable(self, content: bytes, message: str, row: int) -> None:
        with pytest.raises(UnreadableFile) as error:
            csv_table(content)
        assert (error.value.problem.message, error.value.problem.row) == (message, row)

    def test_only_the_header(self) -> None:
        assert read_headers(io.BytesIO(b"\xef\xbb\xbfa; b\n1;2\n"), [""]) == {"": ["a", "b"]}


class TestWorkbooks:
    def test_typed_cells(self) -> None:
        file = workbook(
            ["a", "b", "c", "d"],
            [1, 45.5, date(2024, 5, 1), " text "],
            [],
            [0.1 + 0.2, 1e-7, datetime(2024, 5, 1, 13, 30), True],  # noqa: DTZ001
            [12345678901234567890, "2024-05-01", time(3, 4), None],
            ["'=1+1", "NA", "0010", "yes"],
        )
        assert rows_of(read_table(file, "deals")) == {
            2: ["1", "45.5", "2024-05-01", "text"],
            4: ["0.3", "0.0000001", "2024-05-01 13:30:00", "TRUE"],
            5: ["12345678901234600000", "2024-05-01", "03:04:00", ""],
            6: ["'=1+1", "NA", "0010", "yes"],
        }

    def test_sheets(self) -> None:
        book = Workbook()
        book.active.title = "deals"
        book.create_sheet("Notes")
        file = saved(book)
        assert workbook_contents(file).sheets == ["deals", "Notes"]
        with pytest.raises(UnreadableFile, match="no header"):
            read_table(file, "Notes")

    def test_formulas_and_errors_are_named_wherever_they_are(self) -> None:
        book = Workbook()
        sheet = book.active
        sheet.title = "deals"
        for row in (["a", "b"], ["=1+1", 5], ["x", "=SUM(B2:B2)"], [None, None], ["#N/A", "y"]):
            sheet.append(row)
        sheet["A6"] = "=not a formula"
        sheet["A6"].data_type = "s"
        table = read_table(saved(book), "deals")
        accepted = "the file opened and saved in a spreadsheet program once, or the value itself"
        assert table.problems == [
            Problem(2, "a", "=1+1", "a formula without a calculated value", accepted),
            Problem(3, "b", "=SUM(B2:B2)", "a formula without a calculated value", accepted),
            Problem(5, "a", "#N/A", "an error value", "a value, or an empty cell"),
        ]
        assert rows_of(table)[6] == ["=not a formula", ""]

    def test_a_formula_on_another_sheet_is_nothing_to_us(self) -> None:
        book = Workbook()
        book.active.title = "deals"
        book.active.append(["a"])
        book.active.append(["x"])
        book.create_sheet("Sums").append(["=1+1"])
        assert read_table(saved(book), "deals").problems == []

    def test_one_cell_far_away_is_an_error_of_its_row_and_costs_nothing(self) -> None:
        book = Workbook()
        book.active.title = "deals"
        book.active["A1"] = "a"
        book.active["XFD1048576"] = "x"
        table = read_table(saved(book), "deals")
        assert [(problem.row, problem.value, problem.message) for problem in table.problems] == [
            (1048576, "x", "16384 cells, but the header has 1")
        ]

    def test_a_blank_far_away_is_nothing(self) -> None:
        book = Workbook()
        book.active.title = "deals"
        book.active["A1"], book.active["A2"] = "a", "b"
        book.active["XFD1048576"] = " "
        table = read_table(saved(book), "deals")
        assert (rows_of(table), table.problems) == ({2: ["b"]}, [])

    @pytest.mark.parametrize("content", [b"", b"hello", b"PK\x03\x04 but no more", b"\x00" * 1000])
    def test_no_workbook(self, content: bytes) -> None:
        with pytest.raises(UnreadableFile, match="not a workbook"):
            workbook_contents(io.BytesIO(content))

    def test_a_zip_of_something_else(self) -> None:
        file = io.BytesIO()
        with zipfile.ZipFile(file, "w") as packed:
            packed.writestr("readme.txt", "hello")
        file.seek(0)
        with pytest.raises(UnreadableFile, match="not a workbook"):
            workbook_contents(file)

    def test_the_old_format_or_a_password(self) -> None:
        with pytest.raises(UnreadableFile, match="old Excel format or behind a password"):
            workbook_contents(io.BytesIO(b"\xd0\xcf\x11\xe0" + b"\0" * 100))

    def test_only_the_header(self) -> None:
        assert read_headers(workbook(["a", " b"], [1, 2]), ["deals"]) == {"deals": ["a", "b"]}

    @pytest.mark.parametrize(
        ("dies_by", "message"),
        [
            ("os.abort()", "reading it takes more memory than it may"),
            ("os.kill(os.getpid(), 9)", "reading it ended unexpectedly"),
            ("os.kill(os.getpid(), 24)", "reading it takes longer than it may"),
            ("time.sleep(60)", "reading it takes longer than it may"),
            ("sys.exit(0)", "reading it ended unexpectedly"),
            ("print('no JSON')", "reading it ended unexpectedly"),
        ],
    )
    def test_the_end_of_the_process_that_reads_is_a_sentence(
        self, dies_by: str, message: str, monkeypatch: pytest.MonkeyPatch, settings: Any
    ) -> None:
        settings.IMPORT_WORKBOOK_SECONDS = 1
        start = workbooks.subprocess.Popen

        def dying(command: list[str], **how: Any) -> Any:
            return start([command[0], "-c", f"import os, sys, time; {dies_by}"], **how)

        monkeypatch.setattr(workbooks.subprocess, "Popen", dying)
        with pytest.raises(UnreadableFile, match=message):
            workbook_contents(workbook(["a"]))

    def test_the_process_that_reads_knows_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        seen: list[dict[str, Any]] = []
        start = workbooks.subprocess.Popen

        def noting(command: list[str], **how: Any) -> Any:
            seen.append(how)
            return start(command, **how)

        monkeypatch.setattr(workbooks.subprocess, "Popen", noting)
        assert workbook_contents(workbook(["a"])).sheets == ["deals"]
        assert [how["env"] for how in seen] == [{}]
