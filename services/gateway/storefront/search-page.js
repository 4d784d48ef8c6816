// Search by keyword or category through the catalog.

import { get } from "./api.js";
import { element } from "./dom.js";
import { count, readable } from "./format.js";
import { entry, remember } from "./navigation.js";
import { more } from "./page-states.js";
import { asItem } from "./products.js";
import { act } from "./reports.js";
import { cards } from "./shelf.js";
import { t } from "./texts.js";

const LIMIT = 48;
const MOST_LETTERS = 200;

export async function searchPage() {
  const keyword = new URLSearchParams(location.search).get("q")?.trim() ?? "";
  if (!keyword) return said("search.empty");
  if (keyword.length > MOST_LETTERS) return said("search.long", { most: count(MOST_LETTERS) });
  act("SEARCH_BY_KEYWORD", { searchKeyword: keyword });
  return found(t("search.title", { keyword }), { q: keyword }, t("search.nothing"));
}

export async function categoryPage(path) {
  const id = path.split("/").at(-1);
  const category = await get(`/v1/categories/${id}`);
  act("SEARCH_BY_CATEGORY", { searchCategoryId: category.id, searchCategoryName: category.name });
  return found(readable(category.name), { category: id }, t("category.nothing"));
}

function said(key, values) {
  return { title: t(key), nodes: [element("div", { className: "head" }, element("h1", {}, t(key)), element("p", {}, t(`${key}.about`, values)))] };
}

/** The products that fit, and a button for more of them while there are more. */
async function found(title, filter, nothing) {
  const ask = (cursor) => get(`/v1/products?${new URLSearchParams({ ...filter, ...(cursor && { cursor }), active: "true", limit: LIMIT })}`);
  const first = await ask();
  const list = cards(first.items.map(asItem), { className: "cards results", label: t("search.list") });
  const number = element("p", { role: "status" });
  let pages = 1;
  const tell = ({ nextCursor }) => {
    const shown = list.children.length;
    const all = shown ? t("found", { count: shown, number: count(shown) }) : nothing;
    number.textContent = nextCursor ? t("found.first", { number: count(shown) }) : all;
    remember({ pages });
  };
  const add = (page) => {
    const added = [...cards(page.items.map(asItem)).children];
    list.append(...added);
    pages += 1;
    tell(page);
    return added;
  };
  const before = entry().pages ?? 1;
  tell(first);
  const rest = more({ first, ask, add });
  while (pages < before) {
    const open = pages;
    await rest.next();
    if (pages === open) break;
  }
  const head = element("div", { className: "head" }, element("h1", {}, title), number);
  return { title, nodes: [head, element("h2", { className: "hidden" }, t("search.list")), list, rest.node], isKept: true };
}
