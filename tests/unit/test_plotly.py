"""The figure that Plotly gets, and the part of plotly.js that draws it."""

import gzip
from datetime import date
from pathlib import Path

from plotly.offline import get_plotlyjs_version

from partner_portal.lib.charts.chart import Axis, Chart, Line, Rule, Shade, Shown, Text, Tick, Upright
from partner_portal.lib.charts.plotly import plotly_figure

BUNDLE = Path(__file__).parents[2] / "static/plotly/plotly-basic.min.js"


def day(text):
    return date.fromisoformat(text).toordinal()


def test_lines_rules_and_grounds_keep_their_days_and_classes():
    first, last = day("2026-11-01"), day("2026-12-01")
    chart = Chart(
        title="Points",
        description="",
        axis=Axis(0, 20, (Tick(0, "0"), Tick(20, "20"))),
        first=first,
        last=last,
        days=True,
        stops=(),
        lines=(Line([(first, 12.5), (last, 20.0)], "c-total c-ahead", stepped=True, label="total"),),
        rules=(Rule(first, last, 16, "c-threshold"),),
        uprights=(Upright(day("2026-11-23"), "s-tick"),),
        shades=(Shade(day("2026-11-23"), last),),
        texts=(Text(last, 16, "<Gold> 16", shown=Shown.WIDE), Text(last, 16, "again", shown=Shown.NARROW)),
    )
    figure = plotly_figure(chart)
    (trace,) = figure["data"]
    assert (trace["x"], trace["y"]) == (["2026-11-01", "2026-12-01"], [12.5, 20.0])
    assert (trace["type"], trace["meta"], trace["line"], trace["name"]) == (
        "scatter", "c-total c-ahead", {"shape": "hv"}, "total",
    )  # fmt: skip
    layout = figure["layout"]
    assert layout["xaxis"]["range"] == ["2026-11-01", "2026-12-01"]
    assert (layout["yaxis"]["tickvals"], layout["yaxis"]["ticktext"]) == ([0, 20], ["0", "20"])
    assert [(shape["name"], shape["x0"], shape["x1"]) for shape in layout["shapes"]] == [
        ("f-shade", "2026-11-23", "2026-12-01"), ("c-threshold", "2026-11-01", "2026-12-01"),
        ("s-tick", "2026-11-23", "2026-11-23"),
    ]  # fmt: skip
    assert [label["text"] for label in layout["annotations"]] == ["&lt;Gold&gt; 16"]


def test_the_bundle_is_of_the_version_that_the_package_checks_for_and_small():
    script = BUNDLE.read_bytes()
    assert f"v{get_plotlyjs_version()}".encode() in script[:300]
    assert len(gzip.compress(script)) < 450_000
    assert "MIT" in (BUNDLE.parent / "LICENSE").read_text()
