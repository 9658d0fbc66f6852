// Points over time, to zoom into: Plotly draws the figure in place of the server's chart, in the colours of the same classes.

const place = document.getElementById("closer");
const heading = document.getElementById("s-closer");
const locale = document.documentElement.lang || "en";
const DAY = 86_400_000;

// What the style sheet gives a class of the SVG.
const look = (classes) => {
  const probe = place.querySelector(".probe") ?? place.appendChild(document.createElementNS("http://www.w3.org/2000/svg", "svg"));
  probe.setAttribute("class", "probe svg");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("class", classes);
  probe.replaceChildren(path);
  const { stroke, strokeWidth, strokeDasharray, fill, fontFamily, color } = getComputedStyle(path);
  const dash = strokeDasharray === "none" ? "solid" : strokeDasharray.replaceAll(", ", ",");
  return { stroke, fill, fontFamily, color, width: parseFloat(strokeWidth), dash };
};

const names = (field, days) => days.map((day) => new Intl.DateTimeFormat(locale, { [field]: "short", timeZone: "UTC" }).format(day).replace(".", ""));
const months = names("month", Array.from({ length: 12 }, (_, i) => new Date(Date.UTC(2023, i, 1))));
const days = names("weekday", Array.from({ length: 7 }, (_, i) => new Date(Date.UTC(2023, 0, 1 + i))));
const marks = new Intl.NumberFormat(locale).formatToParts(12345.6);
const mark = (type) => marks.find((part) => part.type === type).value;
const config = {
  locale, locales: { [locale]: { dictionary: {}, format: { months, shortMonths: months, days, shortDays: days } } },
  displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: "reset", showTips: false,
};

const draw = () => {
  const { data, layout } = JSON.parse(document.getElementById("closer-figure").textContent);
  const text = look("");
  for (const trace of data) {
    const { stroke, width, dash } = look(trace.meta);
    Object.assign(trace.line, { color: stroke, width, dash });
    trace.hovertemplate = `%{y:,.0f} ${trace.name}<extra></extra>`;
  }
  for (const shape of layout.shapes) {
    const { stroke, width, dash, fill } = look(shape.name);
    if (shape.type === "rect") Object.assign(shape, { fillcolor: fill, line: { width: 0 } });
    else shape.line = { color: stroke, width, dash };
    delete shape.name;
  }
  const narrow = place.clientWidth < 640;
  for (const label of layout.annotations) {
    Object.assign(label, narrow ? { xanchor: "right", yanchor: "bottom" } : { xanchor: "left", xshift: 8 });
  }
  const quiet = look("s-grid").stroke;
  const range = plot?.layout.xaxis.range ?? layout.xaxis.range;
  return window.Plotly.react(place, data, {
    ...layout, separators: mark("decimal") + mark("group"), showlegend: false, hovermode: "x unified", dragmode: "zoom", height: 420,
    paper_bgcolor: "transparent", plot_bgcolor: "transparent", margin: { l: 48, r: narrow ? 12 : 120, t: 12, b: 32 },
    font: { family: text.fontFamily, size: 12, color: text.color },
    hoverlabel: { bgcolor: getComputedStyle(document.documentElement).getPropertyValue("--surface") },
    xaxis: { ...layout.xaxis, range: [...range], hoverformat: "%-d %b %Y", showgrid: false },
    yaxis: { ...layout.yaxis, fixedrange: true, gridcolor: quiet, zeroline: false },
  }, config);
};

let plot = null;
let whole = null;
const span = () => plot.layout.xaxis.range.map((day) => new Date(`${String(day).slice(0, 10)}T00:00:00Z`).getTime());
const told = new Intl.DateTimeFormat(locale === "en" ? "en-GB" : locale, { day: "numeric", month: "short", year: "numeric", timeZone: "UTC" });
const tell = () => {
  const [first, last] = span();
  heading.textContent = `${told.format(first)} – ${told.format(last)}`;
};
const MOVES = {
  in: ([first, last]) => [first + (last - first) / 4, last - (last - first) / 4],
  out: ([first, last]) => [first - (last - first) / 2, last + (last - first) / 2],
  back: ([first, last]) => [first - (last - first) / 2, last - (last - first) / 2],
  on: ([first, last]) => [first + (last - first) / 2, last + (last - first) / 2],
  all: () => whole,
};
const within = ([first, last]) => {
  const length = Math.min(Math.max(last - first, 7 * DAY), whole[1] - whole[0]);
  const start = Math.min(Math.max(first, whole[0]), whole[1] - length);
  return [start, start + length].map((at) => new Date(at).toISOString().slice(0, 10));
};

if (place) {
  place.replaceChildren();
  plot = await draw();
  whole = span();
  tell();
  plot.on("plotly_relayout", tell);
  for (const button of document.querySelectorAll("[data-closer]")) {
    button.addEventListener("click", () => window.Plotly.relayout(plot, { "xaxis.range": within(MOVES[button.dataset.closer](span())) }));
  }
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new MutationObserver(draw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
}
