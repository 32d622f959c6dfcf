// Optional behaviour of the documentation: the search, copy buttons, the language of the samples, the menu on
// phones. Every page also works without it.

const search = document.getElementById("search");
const results = document.getElementById("results");
const found = document.getElementById("found");
const MOST = 20;
let entries;

/// The index, loaded once; without a connection, the links of the menu.
async function load() {
  entries ??= fetch("/docs/search.json").then((response) => {
    if (!response.ok) throw new Error(response.statusText);
    return response.json();
  }).catch(() => [...document.querySelectorAll("#menu a")].map((link) => [link.href, link.textContent, "", "", ""]));
  return entries;
}

/// How well an entry fits: every word has to be in it; the title counts most.
function score([, title, place, text, words], wanted) {
  const [head, rest] = [title.toLowerCase(), `${place} ${text} ${words}`.toLowerCase()];
  let sum = 0;
  for (const word of wanted) {
    if (head.startsWith(word)) sum += 8;
    else if (head.includes(word)) sum += 5;
    else if (rest.includes(word)) sum += 1;
    else return 0;
  }
  return sum;
}

function element(name, className, text) {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
}

async function show() {
  const typed = search.value;
  const wanted = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const all = await load();
  if (typed !== search.value) return;
  const fitting = all.map((entry) => ({ entry, score: wanted.length ? score(entry, wanted) : 0 })).filter((one) => one.score > 0);
  // The sort is stable, so that entries of one score keep the order of the index.
  fitting.sort((a, b) => b.score - a.score);
  results.replaceChildren(...fitting.slice(0, MOST).map(({ entry: [address, title, place, text] }) => {
    const link = element("a", "", "");
    link.href = address;
    link.append(element("strong", "", title), element("span", "soft small", [place, text].filter(Boolean).join(" · ")));
    const item = document.createElement("li");
    item.append(link);
    return item;
  }));
  results.hidden = fitting.length === 0;
  found.textContent = wanted.length === 0 ? "" : fitting.length === 1 ? "1 result" : `${fitting.length} results`;
}

function close() {
  results.hidden = true;
}

search.closest("[hidden]").hidden = false;
search.addEventListener("focus", load, { once: true });
search.addEventListener("input", show);
search.addEventListener("keydown", (event) => {
  const links = results.hidden ? [] : [...results.querySelectorAll("a")];
  if (event.key === "Enter") links[0]?.click();
  if (event.key === "Escape") close();
  if (event.key === "ArrowDown" && links.length > 0) {
    event.preventDefault();
    links[0].focus();
  }
});
results.addEventListener("keydown", (event) => {
  const item = document.activeElement.closest("li");
  const to = { ArrowDown: item?.nextElementSibling, ArrowUp: item?.previousElementSibling }[event.key];
  if (event.key === "Escape" || (event.key === "ArrowUp" && !to)) search.focus();
  if (event.key === "Escape") close();
  if (to) to.firstElementChild.focus();
  if (event.key.startsWith("Arrow")) event.preventDefault();
});
results.addEventListener("click", close);
document.addEventListener("pointerdown", (event) => {
  if (!event.target.closest(".find")) close();
});
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select");
  if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    search.focus();
  }
});

for (const input of document.querySelectorAll(".languages input")) {
  input.checked = input.value === localStorage.getItem("docs-language") || input.checked;
  input.addEventListener("change", () => localStorage.setItem("docs-language", input.value));
}

if (navigator.clipboard) {
  for (const code of document.querySelectorAll(".sample pre, .prose pre")) {
    const button = element("button", "button quiet small copy-code", "Copy");
    button.type = "button";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
    const around = document.createElement("div");
    around.className = "copied";
    code.replaceWith(around);
    around.append(code, button);
  }
}

// On phones the menu lies over the page, and a link of it may lead to the same page.
const menu = document.getElementById("menu");
menu.addEventListener("click", (event) => {
  if (event.target.closest("a") && menu.matches(":popover-open")) menu.hidePopover();
});
