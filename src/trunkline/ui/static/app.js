// The few things that pages cannot do alone: keys, folding a tree, copying, closing menus. Everything else is links and forms.
"use strict";

const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const isTyping = (element) => element.closest("input, textarea, select, [contenteditable]") !== null;
const isShown = (element) => element.getClientRects().length > 0;

// --- keys: j and k through rows (Enter then opens the focused link), / searches, g p and g t go, ? explains

let leader = 0;

function moveRow(step) {
  const rows = all("[data-open]").filter(isShown);
  if (!rows.length) return;
  const at = rows.indexOf(document.activeElement);
  const chosen = rows.findIndex((row) => row.getAttribute("aria-current") === "true");
  const next = at >= 0 ? at + step : chosen >= 0 ? chosen + step : step > 0 ? 0 : rows.length - 1;
  const row = rows[Math.max(0, Math.min(rows.length - 1, next))];
  row.focus();
  row.scrollIntoView({ block: "nearest" });
}

function goTo(key) {
  const link = one(`[data-go="${CSS.escape(key)}"]`);
  if (link) link.click();
  return Boolean(link);
}

const actions = {
  j: () => moveRow(1),
  k: () => moveRow(-1),
  "/": () => {
    const box = one("[data-search]");
    if (box) {
      box.focus();
      box.select();
    }
  },
  "?": () => {
    const help = one("#keys");
    if (help && !help.open) help.showModal();
  },
};

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Escape") {
    all("details[data-menu][open]").forEach(closeMenu);
    if (isTyping(event.target)) event.target.blur();
    return;
  }
  if (isTyping(event.target) || one("dialog[open]")) return;
  if (event.key === "ArrowRight" || event.key === "ArrowLeft") return foldFocused(event);
  if (leader && event.timeStamp - leader < 1500) {
    leader = 0;
    if (goTo(event.key)) event.preventDefault();
    return;
  }
  leader = event.key === "g" ? event.timeStamp : 0;
  const action = Object.hasOwn(actions, event.key) ? actions[event.key] : null;
  if (action) {
    event.preventDefault();
    action();
  }
});

// --- menus: one open at a time, closed by a click elsewhere

function closeMenu(menu) {
  const hadFocus = menu.contains(document.activeElement);
  menu.open = false;
  if (hadFocus) one("summary", menu).focus();
}

document.addEventListener("click", (event) => {
  all("details[data-menu][open]").forEach((menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  const copy = event.target.closest("[data-copy]");
  if (copy) copyText(copy);
  const fold = event.target.closest("[data-fold]");
  if (fold) foldRow(fold.closest("[data-depth]"));
  const help = event.target.closest("[data-help]");
  if (help) actions["?"]();
});

// --- copying: a button copies the text of the element that it names

async function copyText(button) {
  const source = document.getElementById(button.dataset.copy);
  if (!source) return;
  const label = one("[data-copy-label]", button) || button;
  const before = label.textContent;
  try {
    await navigator.clipboard.writeText(source.textContent);
    label.textContent = "Copied";
  } catch {
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    label.textContent = "Press Ctrl+C";
  }
  setTimeout(() => (label.textContent = before), 1600);
}

// --- the tree of a trace: fold a row's descendants, follow the chosen row

const depthOf = (row) => Number(row.dataset.depth);

function foldRow(row, folded = row.dataset.folded === undefined) {
  if (folded) row.dataset.folded = "";
  else delete row.dataset.folded;
  const button = one("[data-fold]", row);
  if (button) button.setAttribute("aria-expanded", String(!folded));
  let hiddenBelow = folded ? depthOf(row) : Infinity;
  for (let next = row.nextElementSibling; next && depthOf(next) > depthOf(row); next = next.nextElementSibling) {
    next.hidden = depthOf(next) > hiddenBelow;
    if (!next.hidden) hiddenBelow = next.dataset.folded === undefined ? Infinity : depthOf(next);
  }
}

function foldFocused(event) {
  const row = event.target.closest("[data-depth]");
  if (!row || !one("[data-fold]", row)) return;
  event.preventDefault();
  foldRow(row, event.key === "ArrowLeft");
}

function choose(link) {
  all("#tree [aria-current]").forEach((other) => other.removeAttribute("aria-current"));
  link.setAttribute("aria-current", "true");
}

document.addEventListener("htmx:beforeRequest", (event) => {
  const link = event.target.closest("#tree [data-open]");
  if (link) choose(link);
});

document.addEventListener("htmx:afterSwap", (event) => {
  if (event.target.id !== "observation") return;
  const pane = document.getElementById("observation");
  pane.scrollTop = 0;
  if (pane.getBoundingClientRect().top > innerHeight * 0.8) pane.scrollIntoView({ block: "start" });
});

// A page that lost its session answers with the sign-in form, an error with a page of its own: show it whole.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.status >= 400) location.assign(event.detail.pathInfo.responsePath || event.detail.pathInfo.requestPath);
});

// --- long lists of versions open at the chosen one

const currentVersion = one(".versions [aria-current]");
if (currentVersion) {
  const list = currentVersion.closest(".versions");
  list.scrollTop = currentVersion.offsetTop - list.clientHeight / 3;
}
