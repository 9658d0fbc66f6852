// Ticked rows and the side pane. Ticks belong to the form in the pane by the HTML attribute `form`.

const ticks = () => [...document.querySelectorAll("input[name=row]:checked")];

// The button of the pane shows whether it takes all rows or the ticked ones.
const label = () => {
  const button = document.querySelector("[data-side] [data-ticks]");
  if (!button) return;
  button.dataset.all ??= button.textContent;
  const count = ticks().length;
  button.textContent = count ? button.dataset.ticks.replace("{n}", count) : button.dataset.all;
};

document.addEventListener("change", ({ target }) => {
  if (target.matches("[data-tick-all]")) {
    for (const box of target.closest("table").querySelectorAll("input[name=row]")) box.checked = target.checked;
  }
  if (target.matches("[data-tick-all], input[name=row]")) label();
});
document.addEventListener("htmx:afterSettle", label);

// A pane closes without leaving its page, and the place for the next one stays. The focus goes back to what opened it.
document.addEventListener("click", ({ target }) => {
  const button = target.closest("[data-close-side]");
  if (!button) return;
  const side = button.closest("[data-side]");
  const place = document.createElement("div");
  place.id = side.id;
  place.hidden = true;
  side.replaceWith(place);
  const actions = [...document.querySelectorAll(`a[hx-target="#${place.id}"]`)];
  const path = side.getAttribute("action")?.split("?")[0]; // the columns shown, in the query, may have changed since
  (actions.find((link) => link.pathname === path) ?? actions[0])?.focus();
});

// Focus goes into a pane that has opened.
document.addEventListener("htmx:afterSettle", ({ detail }) => {
  if (!detail.elt.matches("[data-side]")) return;
  const first = detail.elt.querySelector("[data-pressed]:enabled") ?? detail.elt.querySelector("[tabindex='-1']");
  first?.focus();
});

// Another form on the page that takes the ticked rows.
document.addEventListener("submit", ({ target }) => {
  if (!target.matches("[data-takes-ticks]")) return;
  for (const old of target.querySelectorAll("input[name=row]")) old.remove();
  for (const box of ticks()) {
    const copy = document.createElement("input");
    Object.assign(copy, { type: "hidden", name: "row", value: box.value });
    target.append(copy);
  }
});
