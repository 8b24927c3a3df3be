// Tables sort by the head that is clicked: numbers as numbers, empty cells last, ties as they were.
for (const table of document.querySelectorAll("table")) {
  table.querySelectorAll("th button").forEach((button, column) => {
    button.addEventListener("click", () => {
      const head = button.parentElement, body = table.tBodies[0];
      const down = head.getAttribute("aria-sort") === "ascending";
      table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
      const number = (text) => (text === "" || text === "–" ? NaN : Number(text));
      const rows = [...body.rows].map((row) => ({ row, key: key(row), value: number(key(row)) }));
      const numeric = rows.every((each) => !isNaN(each.value) || each.key === "" || each.key === "–");
      rows.sort((a, b) => {
        const emptyA = a.key === "" || a.key === "–", emptyB = b.key === "" || b.key === "–";
        if (emptyA || emptyB) return emptyA - emptyB;
        const order = numeric ? a.value - b.value || 0 : a.key.localeCompare(b.key, "en", { numeric: true });
        return down ? -order : order;
      });
      body.append(...rows.map((each) => each.row));
    });
  });
}
