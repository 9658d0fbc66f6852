"""Charts as SVG: places worked out by hand, ticks, formats of both languages, escaped names, and nothing drawn of nothing."""

import re
from decimal import Decimal
from xml.etree import ElementTree

import pytest
from django.utils.translation import override

from partner_portal.formats.charts import Fill, Series, Step, Stroke, Unit, bar_chart, bridge_chart, line_chart
from partner_portal.lib.charts.scale import Scale, axis, round_step
from partner_portal.lib.charts.svg import svg


def numbers(*values):
    return [None if value is None else Decimal(str(value)) for value in values]


def bars(*values, names="ABCDEFGHIJKLM", **given):
    return bar_chart("Bars", names[: len(values)], [Series(Fill.DONE, "won", numbers(*values))], **given)


def lines(*values, **given):
    return line_chart("Lines", "ABCDEFGHIJKLM"[: len(values)], [Series(Stroke.FIRST, "won", numbers(*values))], **given)


def ticks(chart):
    return [tick.text for tick in chart.axis.ticks]


def found(chart, pattern):
    return re.findall(pattern, svg(chart, "c"))


def test_bars_stand_where_their_values_are():
    # 176 px high: 22 px above the highest tick and 24 below the lowest leave 130 for 10. Each of two bars has half the
    # width, and takes 60 % of its half.
    drawn = re.findall(
        r'<rect class="f-ink" x="([^"]+)" y="([^"]+)" width="([^"]+)" height="([^"]+)"/>', svg(bars(10, 5), "c")
    )
    assert drawn == [("10%", "22.0", "30%", "130.0"), ("60%", "87.0", "30%", "65.0")]
    assert ticks(bars(10, 5)) == ["0", "2", "4", "6", "8", "10"]


def test_a_line_goes_from_point_to_point_and_leaves_gaps():
    # Ticks 0, 1, 2, 3: one is 130 / 3 px. Four names: their middles are at 125, 375, 625 and 875 of 1,000.
    (path,) = found(lines(3, None, 0, 3), r'<path class="l-first" d="([^"]+)"')
    assert path == "M125.0 22.0M625.0 152.0L875.0 22.0"
    assert found(lines(3, None, 0, 3), r'href="#m-circle" x="([^"]+)" y="([^"]+)"') == [
        ("12.5%", "22.0"), ("62.5%", "152.0"), ("87.5%", "22.0"),
    ]  # fmt: skip


def test_a_month_that_is_not_over_is_open_on_a_dotted_line():
    chart = lines(1, 2, 1, partial=2)
    assert found(chart, r'<path class="(l-first[^"]*)"') == ["l-first", "l-first so-far"]
    assert found(chart, r'<use class="([^"]+)"') == ["l-first mark", "l-first mark", "l-first mark hollow"]
    assert chart.stops[2].lines == ("C, so far", "1 won")


@pytest.mark.parametrize(
    ("values", "expected"),
    [((0, 1), ["0", "1"]), ((2, 1), ["0", "1", "2"]), ((18, 9), ["0", "5", "10", "15", "20"])],
)
def test_counts_have_whole_ticks(values, expected):
    assert ticks(lines(*values)) == expected


@pytest.mark.parametrize(
    ("values", "from_zero", "expected"),
    [
        (("0.6", "1"), True, ["0%", "50%", "100%"]),
        (("1", "1"), True, ["0%", "50%", "100%"]),
        (("1", "1"), False, ["90%", "95%", "100%"]),
        (("0.986", "1"), False, ["98.5%", "99.0%", "99.5%", "100.0%"]),
    ],
)
def test_no_tick_is_above_100_per_cent(values, from_zero, expected):
    assert ticks(lines(*values, unit=Unit.RATIO, from_zero=from_zero)) == expected


def test_ratios_above_100_per_cent_are_not_cut():
    assert ticks(lines("1.2", "1", unit=Unit.RATIO)) == ["0%", "50%", "100%", "150%"]


def test_numbers_are_written_in_the_language_of_the_page():
    with override("nl"):
        assert ticks(bars(12000)) == ["0", "5.000", "10.000", "15.000"]
        assert ticks(lines("0.986", "1", unit=Unit.RATIO, from_zero=False))[0] == "98,5%"
        assert bars(1234).stops[0].lines == ("A", "1.234 won")
    assert bars(1234).stops[0].lines == ("A", "1,234 won")
    assert lines("0.8615", unit=Unit.RATIO).stops[0].lines == ("A", "86.2% won")


def test_steps_are_round():
    least = numbers("0.3", 2, "2.1", 51, 100)
    assert [round_step(each) for each in least] == numbers("0.5", 2, 5, 100, 100)
    assert round_step(Decimal("0.3"), whole=True) == 1


