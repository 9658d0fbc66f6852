// The calculator's drawer: docked beside the page where there is room, over it where there is not. Its button is a link to the
// calculator's page, which is what it stays without this script.

const drawer = document.getElementById("calculator");
const wide = matchMedia("(width >= 76rem)");
let filled = false;
let opener = null;

const fill = () => {
  if (filled) return;
  filled = true;
  htmx.ajax("GET", drawer.dataset.source, { target: "#calculator-drawer", swap: "outerHTML" });
};

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-drawer]");
  if (!button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  opener = button;
  if (drawer.open) {
    drawer.close();
    return;
  }
  fill();
  if (wide.matches) drawer.show();
  else drawer.showModal();
});
drawer.addEventListener("close", () => opener?.focus());
// Modal, the browser closes it; docked, it closes unless something on top of the page has the key.
document.addEventListener("keydown", ({ key }) => {
  if (key !== "Escape" || !drawer.open || drawer.matches(":modal")) return;
  if (!document.querySelector("dialog:modal, details.menu[open]")) drawer.close();
});
drawer.addEventListener("click", ({ target }) => target === drawer && drawer.matches(":modal") && drawer.close());
