// The one dialog of a page. A link with hx-target="#dialog" loads the inside of its page into it, under that page's own
// address: a reload, a copied link and a click with Ctrl open it as a page, and Back closes the dialog.

const dialog = document.getElementById("dialog");
const here = () => location.pathname + location.search;
const inDialogEntry = () => history.state?.dialog === true;

// A page that was loaded where a dialog stood is a page.
if (inDialogEntry()) history.replaceState(null, "");

// What the page under the dialog shows. htmx moves it when a panel changes its range or target.
let pageAddress = here();
for (const name of ["htmx:pushedIntoHistory", "htmx:replacedInHistory"]) {
  document.addEventListener(name, () => (pageAddress = here()));
}

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

// The dialog opens at once and says that it is loading.
let opener = null;
let loading = null;
document.addEventListener("htmx:beforeSend", ({ detail }) => {
  if (detail.target !== dialog) return;
  loading = detail.xhr;
  if (dialog.open) return;
  opener = detail.elt;
  dialog.replaceChildren(document.getElementById("dialog-loading").content.cloneNode(true));
  dialog.showModal();
});
document.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (!dialog.open || !dialog.contains(detail.elt)) return;
  const address = detail.pathInfo.responsePath ?? detail.pathInfo.finalRequestPath;
  if (inDialogEntry()) history.replaceState({ dialog: true }, "", address);
  else history.pushState({ dialog: true }, "", address);
});

// What could not be loaded is said where the rows would be. portal.js has put the notice on top of the dialog.
const moveNotice = () => {
  const notice = dialog.querySelector(":scope > [data-request-error]");
  if (notice) dialog.querySelector(".dialog-main").replaceChildren(notice);
};
for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, ({ detail }) => detail.target === dialog && queueMicrotask(moveNotice));
}

// Closing stops what still loads, leaves the dialog's entry in the history, and gives the focus back to the figure.
dialog.addEventListener("close", () => {
  loading?.abort();
  loading = null;
  dialog.replaceChildren();
  if (document.activeElement === document.body) opener?.focus();
  if (inDialogEntry()) history.back();
});
dialog.addEventListener("click", ({ target }) => target === dialog && dialog.close());

// Back and Forward. htmx would put the other page into the body of this one; loading it is surer.
addEventListener(
  "popstate",
  (event) => {
    event.stopImmediatePropagation();
    if (here() === pageAddress) dialog.close();
    else if (inDialogEntry()) htmx.ajax("GET", here(), { target: dialog, swap: "innerHTML" });
    else location.reload();
  },
  true,
);
