"""The corpus of files as people have them: each is read right, or what is said names the cause."""

import io
from collections.abc import Iterator

import pytest

from imports.mapping import mapped, proposed
from imports.mapping_form import MappingForm
from imports.mapping_preview import preview, sample_of
from imports.pipeline import column_names, read_source
from imports.reading import rows_of
from imports.reading_options import ReadingOptions
from partner_portal.lib.rows.facts import kind
from tests.unit.imports.odd_files import OddFile, odd_files

FILES = odd_files()
pytestmark = pytest.mark.usefixtures("reads_in_this_process")


@pytest.fixture(autouse=True)
def currencies(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Without the programme's rules, which are in the database."""
    known = frozenset({"EUR", "USD", "GBP"})
    monkeypatch.setattr("imports.mapping_form.known_currencies", lambda _kind: sorted(known))
    monkeypatch.setattr("clients.facts.usable_currencies", lambda: known)
    types = [kind(key).column("currency").type for key in ("deals", "clients")]
    real = [column_type.known for column_type in types]
    for column_type in types:  # frozen, and there for the whole process
        object.__setattr__(column_type, "known", lambda: known)
    yield
    for column_type, theirs in zip(types, real, strict=True):
        object.__setattr__(column_type, "known", theirs)


def test_there_are_at_least_sixty_of_both_formats() -> None:
    assert len(FILES) > 60
    assert {file.name.rpartition(".")[2] for file in FILES} == {"csv", "xlsx"}
    assert len({file.name for file in FILES}) == len(FILES)


@pytest.mark.parametrize("odd", FILES, ids=lambda odd: odd.name)
def test_an_odd_file(odd: OddFile) -> None:
    content = odd.content
    source = read_source(odd.name, kind(odd.kind), io.BytesIO(content), odd.sheet)
    if odd.likely_header:
        assert source.table.likely_header == odd.likely_header
        assert source.asks
        assert source.unreadable is not None
        assert source.unreadable.message == f"row {odd.likely_header} looks like the header, and not this one"
        return
    assert source.asks == odd.asks
    if odd.unreadable:
        assert source.unreadable is not None
        assert source.unreadable.message == odd.unreadable
        return
    assert source.unreadable is None
    for notice in odd.notices:
        assert any(notice in given for given in source.table.notices), source.table.notices
    assert any("formula" in notice for notice in odd.notices) == any("formula" in each for each in source.table.notices)
    with rows_of(io.BytesIO(content), odd.sheet, ReadingOptions(), column_names()) as rows:
        sample = sample_of(rows)
    columns = [column.name for column in kind(odd.kind).columns]
    form = MappingForm(kind(odd.kind), sample, proposed(odd.kind, columns, sample.header))
    form.is_valid()
    assert tuple(form.errors) == odd.doubts
    table = mapped(sample.table, form.mapping)
    for name, value in odd.values.items():
        assert table.rows.iloc[0, table.header.index(name)] == value
    from datetime import UTC

    said = [problem.message for problem in preview(kind(odd.kind), form.mapping, sample, UTC).problems]
    said += [problem.message for problem in source.table.problems]
    for part in odd.says:
        assert any(part in message for message in said), said
    if not odd.says and not odd.doubts and odd.values.get("mrr", "")[:1] != "-":
        assert said == []
