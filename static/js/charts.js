// Charts are drawn by the server. Here they say the values of a place: under the mouse or a finger, and by the arrow keys.

const box = document.createElement("div");
box.className = "chart-tip";
box.setAttribute("aria-hidden", "true"); // screen readers hear `said`
const said = document.createElement("p");
said.className = "sr";
said.setAttribute("role", "status");
const hint = document.getElementById("charts-script").dataset.hint;

// Texts move out of <title>, or the browser would show them a second time; charts become places of the keyboard.
const prepare = () => {
  for (const plot of document.querySelectorAll("[data-chart]:not([tabindex])")) {
    for (const title of plot.querySelectorAll(".stop > title")) {
      title.parentElement.dataset.tip = title.textContent;
      title.remove();
    }
    plot.tabIndex = 0;
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", `${plot.querySelector("svg").getAttribute("aria-label")}. ${hint}`);
  }
};

let shown = null; // the stop whose values are shown
const hide = () => {
  shown?.classList.remove("on");
  shown = null;
  box.remove();
};
const show = (stop) => {
  if (stop === shown) return;
  hide();
  shown = stop;
  stop.classList.add("on");
  const plot = stop.closest("[data-chart]");
  const [name, ...values] = stop.dataset.tip.split("\n");
  const head = document.createElement("b");
  head.textContent = name;
  box.replaceChildren(head, ...values.map((value) => {
    const line = document.createElement("span");
    line.textContent = value;
    return line;
  }));
  plot.append(box);
  // Beside the place, on the side with more room; within the window on a phone.
  const at = stop.getBoundingClientRect();
  const around = plot.getBoundingClientRect();
  const middle = at.left + at.width / 2;
  const right = middle < document.documentElement.clientWidth / 2;
  const left = right ? Math.min(middle + 12, document.documentElement.clientWidth - box.offsetWidth - 4) : Math.max(middle - 12 - box.offsetWidth, 4);
  box.style.left = `${left - around.left}px`;
};

document.addEventListener("pointerover", (event) => {
  const stop = event.target.closest(".stop[data-tip]");
  if (stop) show(stop);
  else if (shown && !event.target.closest("[data-chart]")) hide();
});
document.addEventListener("pointerdown", (event) => {
  if (shown && !event.target.closest("[data-chart]")) hide();
});

document.addEventListener("keydown", (event) => {
  if (!event.target.matches?.("[data-chart]") || event.ctrlKey || event.metaKey || event.altKey) return;
  const stops = [...event.target.querySelectorAll(".stop")];
  const at = stops.indexOf(shown);
  const far = Math.max(1, Math.round(stops.length / 10));
  const to = {
    ArrowRight: at + 1, ArrowLeft: at < 0 ? stops.length - 1 : at - 1, PageDown: at + far, PageUp: at - far, Home: 0, End: stops.length - 1,
  }[event.key];
  if (event.key === "Escape" && shown) {
    hide();
    event.stopPropagation();
  } else if (to !== undefined && stops.length) {
    event.preventDefault();
    show(stops[Math.min(Math.max(to, 0), stops.length - 1)]);
    event.target.after(said);
    said.textContent = shown.dataset.tip.replaceAll("\n", ", ");
  }
});
document.addEventListener("focusout", (event) => {
  if (event.target.matches?.("[data-chart]")) {
    hide();
    said.remove();
  }
});

prepare();
document.addEventListener("htmx:afterSettle", () => {
  if (!box.isConnected) shown = null;
  prepare();
});
