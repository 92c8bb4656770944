function element(name, properties, ...children) {
  const node = Object.assign(document.createElement(name), properties || {});
  node.append(...children);
  return node;
}

function written(value, digits) {
  if (value === null) return "–";
  return typeof value === "number" && digits !== null ? value.toFixed(digits) : String(value);
}

function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null); // last, either way
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b));
}

export default function ({ data, parentElement }) {
  if (!data) return;
  const root = parentElement.querySelector(".scroll");
  const { label, columns, rows } = JSON.parse(data.json);
  root.setAttribute("aria-label", label);
  const numeric = columns.map((_, at) => rows.some((row) => typeof row[at] === "number"));
  const body = element("tbody");
  const fill = () => {
    const { column, descending } = root.order || {};
    const sorted = [...rows];
    if (column !== undefined) {
      sorted.sort((a, b) => {
        const [x, y] = [a[column], b[column]];
        const sign = descending && x !== null && y !== null ? -1 : 1;
        return sign * compare(x, y);
      });
    }
    body.replaceChildren(...sorted.map((row) => element("tr", {}, ...row.map((value, at) =>
      element("td", {
        className: numeric[at] ? "number" : "",
        textContent: written(value, columns[at].digits),
      })))));
    heads.forEach((head, at) => {
      head.setAttribute("aria-sort", at !== column ? "none" : descending ? "descending" : "ascending");
    });
  };
  const heads = columns.map(({ title }, at) => {
    const button = element("button", { type: "button", textContent: title });
    button.onclick = () => {
      const descending = root.order && root.order.column === at && !root.order.descending;
      root.order = { column: at, descending };
      fill();
    };
    const head = element("th", { className: numeric[at] ? "number" : "" }, button);
    head.setAttribute("scope", "col");
    return head;
  });
  fill();
  root.replaceChildren(element("table", {}, element("thead", {}, element("tr", {}, ...heads)), body));
}
