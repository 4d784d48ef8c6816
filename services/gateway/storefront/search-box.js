// The search box in the page's head, with suggestions while one types: a combobox by the WAI-ARIA pattern.

import { get } from "./api.js";
import { announce, element } from "./dom.js";
import { count } from "./format.js";
import { goTo } from "./navigation.js";
import { t } from "./texts.js";

const PAUSE = 150;
const MOST = 8;
const BY_INPUT_METHOD = 229; // Safari says so of the key that ends a composition
const box = document.getElementById("keyword");
const list = document.getElementById("suggestions-of-search");
let waiting;
let turn = 0;

/** Show the keyword of the present page. */
export function showKeyword(keyword) {
  if (box !== document.activeElement) box.value = keyword;
  close();
}

/** Make the box work. */
export function installSearch() {
  document.getElementById("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const keyword = box.value.trim();
    if (keyword) go(`/search?${new URLSearchParams({ q: keyword })}`);
  });
  box.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(suggest, PAUSE);
  });
  box.addEventListener("keydown", onKey);
  box.addEventListener("blur", close);
  list.addEventListener("mousedown", (event) => event.preventDefault()); // the box keeps the keyboard
  list.addEventListener("click", ({ target }) => target.closest("li") && go(target.closest("li").dataset.address));
}

async function suggest() {
  const mine = ++turn;
  const typed = box.value.trim();
  if (!typed) return close();
  const { items } = await get(`/v1/search/suggestions?${new URLSearchParams({ q: typed, limit: MOST })}`, { seconds: 2 }).catch(() => ({ items: [] }));
  if (mine !== turn || box !== document.activeElement) return;
  list.replaceChildren(...items.map(option));
  list.hidden = !items.length;
  box.setAttribute("aria-expanded", String(!list.hidden));
  choose(null);
  announce(items.length ? t("search.suggested", { count: items.length, number: count(items.length) }) : "");
}

function option({ kind, text, productId, categoryId }, place) {
  const address = {
    product: `/products/${productId}`,
    category: `/categories/${categoryId}`,
    brand: `/search?${new URLSearchParams({ q: text, brand: text })}`,
  }[kind] ?? `/search?${new URLSearchParams({ q: text })}`;
  const node = element("li", { id: `suggestion-${place}`, role: "option", "aria-selected": "false" }, element("span", {}, text), kind === "query" ? null : element("small", {}, t(`suggestion.${kind}`)));
  node.dataset.address = address;
  node.dataset.text = text;
  return node;
}

function onKey(event) {
  if (event.isComposing || event.keyCode === BY_INPUT_METHOD) return; // an input method has the keys
  const options = [...list.children];
  const place = options.findIndex((each) => each.getAttribute("aria-selected") === "true");
  if (event.key === "Escape" && !list.hidden) {
    event.preventDefault();
    close();
  } else if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !list.hidden) {
    event.preventDefault();
    const next = place + (event.key === "ArrowDown" ? 1 : -1);
    choose(options[(next + options.length + (place < 0 && next < 0 ? 1 : 0)) % options.length]);
  } else if (event.key === "Enter" && place >= 0) {
    event.preventDefault();
    go(options[place].dataset.address);
  }
}

function choose(node) {
  for (const each of list.children) each.setAttribute("aria-selected", String(each === node));
  if (node) box.setAttribute("aria-activedescendant", node.id);
  else box.removeAttribute("aria-activedescendant");
  node?.scrollIntoView({ block: "nearest" });
}

function close() {
  clearTimeout(waiting);
  turn += 1;
  list.hidden = true;
  box.setAttribute("aria-expanded", "false");
  choose(null);
}

function go(address) {
  box.blur(); // on a phone the keyboard goes
  goTo(address);
}
