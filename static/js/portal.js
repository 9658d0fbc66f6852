// Menus, theme, file drop zones, and what readers learn of htmx requests. Dialogs are in dialogs.js, charts in charts.js.

const root = document.documentElement;

// Other scripts announce a text in the polite live region with
// document.dispatchEvent(new CustomEvent("portal:announce", { detail: text })).
const announce = (text) => {
  const live = document.getElementById("live");
  live.textContent = "";
  requestAnimationFrame(() => (live.textContent = text));
};
document.addEventListener("portal:announce", ({ detail }) => announce(detail));

// Style sheets show [data-with-script] from here on, and leave out [data-without-script], the buttons that only somebody without
// JavaScript needs. A <noscript>
// would leave them out as well where the script was blocked or did not arrive.
root.classList.add("scripted");

// Menus are <details>: they close on Escape and on a click elsewhere.
const closeMenus = (except) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) if (menu !== except) menu.open = false;
};
document.addEventListener("click", ({ target }) => closeMenus(target.closest("details.menu")));
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  const menu = event.target.closest("details.menu[open]");
  closeMenus();
  if (!menu) return;
  menu.querySelector("summary").focus();
  event.preventDefault(); // an open dialog around the menu stays open
});

// A menu that opens stays inside the window: the page scrolls as far as it can, a panel that is still too long scrolls, and
// one that would end beside the window moves.
const EDGE = 8; // pixels of air around a panel
const LEAST = 160; // pixels of a panel that are always there
const fit = (menu) => {
  const panel = menu.querySelector(":scope > .menu-panel");
  if (!panel) return;
  for (const name of ["--room", "--shift"]) panel.style.removeProperty(name);
  panel.scrollIntoView({ block: "nearest", inline: "nearest", behavior: "instant" });
  const { top, left, right } = panel.getBoundingClientRect();
  const end = root.clientWidth - EDGE;
  panel.style.setProperty("--room", `${Math.max(innerHeight - EDGE - top, LEAST)}px`);
  panel.style.setProperty("--shift", `${right > end ? Math.max(end - right, EDGE - left) : Math.max(0, EDGE - left)}px`);
};
// The event of <details> does not bubble.
document.addEventListener("toggle", ({ target }) => target.matches?.("details.menu[open]") && fit(target), true);
addEventListener("resize", () => document.querySelectorAll("details.menu[open]").forEach(fit));

// Theme and density show immediately; the form saves them for the person.
document.addEventListener("change", ({ target }) => {
  if (!target.matches("[data-appearance] input")) return;
  if (target.value) root.dataset[target.name] = target.value;
  else delete root.dataset[target.name];
});

// Tabs that do not fit scroll: the current one is in view.
for (const current of document.querySelectorAll(".tabs > [aria-current]")) {
  const tabs = current.parentElement;
  tabs.scrollLeft = current.offsetLeft - tabs.offsetLeft - (tabs.clientWidth - current.offsetWidth) / 2;
}

// A drop zone holds a file input: files dropped on it are chosen in it, and their names are listed.
const describe = (zone, input) => {
  const list = zone.querySelector("[data-chosen]");
  if (!list) return;
  list.replaceChildren(
    ...[...input.files].map((file) => {
      const item = document.createElement("li");
      item.textContent = file.name;
      return item;
    }),
  );
};
document.addEventListener("dragover", (event) => {
  const zone = event.target.closest?.("[data-drop]");
  if (!zone) return;
  event.preventDefault();
  zone.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  const zone = event.target.closest?.("[data-drop]");
  if (zone && !zone.contains(event.relatedTarget)) zone.classList.remove("over");
});
document.addEventListener("drop", (event) => {
  const zone = event.target.closest?.("[data-drop]");
  if (!zone) return;
  event.preventDefault();
  zone.classList.remove("over");
  const input = zone.querySelector("input[type=file]");
  input.files = event.dataTransfer.files;
  input.dispatchEvent(new Event("change", { bubbles: true }));
});
document.addEventListener("change", ({ target }) => {
  const zone = target.closest("[data-drop]");
  if (zone && target.matches("input[type=file]")) describe(zone, target);
});

// A part that is being fetched is busy; when it has come, an element with data-announce announces what it shows.
document.addEventListener("htmx:beforeRequest", ({ detail }) => detail.target?.setAttribute("aria-busy", "true"));
document.addEventListener("htmx:afterRequest", ({ detail }) => detail.target?.removeAttribute("aria-busy"));
document.addEventListener("htmx:afterSettle", ({ detail }) => {
  const announced = detail.elt.closest("[data-announce]") ?? detail.elt.querySelector("[data-announce]");
  if (announced) announce(announced.dataset.announce);
});

// A failed part shows that in its own place and leaves the rest of the page alone.
const showError = (kind, target) => {
  const notice = document.getElementById(`error-${kind}`).content.cloneNode(true).firstElementChild;
  notice.dataset.requestError = "";
  notice.querySelector("a").href = location.href;
  const part = target && target !== document.body ? target : document.getElementById("main");
  const place = part.matches("details") ? part.querySelector(":scope > .sheet-body") : part; // not above its title
  place.querySelector(":scope > [data-request-error]")?.remove();
  place.prepend(notice);
};
// A part that is rejected because the person has too many requests running is requested again, a few times; but not after
// its dialog was closed or something else was requested in its place.
const latest = new WeakMap(); // by target
const retried = new WeakMap(); // by element: how often
document.addEventListener("htmx:beforeRequest", ({ detail }) => detail.target && latest.set(detail.target, detail.xhr));
const retry = ({ xhr, elt, requestConfig }) => {
  const seconds = Number(xhr.getResponseHeader("Retry-After"));
  const times = retried.get(elt) ?? 0;
  if (xhr.status !== 503 || requestConfig.verb !== "get" || !seconds || times === 5) return false;
  retried.set(elt, times + 1);
  const { path, target } = requestConfig;
  setTimeout(() => {
    if (!elt.isConnected || latest.get(target) !== xhr || target.closest("dialog:not([open])")) return;
    htmx.ajax("GET", path, { source: elt, target });
  }, seconds * 1000);
  return true;
};
document.addEventListener("htmx:afterRequest", ({ detail }) => detail.successful && retried.delete(detail.elt));
document.addEventListener("htmx:responseError", ({ detail }) => {
  if (retry(detail)) return;
  const kinds = { 401: "denied", 403: "denied", 404: "missing", 410: "missing", 503: "busy" };
  showError(kinds[detail.xhr.status] ?? "failed", detail.target);
});
for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, ({ detail }) => showError("offline", detail.target));
}
