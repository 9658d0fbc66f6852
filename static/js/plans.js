// A row's day counts only while the row is ticked: the address of a plan holds no more than the plan.
document.addEventListener(
  "change",
  ({ target }) => {
    if (!target.matches(".plan-rows input[type=checkbox]")) return;
    const day = target.closest("tr").querySelector("input[type=date]");
    day.disabled = !target.checked;
  },
  true,
);
