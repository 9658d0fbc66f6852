// The sections of a page: the menu shows which one is being read, a link opens the panel that it leads to, and what a reader
// folds is stored. Without this script the links and <details> work, and the page that arranges the panels stores the rest.

const menu = document.querySelector("[data-sections]");
const links = new Map([...menu.querySelectorAll("a[href^='#']")].map((link) => [link.hash.slice(1), link]));

const store = (panel, open) => {
  const body = new URLSearchParams({ [open ? "unfold" : "fold"]: panel.id });
  const headers = JSON.parse(document.body.getAttribute("hx-headers"));
  fetch(menu.dataset.layout, { method: "POST", headers, body, redirect: "manual", keepalive: true }).catch(() => {});
};
document.addEventListener("click", ({ target }) => {
  const panel = target.closest("summary")?.parentElement;
  if (panel?.matches("[data-fold]")) store(panel, !panel.open);
});

// A link to a folded panel opens it, this time.
const reveal = (hash) => {
  const panel = hash && document.getElementById(hash.slice(1))?.closest("[data-fold]");
  if (panel) panel.open = true;
};
menu.addEventListener("click", ({ target }) => reveal(target.closest("a")?.hash));
addEventListener("hashchange", () => reveal(location.hash));
reveal(location.hash);

// The first section that crosses a line below the menu is the current one.
const crossed = new Set();
const mark = () => {
  const current = [...links.keys()].find((id) => crossed.has(id));
  for (const [id, link] of links) {
    if (id === current) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
  menu.scrollTo({ left: current ? links.get(current).offsetLeft - menu.clientWidth / 3 : 0 });
};
const crossing = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) crossed[isIntersecting ? "add" : "delete"](target.id);
    mark();
  },
  { rootMargin: "-20% 0px -79% 0px" },
);
const watch = () => {
  for (const id of links.keys()) {
    const section = document.getElementById(id);
    if (section) crossing.observe(section);
  }
};
watch();
document.addEventListener("htmx:afterSettle", watch); // a panel that was replaced is another element
