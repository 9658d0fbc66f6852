// Before a range changes, the address is given the one that was shown: Back then leads to it, whatever was chosen since.

const nameRange = ({ target }) => {
  const control = target.closest("details.range");
  if (!control || !target.closest("a, form")) return;
  const controls = target.closest("[data-all-sections]") ? document.querySelectorAll("details.range") : [control];
  const here = new URL(location.href);
  for (const { dataset } of controls) {
    for (const [name, value] of new URLSearchParams(dataset.unnamed)) here.searchParams.set(name, value);
  }
  if (here.href !== location.href) history.replaceState(history.state, "", here);
};
// In the capture phase, so that it is done when htmx asks or the browser leaves.
document.addEventListener("click", nameRange, true);
document.addEventListener("submit", nameRange, true);
