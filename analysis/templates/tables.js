// Tables sort by the head that is clicked, show the rows in which all words of a filter stand, gather rows that have
// one value in common, and are folded where they are long.
{
  const FOLDED = 12, FILTERED_FROM = 11;
  const keyOf = (row, column) => row.cells[column].dataset.v ?? row.cells[column].textContent.trim();
  const isEmpty = (text) => text === "" || text === "–";
  const numberOf = (text) => (isEmpty(text) ? NaN : Number(text.replace("−", "-").replaceAll(",", "")));

  function byColumn(rows, column, down) {
    const found = rows.map((row) => ({ row, key: keyOf(row, column), value: numberOf(keyOf(row, column)) }));
    const numeric = found.every((each) => !isNaN(each.value) || isEmpty(each.key));
    found.sort((a, b) => {
      if (isEmpty(a.key) || isEmpty(b.key)) return isEmpty(a.key) - isEmpty(b.key);
      const order = numeric ? a.value - b.value || 0 : a.key.localeCompare(b.key, "en", { numeric: true });
      return down ? -order : order;
    });
    return found.map((each) => each.row);
  }

  function gather(rows, column) {
    const groups = new Map();
    for (const row of rows) {
      const name = row.cells[column].textContent;
      if (!groups.has(name)) groups.set(name, []);
      groups.get(name).push(row);
    }
    return [...groups.values()].flat();
  }

  for (const table of document.querySelectorAll("table")) {
    const body = table.tBodies[0], heads = [...table.querySelectorAll("th button")], box = table.parentElement;
    let rows = [...body.rows], open = rows.length <= FOLDED + 3, words = [], grouped = -1;
    const more = Object.assign(document.createElement("button"), { type: "button", className: "more" });
    const show = () => {
      const fit = rows.filter((row) => words.every((word) => row.textContent.toLowerCase().includes(word)));
      const order = grouped < 0 ? fit : gather(fit, grouped);
      const shown = order.slice(0, open ? order.length : FOLDED), lines = [];
      let last = null;
      for (const row of shown) {
        const name = grouped < 0 ? null : row.cells[grouped].textContent;
        if (name !== last) {
          const head = document.createElement("tr"), cell = document.createElement("th");
          head.className = "group";
          cell.colSpan = heads.length;
          cell.textContent = `${heads[grouped].textContent}: ${name || "–"}`;
          head.append(cell);
          lines.push(head);
          last = name;
        }
        lines.push(row);
      }
      body.replaceChildren(...lines);
      more.hidden = order.length <= FOLDED + 3 && !words.length;
      more.textContent = open ? "fewer rows" : `all ${order.length} rows`;
      if (shown.length === order.length && !open) more.hidden = true;
    };
    heads.forEach((button, column) => {
      button.addEventListener("click", () => {
        const head = button.parentElement, down = head.getAttribute("aria-sort") === "ascending";
        table.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        rows = byColumn(rows, column, down);
        show();
      });
    });
    if (rows.length > FILTERED_FROM) {
      const tools = document.createElement("div"), filter = document.createElement("input");
      tools.className = "tools";
      Object.assign(filter, { type: "search", placeholder: "filter rows" });
      filter.setAttribute("aria-label", "filter rows");
      filter.addEventListener("input", () => { words = filter.value.toLowerCase().split(/\s+/).filter(Boolean); show(); });
      tools.append(filter);
      const gathered = heads.map((head, column) => [head.textContent, column, new Set(rows.map((row) => row.cells[column].textContent)).size])
        .filter(([, column, count]) => count > 1 && count <= rows.length / 2 && !rows[0].cells[column].classList.contains("number"));
      if (gathered.length) {
        const select = document.createElement("select");
        select.setAttribute("aria-label", "group rows by");
        select.append(new Option("not grouped", -1), ...gathered.map(([name, column]) => new Option(`by ${name}`, column)));
        select.addEventListener("change", () => { grouped = Number(select.value); show(); });
        tools.append(select);
      }
      box.before(tools);
      more.addEventListener("click", () => { open = !open; show(); });
      box.after(more);
      show();
    }
  }
}
