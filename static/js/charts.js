// Draws every [data-chart] with Plotly: its value names the kind, data-figures the id of the json_script with the figures.
// The drawing is decoration (aria-hidden): the sentence above it and the table below it carry the same numbers.

const plotlyAddress = document.getElementById("charts-script").dataset.plotly;
const locale = document.documentElement.lang || "en";
const style = () => getComputedStyle(document.documentElement);
const token = (name) => style().getPropertyValue(`--${name}`).trim();

// Decimal mark and thousands mark of the page's language, as Plotly wants them.
const separators = () => {
  const parts = new Intl.NumberFormat(locale).formatToParts(12345.6);
  const mark = (type) => parts.find((part) => part.type === type).value;
  return mark("decimal") + mark("group");
};

const axis = () => ({
  fixedrange: true, automargin: true, zeroline: false, ticks: "", tickfont: { size: 12, color: token("ink-2") },
});

const layout = (over = {}) => ({
  font: { family: token("sans"), size: 12, color: token("ink-2") },
  paper_bgcolor: "transparent", plot_bgcolor: "transparent",
  margin: { l: 40, r: 8, t: 24, b: 32 }, bargap: 0.5, barmode: "stack",
  showlegend: false, dragmode: false, hovermode: "x unified", separators: separators(),
  hoverlabel: { bgcolor: token("surface"), bordercolor: token("line-strong"), font: { family: token("sans"), size: 13, color: token("ink") } },
  ...over,
  xaxis: { ...axis(), showgrid: false, showline: true, linecolor: token("line-strong"), ...over.xaxis },
  yaxis: { ...axis(), gridcolor: token("line"), tickformat: ",d", rangemode: "tozero", ...over.yaxis },
});

// Names of days and months in the page's language; without them Plotly writes English ones.
const named = (field, width, days) =>
  days.map((day) => new Intl.DateTimeFormat(locale, { [field]: width, timeZone: "UTC" }).format(day).replace(".", ""));
const weekdays = Array.from({ length: 7 }, (_, i) => new Date(Date.UTC(2023, 0, 1 + i))); // from a Sunday on
const firsts = Array.from({ length: 12 }, (_, i) => new Date(Date.UTC(2023, i, 1)));
const locales = {
  [locale]: {
    dictionary: {},
    format: {
      days: named("weekday", "long", weekdays), shortDays: named("weekday", "short", weekdays),
      months: named("month", "long", firsts), shortMonths: named("month", "short", firsts),
    },
  },
};

const config = {
  locale, locales, displayModeBar: false, responsive: true, scrollZoom: false, doubleClick: false, showTips: false,
};

// A direction is a colour and a pattern.
const hatched = (color) => ({ color, pattern: { shape: "/", bgcolor: color, fgcolor: token("canvas"), fgopacity: 0.6, size: 6, solidity: 0.3 } });
const fill = {
  gain: () => ({ color: token("gain") }),
  loss: () => hatched(token("loss")),
  total: () => ({ color: token("solid") }),
  scheduled: () => hatched(token("solid")),
  expected: () => ({
    color: token("canvas"), line: { color: token("ink"), width: 1.25 },
    pattern: { shape: "\\", bgcolor: token("canvas"), fgcolor: token("line-strong"), size: 5, solidity: 0.2 },
  }),
  sourced: () => ({ color: token("track-sourced") }),
};

