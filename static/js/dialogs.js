// The one dialog of a page. A link with hx-target="#dialog" loads the inside of its page into it, under that page's own
// address: a reload, a copied link and a click with Ctrl open it as a page. Back goes to what the dialog showed before, and
// then closes it.

const dialog = document.getElementById("dialog");
const here = () => location.pathname + location.search;

// An entry of the history that belongs to the dialog knows how deep it is, and over which page it was opened.
const depth = () => history.state?.dialog ?? 0;
const entry = (level) => ({ dialog: level, over: pageAddress });

// What the page under the dialog shows. htmx moves it when a panel changes its range or target.
let pageAddress = here();
for (const name of ["htmx:pushedIntoHistory", "htmx:replacedInHistory"]) {
  document.addEventListener(name, () => (pageAddress = here()));
}

// What was loaded where a dialog stood is a page.
if (depth()) history.replaceState(null, "");

// Clicks that ask for a new tab or window are the browser's.
const isForBrowser = (event) => event.ctrlKey || event.metaKey || event.shiftKey || event.altKey;
document.addEventListener(
  "click",
  (event) => isForBrowser(event) && event.target.closest("a[hx-get]") && event.stopImmediatePropagation(),
  true,
);

// Choices left empty stay out of the address.
document.addEventListener("htmx:configRequest", ({ detail }) => {
  if (!detail.elt.closest("form[role=search]")) return;
  for (const [name, value] of Object.entries(detail.parameters)) if (value === "") delete detail.parameters[name];
});

// The dialog opens immediately and shows that it is loading.
let opener = null;
let loading = null;
let returning = false;
document.addEventListener("htmx:beforeSend", ({ detail }) => {
  if (detail.target !== dialog && !dialog.contains(detail.elt)) return;
  loading = detail.xhr;
  if (dialog.open) return;
  opener = detail.elt;
  dialog.replaceChildren(document.getElementById("dialog-loading").content.cloneNode(true));
  dialog.showModal();
});

// What it shows has an entry of its own; other rows of the same figure take the place of those before.
document.addEventListener("htmx:afterRequest", ({ detail }) => {
  if (!detail.successful || !dialog.open) return;
  const address = detail.pathInfo.responsePath ?? detail.pathInfo.finalRequestPath;
  // An address that names a place on the page would take the focus there when the dialog closes.
  if (!depth() && location.hash) history.replaceState(history.state, "", here());
  if (detail.target.id === "dialog-rows" || (detail.target === dialog && returning)) history.replaceState(entry(depth()), "", address);
  else if (detail.target === dialog) history.pushState(entry(depth() + 1), "", address);
  if (detail.target === dialog) returning = false;
});

// A failed load is reported where the rows would be. portal.js has put the notice on top of the dialog.
const moveNotice = () => {
  const notice = dialog.querySelector(":scope > [data-request-error]");
  if (notice) dialog.querySelector(".dialog-main").replaceChildren(notice);
};
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, ({ detail }) => detail.target === dialog && queueMicrotask(moveNotice));
}

// Closing stops what still loads, leaves the dialog's entries of the history, and gives the focus back to the figure.
dialog.addEventListener("close", () => {
  loading?.abort();
  loading = null;
  dialog.replaceChildren();
  if (document.activeElement === document.body) opener?.focus();
  if (depth()) history.go(-depth());
});
dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());

// Back and Forward. htmx would put the other page into the body of this one; loading it is surer.
addEventListener(
  "popstate",
  (event) => {
    event.stopImmediatePropagation();
    if (!depth() && here() === pageAddress) return dialog.close();
    if (!depth() || history.state.over !== pageAddress) return location.reload();
    returning = true;
    htmx.ajax("GET", here(), { target: dialog, swap: "innerHTML" });
  },
  true,
);
