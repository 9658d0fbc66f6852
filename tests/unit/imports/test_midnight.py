"""Field case F3: what midnight UTC means is asked once, remembered with the mapping, and the same in both forms."""

from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from imports.mapping import Mapping, from_data, mapped
from imports.mapping_form import MappingForm
from imports.mapping_preview import sample_of
from imports.reading import Rows
from imports.tables import Table
from partner_portal.lib.rows.facts import kind


@pytest.fixture(autouse=True)
def currencies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the programme's rules, which are in the database."""
    monkeypatch.setattr("imports.mapping_form.known_currencies", lambda _kind: ["EUR", "USD"])


PHOENIX = ZoneInfo("America/Phoenix")
ISO = ["2026-04-01T00:00:00Z", "2026-04-01", "2026-04-01T01:09:44Z"]
MILLISECONDS = ["1775001600000", "1775005784000"]


def form_of(cells: list[str], zone: ZoneInfo, *, form: str, base: Mapping | None = None, **said: str) -> MappingForm:
    header = ["hs_object_id", "closedate"]
    sample = sample_of(Rows(header, ((n + 2, [str(n), cell]) for n, cell in enumerate(cells)), []))
    data = {"from-closed_on": "1", "dates-closed_on": form} | said
    return MappingForm(kind("deals"), sample, base or Mapping("deals", "", {}), data, zone)


def asked(form: MappingForm) -> list[tuple[str, str]]:
    (line,) = (line for line in form.lines() if line.column.name == "closed_on")
    return list(line.midnight.field.choices) if line.midnight else []


@pytest.mark.parametrize(("cells", "form"), [(ISO, "iso"), (MILLISECONDS, "epoch_ms")])
def test_it_is_asked_where_it_makes_another_day(cells: list[str], form: str) -> None:
    plain = [(key, label.replace("\xa0", " ")) for key, label in asked(form_of(cells, PHOENIX, form=form))]
    assert plain == [("day", "That day: 1 Apr 2026"), ("moment", "A moment: 31 Mar 2026, 17:00 in America/Phoenix")]
    for elsewhere in ("UTC", "Europe/Amsterdam"):  # there it is the same day either way
        assert asked(form_of(cells, ZoneInfo(elsewhere), form=form)) == []
    assert asked(form_of([cells[-1]], PHOENIX, form=form)) == []  # no cell is midnight


@pytest.mark.parametrize(
    ("said", "iso", "milliseconds"),
    [
        ({}, ["2026-04-01", "2026-04-01", "2026-03-31"], ["2026-04-01", "2026-03-31"]),
        ({"midnight-closed_on": "day"}, ["2026-04-01", "2026-04-01", "2026-03-31"], ["2026-04-01", "2026-03-31"]),
        ({"midnight-closed_on": "moment"}, ["2026-03-31", "2026-04-01", "2026-03-31"], ["2026-03-31", "2026-03-31"]),
    ],
)
def test_both_forms_give_the_same_day(said: dict[str, str], iso: list[str], milliseconds: list[str]) -> None:
    for cells, form, expected in ((ISO, "iso", iso), (MILLISECONDS, "epoch_ms", milliseconds)):
        made = form_of(cells, PHOENIX, form=form, **said)
        rule = made.mapping.columns["closed_on"]
        assert [rule.read(cell, PHOENIX) for cell in cells] == expected


def test_the_answer_is_remembered_also_by_a_file_without_midnights() -> None:
    first = form_of(ISO, PHOENIX, form="iso", **{"midnight-closed_on": "moment"}).mapping
    known = [column.name for column in kind("deals").columns]
    remembered = from_data("deals", first.as_data(), known)
    assert remembered.columns["closed_on"].midnight_utc == "moment"
    without = form_of([ISO[2]], PHOENIX, form="iso", base=remembered).mapping
    assert without.columns["closed_on"].midnight_utc == "moment"
    again = form_of(ISO, PHOENIX, form="iso", base=without)
    assert again.answers["midnight-closed_on"] == "moment"
    table = Table("", ["closedate"], pd.DataFrame([[ISO[0]]], index=[2], dtype=object))
    only = Mapping("deals", "", {"closed_on": again.mapping.columns["closed_on"]})
    assert mapped(table, only, PHOENIX).rows.at[2, 0] == "2026-03-31"