// Bridge: numbered columns that stand exactly under the columns of .bridge, or under their short names on a phone.
// steps: [{ kind, from (null: stands on the axis), to, label, name (lines) }]; numbers come as decimal texts.
const bridge = (given, width) => {
  const narrow = width < 46 * 16;
  const steps = given.steps.map((step) => ({ ...step, from: step.from === null ? null : Number(step.from), to: Number(step.to) }));
  const levels = steps.flatMap(({ from, to }) => (from === null ? [to] : [from, to]));
  const top = Math.max(...levels);
  const lowest = Math.min(...levels);
  const spread = Math.max(top - lowest, top * 0.02, 10);
  const low = Math.max(0, lowest - spread * 0.6);
  const cutAt = low + spread * 0.12;
  const at = (i) => (narrow ? -0.31 : i ? -0.42 : -0.5);
  const barWidth = narrow ? 0.62 : 0.5;
  const bars = steps.map(({ from, to, kind }, i) => ({
    type: "bar", x: [i], base: [from ?? low], y: [to - (from ?? low)], width: barWidth, offset: at(i),
    marker: fill[kind](), hoverinfo: "skip",
  }));
  const links = steps.slice(0, -1).map(({ to }, i) => ({
    type: "line", x0: i + at(i) + barWidth, x1: i + 1 + at(i + 1), y0: to, y1: to, line: { color: token("ink-3"), width: 1, dash: "dot" },
  }));
  // The axis does not start at 0: a cut through the opening and the closing bar shows it.
  const wave = spread * 0.05;
  const cuts = steps.flatMap(({ from }, i) => {
    if (from !== null || low === 0) return [];
    const path = [0, 0.25, 0.5, 0.75, 1].map((dx, n) => `${n ? "L" : "M"} ${i + at(i) + dx * barWidth} ${cutAt + (n % 2 ? wave : 0)}`).join(" ");
    return [{ type: "path", path, line: { color: token("canvas"), width: 2.5 } }];
  });
  return {
    data: bars,
    layout: layout({
      barmode: "overlay", height: narrow ? 192 : 152, margin: { l: 0, r: 0, t: 24, b: narrow ? 48 : 4 }, shapes: [...links, ...cuts],
      xaxis: {
        range: [-0.5, steps.length - 0.5], automargin: false, showticklabels: narrow, tickangle: 0,
        tickvals: steps.map((_, i) => i), ticktext: steps.map(({ name }) => name.join("<br>")),
      },
      yaxis: {
        range: [low, top + spread * 0.15], rangemode: "normal", automargin: false, side: "right", ticklabelposition: "inside top",
        showticklabels: !narrow, nticks: 5,
      },
      annotations: steps.map(({ from, to, label }, i) => ({
        x: i + at(i) + (narrow ? barWidth / 2 : 0), y: Math.max(from ?? to, to), xanchor: narrow ? "center" : "left", yanchor: "bottom",
        showarrow: false, text: label, font: { color: token("ink"), weight: 600 },
      })),
    }),
  };
};

// Stacked: bars side by side with their total on top; a label where what is expected begins.
// names: one a bar; series: [{ fill, values, label }]; totals: what stands on top, null for none; from: index or null.
const stacked = (given, width) => {
  const narrow = width < 30 * 16;
  const short = new Intl.NumberFormat(locale, { notation: "compact", maximumFractionDigits: 1 });
  const full = new Intl.NumberFormat(locale, { maximumFractionDigits: 0 });
  const divider = given.from === null || given.from === undefined || given.from === 0 ? [] : [given.from - 0.5];
  return {
    data: given.series.map(({ fill: name, values, label }) => ({
      type: "bar", x: given.names.map((_, i) => i), y: values.map(Number), marker: fill[name](),
      hovertemplate: `%{y:,.0f} ${label}<extra></extra>`, customdata: given.names,
    })),
    layout: layout({
      shapes: divider.map((x) => ({
        type: "line", yref: "paper", y0: 0, y1: 1, x0: x, x1: x, line: { color: token("ink-3"), width: 1, dash: "dot" },
      })),
      xaxis: { tickvals: given.names.map((_, i) => i), ticktext: given.names, tickangle: narrow && given.names.length > 6 ? -90 : 0 },
      yaxis: { tickformat: "~s" },
      annotations: [
        ...given.names.flatMap((_, i) => {
          const total = given.totals?.[i];
          if (total === null || total === undefined || Number(total) === 0) return [];
          const text = (narrow ? short : full).format(Number(total));
          return [{ x: i, y: Number(total), yanchor: "bottom", showarrow: false, text, font: { color: token("ink"), weight: 600 } }];
        }),
        ...divider.map((x) => ({
          x, yref: "paper", y: 1, yanchor: "bottom", xanchor: "left", showarrow: false, text: given.ahead ?? "",
        })),
      ],
    }),
  };
};