def test_an_axis_around_one_value_holds_it():
    scale = Scale(lambda value, places: f"{value:.{places}f}", from_zero=False)
    around = axis([Decimal(50)], scale)  # 45 to 55 in five steps of 2
    assert (around.low, around.high) == (44, 56)


@pytest.mark.parametrize("values", [(), (0, 0), (None, None), (0, None)])
def test_there_is_no_chart_of_nothing(values):
    assert bars(*values) is None
    assert lines(*values) is None
    assert (
        bridge_chart("Bridge", [Step(None, Decimal(0), "0", ("Opening",)), Step(None, Decimal(0), "0", ("Closing",))])
        is None
    )


def test_parts_stand_on_one_another_and_their_sum_on_top():
    chart = bar_chart(
        "Bars", ["A"], [Series(Fill.DONE, "paid", numbers(3)), Series(Fill.SCHEDULED, "scheduled", numbers(2))]
    )
    assert [(bar.low, bar.high, bar.fill, bar.hatch) for bar in chart.bars] == [
        (0, 3, "f-ink", ""),
        (3, 5, "f-ink", "f-hatch"),
    ]
    assert [(text.y, text.text) for text in chart.texts] == [(5, "5")]
    assert chart.stops[0].lines == ("A", "3 paid", "2 scheduled")


def test_a_negative_bar_hangs_below_the_axis():
    chart = bars(4, -2)
    assert [(bar.low, bar.high) for bar in chart.bars] == [(0, 4), (-2, 0)]
    assert chart.axis.low == -2
    # 130 px for 6: 0 is 4 / 6 of them below the top.
    assert found(chart, r'class="s-foot" x1="0" x2="100%" y1="([^"]+)"') == ["108.7"]


def test_what_is_expected_begins_at_a_line_with_a_word():
    chart = bars(1, 2, ahead=1)
    assert found(chart, r'<line class="s-dots" x1="([^"]+)"') == ["50%"]
    assert ">expected</text>" in svg(chart, "c")
    assert not bars(1, 2, ahead=0).uprights


def test_a_bridge_breaks_the_bars_of_an_axis_that_does_not_start_at_0():
    steps = [
        Step(None, Decimal(1245), "1,245", ("Opening",)),
        Step(Decimal(1245), Decimal(1196), "−49", ("Lost", "sold")),
        Step(None, Decimal(1196), "1,196", ("Closing",)),
    ]
    chart = bridge_chart("Bridge", steps)
    # 49 between the levels: the axis begins 60 % of that below the lowest, at 1,166.6.
    assert chart.axis.low == pytest.approx(1166.6)
    assert [(bar.fill, bar.low, bar.high, bar.broken) for bar in chart.bars] == [
        ("f-ink", pytest.approx(1166.6), 1245, True), ("f-loss", 1196, 1245, False), ("f-ink", pytest.approx(1166.6), 1196, True),
    ]  # fmt: skip
    assert svg(chart, "c").count("c-cut") == 2
    from_zero = bridge_chart(
        "Bridge", [Step(None, Decimal(5), "5", ("Opening",)), Step(None, Decimal(40), "40", ("Closing",))]
    )
    assert from_zero.axis.low == 0
    assert "c-cut" not in svg(from_zero, "c")


def test_names_from_files_are_escaped_and_the_drawing_is_xml():
    name = "<script>alert('&')</script>\""
    chart = bar_chart(name, [name], [Series(Fill.DONE, name, numbers(1))])
    drawn = ElementTree.fromstring(svg(chart, "c"))  # noqa: S314 -- our own text
    assert "<script" not in svg(chart, "c")
    assert drawn.get("role") == "img"
    assert drawn.get("aria-label") == name
    assert drawn.find("desc").text == f"{name}: lowest 1 ({name}), highest 1 ({name})"
    assert drawn.find(".//title").text == f"{name}\n1 {name}"
    assert "style" not in svg(chart, "c")


def test_names_and_sums_that_do_not_fit_a_width_are_hidden_there():
    # A name of 6 letters takes 6 x 6.6 + 10 = 49.6 px; 12 of them 595, which 236, 320 and 480 px have no room for.
    # Every third and every second fit: 595 / 3 = 198, 595 / 2 = 298.
    chart = bar_chart("Bars", ["Nov 26"] * 12, [Series(Fill.DONE, "won", numbers(*[12345] * 12))])
    named = found(chart, r'<text(?: class="([^"]*)")? x="[^"]+" y="169" ')
    assert named[:4] == ["", "no-0 no-1 no-2", "no-0", "no-1 no-2"]
    # A sum of 6 letters takes 41.6 px; a twelfth of 768 px is enough for it, of 480 px not.
    assert found(chart, r'<text class="strong ([^"]*)"') == ["no-0 no-1 no-2"] * 12
