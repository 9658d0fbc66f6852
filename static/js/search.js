// The search of the portal and the keys of every page. Without this file the box leads to the page of results.

const keys = document.getElementById("keys");
const boxes = () => [...document.querySelectorAll("[data-search]")];
const visible = (element) => element.checkVisibility();
const TYPES = "input, textarea, select, [contenteditable]";

const openSearch = () => {
  const box = boxes().filter(visible).at(-1);
  if (box) {
    box.focus();
    box.select();
  } else document.querySelector(".search-link")?.click();
};

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  const shortcut = (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && key.toLowerCase() === "k";
  const single = keys?.hasAttribute("data-single") && !event.ctrlKey && !event.metaKey && !event.altKey && !target.closest(TYPES);
  if (document.querySelector("dialog:modal")) return;
  if (shortcut || (single && key === "/")) openSearch();
  else if (single && key === "?") keys.togglePopover();
  else return;
  event.preventDefault();
});

// Arrows go from the box through the hits and back; Escape takes the hits away.
document.addEventListener("keydown", (event) => {
  const box = event.target.closest(".search-box")?.querySelector("[data-search]") ?? boxes().find((each) => each === event.target);
  const hits = document.getElementById(event.target.closest(".search-box") ? "search-hits" : "page-hits");
  if (!hits || (!box && !hits.contains(event.target))) return;
  if (event.key === "Escape" && box && hits.childElementCount) {
    hits.replaceChildren();
    box.focus();
    event.preventDefault();
  }
  if (event.key !== "ArrowDown" && event.key !== "ArrowUp") return;
  const stops = [box ?? boxes().filter(visible).at(-1), ...hits.querySelectorAll("a")];
  const next = stops.indexOf(document.activeElement) + (event.key === "ArrowDown" ? 1 : -1);
  stops[Math.min(Math.max(next, 0), stops.length - 1)].focus();
  event.preventDefault();
});
