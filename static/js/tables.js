// Copies the rows that a table shows: as a table for documents and mails, and as tab-separated text for spreadsheets.

// A cell as it is read. A minus is one that spreadsheets know; what they would run as a formula is text.
const textOf = (cell) => {
  const copy = cell.cloneNode(true);
  for (const hidden of copy.querySelectorAll(".sr, svg, button, input")) hidden.remove();
  for (const line of copy.querySelectorAll(".sub, br")) line.before(" ");
  const text = copy.textContent.replace(/\s+/g, " ").trim().replace(/^−/, "-");
  return /^[=@]|^[+-](?![\d.,]+%?$)/.test(text) ? `'${text}` : text;
};

const rowsOf = (table) => {
  const ticks = table.tHead.querySelector("input") ? 1 : 0;
  return [...table.rows].map((row) =>
    [...row.cells].slice(ticks).flatMap((cell) => [textOf(cell), ...Array(cell.colSpan - 1).fill("")]),
  );
};

const asTable = (rows) => {
  const table = document.createElement("table");
  for (const cells of rows) {
    const row = table.insertRow();
    for (const text of cells) row.insertCell().textContent = text;
  }
  return table.outerHTML;
};

const blob = (type, text) => new Blob([text], { type });

document.addEventListener("click", async ({ target }) => {
  const button = target.closest("[data-copy-rows]");
  const table = button && document.getElementById(button.dataset.copyRows)?.querySelector("table.data");
  if (!table) return;
  const rows = rowsOf(table);
  const text = rows.map((cells) => cells.join("\t")).join("\n");
  // Without TLS a browser has no clipboard for tables, and only text is copied where it may be.
  if (navigator.clipboard?.write) {
    await navigator.clipboard.write([
      new ClipboardItem({ "text/html": blob("text/html", asTable(rows)), "text/plain": blob("text/plain", text) }),
    ]);
  } else {
    const area = document.createElement("textarea");
    area.value = text;
    button.after(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  const label = button.querySelector("span");
  button.dataset.label ??= label.textContent; // a second click finds "copied" there
  label.textContent = button.dataset.copied;
  document.dispatchEvent(new CustomEvent("portal:announce", { detail: button.dataset.copied }));
  setTimeout(() => (label.textContent = button.dataset.label), 4000);
});