// Lines: values by month, gaps where there is no data. series: [{ stroke, values, label }]; percent: whether they are ratios;
// partial: the index of a month that is not over, whose marks are open and on dotted lines, so_far: what it is called.
const STROKES = {
  first: { color: "ink", symbol: "circle", dash: "solid" },
  second: { color: "track-sourced", symbol: "diamond", dash: "dash" },
  third: { color: "track-managed", symbol: "square", dash: "dot" },
};
const MONTH_ROOM = 56; // pixels for the name of a month and air around it
const lines = (given, width) => {
  const every = Math.max(1, Math.ceil((given.names.length * MONTH_ROOM) / width));
  const at = given.partial ?? given.names.length;
  const format = given.percent ? ".1%" : ",.0f";
  const drawn = ({ stroke, values, label }) => {
    const { color, symbol, dash } = STROKES[stroke];
    const points = values.map((value) => (value === null ? null : Number(value)));
    const trace = (from, to, over) => ({
      type: "scatter", connectgaps: false, x: given.names.slice(from, to), y: points.slice(from, to),
      line: { color: token(color), width: 2, dash }, marker: { symbol, size: 7, color: token(color) },
      hovertemplate: `%{y:${format}} ${label}<extra></extra>`, ...over,
    });
    return [
      trace(0, at, { mode: "lines+markers" }),
      ...(points[at] === undefined ? [] : [
        trace(Math.max(at - 1, 0), at + 1, { mode: "lines", line: { color: token(color), width: 2, dash: "dot" }, hovertemplate: null, hoverinfo: "skip" }),
        trace(at, at + 1, {
          mode: "markers", marker: { symbol: `${symbol}-open`, size: 8, color: token(color), line: { width: 2 } },
          hovertemplate: `%{y:${format}} ${label}, ${given.so_far}<extra></extra>`,
        }),
      ]),
    ];
  };
  return {
    data: given.series.flatMap(drawn),
    layout: layout({
      xaxis: {
        type: "category", categoryarray: given.names, tickangle: 0,
        tickvals: given.names.filter((_, i) => (given.names.length - 1 - i) % every === 0),
      },
      yaxis: { tickformat: given.percent ? ".0%" : ",d", rangemode: given.percent ? "normal" : "tozero" },
    }),
  };
};

