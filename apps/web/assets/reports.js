// Optional behaviour of report pages: a tooltip on the chart, keyboard shortcuts and live updates. Without
// the script, the numbers are in the table below the chart, and the ranges are links.

for (const chart of document.querySelectorAll(".chart")) {
  const field = chart.querySelector(".field"), tip = chart.querySelector(".tip"), at = chart.querySelector(".at");
  const rows = [...chart.querySelectorAll("tbody tr")].map((row) => [...row.cells].map((cell) => cell.textContent));
  const names = [...chart.querySelectorAll("thead th")].map((cell) => cell.textContent);
  const hide = () => { tip.hidden = true; at.setAttribute("d", ""); };
  field.addEventListener("pointerleave", hide);
  field.addEventListener("pointermove", (event) => {
    if (rows.length === 0) return;
    const box = field.getBoundingClientRect();
    const steps = Math.max(rows.length - 1, 1);
    const index = Math.min(Math.max(Math.round(((event.clientX - box.left) / box.width) * steps), 0), rows.length - 1);
    const [time, ...values] = rows[index];
    tip.replaceChildren(Object.assign(document.createElement("b"), { textContent: time }),
      ...values.map((value, column) => Object.assign(document.createElement("div"), { textContent: `${names[column + 1]}: ${value}` })));
    tip.hidden = false;
    const x = (index / steps) * box.width;
    tip.style.transform = `translateX(${Math.min(Math.max(x - tip.offsetWidth / 2, 0), box.width - tip.offsetWidth)}px)`;
    at.setAttribute("d", `M${(index / steps) * 1000} 0V200`);
  });
}

const shortcuts = document.querySelector(".keys"), enabled = document.getElementById("keys-on");
if (shortcuts && enabled) {
  const setting = "millimetric-keys";
  enabled.parentElement.hidden = false;
  enabled.checked = localStorage.getItem(setting) !== "off";
  enabled.addEventListener("change", () => localStorage.setItem(setting, enabled.checked ? "on" : "off"));
  document.addEventListener("keydown", (event) => {
    if (!enabled.checked || event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
    if (event.key === "?") { shortcuts.open = !shortcuts.open; shortcuts.scrollIntoView({ block: "nearest" }); return; }
    document.querySelector(`[data-key="${CSS.escape(event.key)}"]`)?.click();
  });
}

// The live view: new events are added at the top, and open events stay open.
const state = document.querySelector("[data-stream]");
if (state && window.EventSource) {
  const list = document.getElementById("live-events"), most = 200;
  const source = new EventSource(state.dataset.stream);
  source.addEventListener("open", () => { state.textContent = "Live. New events appear automatically."; });
  source.addEventListener("error", () => {
    state.textContent = source.readyState === EventSource.CLOSED ? "Disconnected. Reload the page." : "Reconnecting…";
  });
  source.addEventListener("now", (event) => { document.getElementById("live-now").innerHTML = event.data; });
  source.addEventListener("events", (event) => {
    const fresh = document.createElement("template");
    fresh.innerHTML = event.data;
    const known = new Set([...list.children].map((row) => row.dataset.id));
    const rows = [...fresh.content.children].filter((row) => !known.has(row.dataset.id));
    list.prepend(...rows);
    for (const row of [...list.children].slice(most)) row.remove();
    if (rows.length > 0) document.getElementById("live-empty")?.remove();
  });
}
