"""A chart over days for Plotly's script, to look closer at a part of it; that script is fetched only where somebody asks for it."""

import json
from datetime import date
from html import escape
from typing import Any

from partner_portal.lib.charts.chart import Chart, Line, Shown

# Through the whole height.
DECORATION = {"xref": "x", "yref": "paper", "y0": 0, "y1": 1}


def plotly_figure(chart: Chart) -> dict[str, Any]:
    """The chart as JSON values for Plotly: `data` and `layout`. Its horizontal axis must be of days.

    Colours depend on the theme and are left to the page: `meta` of a trace and `name` of a shape are the CSS classes of the
    same line in the SVG.
    """
    import plotly.graph_objects as graph

    figure = graph.Figure(
        data=[_trace(graph, line) for line in chart.lines],
        layout={
            "xaxis": {"type": "date", "range": [_day(chart.first), _day(chart.last)]},
            "yaxis": {
                "range": [chart.axis.low, chart.axis.high],
                "tickvals": [tick.at for tick in chart.axis.ticks],
                "ticktext": [tick.text for tick in chart.axis.ticks],
            },
            "shapes": [
                *(
                    {"type": "rect", "layer": "below", "x0": _day(each.start), "x1": _day(each.end), "name": "f-shade"}
                    | DECORATION
                    for each in chart.shades
                ),
                *(
                    {
                        "type": "line",
                        "x0": _day(each.start),
                        "x1": _day(each.end),
                        "y0": each.at,
                        "y1": each.at,
                        "name": each.stroke,
                    }
                    for each in chart.rules
                ),
                *(
                    {"type": "line", "x0": _day(each.at), "x1": _day(each.at), "name": each.stroke} | DECORATION
                    for each in chart.uprights
                ),
            ],
            "annotations": [
                {"xref": "paper", "x": 1, "y": text.y, "text": escape(text.text), "showarrow": False}
                for text in chart.texts
                if text.shown is Shown.WIDE and text.x == chart.last and text.y is not None
            ],
        },
    )
    values: dict[str, Any] = json.loads(figure.to_json())
    values["layout"].pop("template", None)  # Plotly's own looks
    return values


def _trace(graph: Any, line: Line) -> Any:
    return graph.Scatter(
        x=[_day(at) for at, _value in line.points],
        y=[value for _at, value in line.points],
        mode="lines",
        line={"shape": "hv" if line.stepped else "linear"},
        name=line.label,
        meta=line.stroke,
    )


def _day(ordinal: float) -> str:
    return date.fromordinal(round(ordinal)).isoformat()