// Timeline: tracks through time, and ahead as dashed steps on a sunken ground; thresholds as they were in force; reviews.
const LINES = {
  managed: { color: "track-managed", width: 2, symbol: "diamond" },
  assisted: { color: "track-assisted", width: 2, symbol: "square" },
  sourced: { color: "track-sourced", width: 2, symbol: "circle" },
  total: { color: "ink", width: 2.5 },
};
const timeline = (given, width) => {
  const narrow = width < 40 * 16;
  const line = (track, { days, ...values }, ahead) => {
    const { color, width: thick, symbol } = LINES[track];
    const marks = symbol && given.markers && !ahead && !narrow;
    return {
      type: "scatter", x: days, y: values[track].map(Number), mode: marks ? "lines+markers" : "lines",
      line: { color: token(color), width: thick, dash: ahead ? "dash" : "solid", shape: ahead ? "hv" : "linear" },
      marker: { symbol, size: 7, color: token(color) },
      hovertemplate: `%{y:,.0f} ${given.names[track]}${ahead ? `, ${given.names.ahead}` : ""}<extra></extra>`,
    };
  };
  const tracks = Object.keys(LINES);
  const top = Math.max(...[given.past, given.ahead].flatMap(({ total }) => total.map(Number)), 1) * 1.12;
  const seen = given.thresholds.filter(({ value }) => Number(value) <= top);
  const label = (y, text, color) => ({
    xref: "paper", x: 1, xanchor: narrow ? "right" : "left", xshift: narrow ? 0 : 8, y, yanchor: narrow ? "bottom" : "middle",
    text, showarrow: false, font: { color: token(color), weight: 600 },
  });
  // A label at the right end avoids those already there.
  const placed = [];
  const clear = (y) => placed.every((other) => Math.abs(other - y) > top * 0.075) && placed.push(y);
  const ends = seen.filter(({ open, value }) => open && clear(Number(value)));
  const now = given.ahead.days.length ? given.ahead : given.past;
  const last = Number(now.total.at(-1));
  const total = !narrow && clear(last) ? [label(last, given.names.total, "ink")] : [];
  const upright = (x, color, dash, thick) => ({
    type: "line", yref: "paper", y0: 0, y1: 1, x0: x, x1: x, line: { color: token(color), width: thick, dash },
  });
  return {
    data: [
      ...tracks.map((track) => line(track, given.past, false)),
      ...(given.ahead.days.length ? tracks.map((track) => line(track, given.ahead, true)) : []),
    ],
    layout: layout({
      height: narrow ? 216 : 256, margin: { l: 40, r: narrow ? 8 : 120, t: 44, b: 32 },
      shapes: [
        ...(given.today ? [{
          type: "rect", layer: "below", x0: given.today, x1: given.until, yref: "paper", y0: 0, y1: 1, fillcolor: token("sunken"), line: { width: 0 },
        }] : []),
        ...seen.map(({ value, from, to }) => ({
          type: "line", x0: from, x1: to, y0: Number(value), y1: Number(value), line: { color: token("ink"), width: 1 },
        })),
        ...given.reviews.map(({ on }) => upright(on, "ink-3", "dot", 1)),
        ...(given.today ? [upright(given.today, "ink", "solid", 1.5)] : []),
      ],
      xaxis: { type: "date", range: [given.past.days[0], given.until], hoverformat: "%-d %b %Y", tickformat: "%b %y", nticks: narrow ? 4 : 9 },
      yaxis: { range: [0, top], rangemode: "normal" },
      annotations: [
        ...ends.map(({ tier, value, label: text }) => label(Number(value), text ?? tier, "ink")),
        ...total,
        ...(narrow || given.reviews.length > 6 ? [] : given.reviews.map(({ on, label: text }) => ({
          yref: "paper", y: 1, yanchor: "bottom", x: on, text, showarrow: false,
        }))),
        ...(given.today ? [{
          yref: "paper", y: 1, yanchor: "top", x: given.today, xanchor: "left", xshift: 4, text: given.names.today, showarrow: false, font: { color: token("ink"), weight: 600 },
        }] : []),
      ],
    }),
  };
};

const KINDS = { bridge, stacked, lines, timeline };

// Plotly is fetched once, when the first chart comes near the view.
let plotly = null;
const loadPlotly = () =>
  (plotly ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = plotlyAddress;
    script.onload = () => resolve(window.Plotly);
    script.onerror = () => reject(new Error("Plotly could not be loaded"));
    document.head.append(script);
  }));

const draw = async (plot) => {
  const figures = JSON.parse(document.getElementById(plot.dataset.figures).textContent);
  const Plotly = await loadPlotly();
  if (!plot.isConnected) return; // replaced while Plotly was loading
  const figure = KINDS[plot.dataset.chart](figures, plot.clientWidth);
  await Plotly.react(plot, figure.data, figure.layout, config);
  plot.dataset.drawn = plot.clientWidth;
};

const drawn = () => document.querySelectorAll("[data-chart][data-drawn]");
const near = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      near.unobserve(target);
      draw(target).then(
        () => widths.observe(target),
        () => (target.hidden = true), // the table is still there
      );
    }
  },
  { rootMargin: "400px" },
);
// Plotly follows the width by itself; the names and labels that depend on it are drawn anew.
const widths = new ResizeObserver((entries) => {
  for (const { target } of entries) {
    const was = Number(target.dataset.drawn);
    if (target.isConnected && target.clientWidth && was && Math.abs(target.clientWidth - was) > 1) draw(target);
  }
});

const watch = (root) => {
  for (const plot of root.querySelectorAll("[data-chart]:not([data-watched])")) {
    plot.dataset.watched = "";
    near.observe(plot);
  }
};
watch(document);
document.addEventListener("htmx:afterSettle", () => watch(document));

// Another theme has other colours.
const redraw = () => drawn().forEach(draw);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
new MutationObserver(redraw).observe(document.documentElement, { attributeFilter: ["data-theme"] });
