// Search by keyword, and the pages of categories: products that fit, with filters; the address has all of it.

import { get } from "./api.js";
import { crumbs } from "./crumbs.js";
import { element, say } from "./dom.js";
import { chips, filters } from "./facets.js";
import { count, readable } from "./format.js";
import { entry, remember } from "./navigation.js";
import { later, more } from "./page-states.js";
import { asItem, pathOf, popular } from "./products.js";
import { act } from "./reports.js";
import { changed, filtersOf, present, queryOf, refine, SORTS, withoutFilters } from "./search-state.js";
import { cards } from "./shelf.js";
import { t } from "./texts.js";

const LIMIT = 48;
const MOST_LETTERS = 200;
const MOMENT = 2;
const MEANINGLESS = 422; // a filter of an address that somebody has written

export async function searchPage() {
  const search = present();
  const keyword = search.get("q")?.trim() ?? "";
  if (!keyword && !search.has("category")) return said("search.empty");
  if (keyword.length > MOST_LETTERS) return said("search.long", { most: count(MOST_LETTERS) });
  const report = ({ searchId, total }) => keyword && act("SEARCH_BY_KEYWORD", { searchKeyword: keyword, resultCount: total, requestID: searchId });
  return found({ title: keyword ? t("search.title", { keyword }) : t("search.all"), search, report });
}

export async function categoryPage(path) {
  const id = path.split("/").at(-1);
  const under = get(`/v1/categories?${new URLSearchParams({ parentId: id, limit: 100 })}`, { seconds: MOMENT }).catch(() => ({ items: [] }));
  const category = await get(`/v1/categories/${id}`);
  const report = ({ searchId, total }) => act("SEARCH_BY_CATEGORY", { searchCategoryId: category.id, searchCategoryName: category.name, resultCount: total, requestID: searchId });
  const page = await found({ title: readable(category.name), search: present(), within: category.id, report });
  const way = later(() => pathOf(category), (categories) => crumbs(categories, { isHere: true }), { lines: 1 });
  return { ...page, nodes: [way, page.nodes[0], later(() => under, children, { lines: 0 }), ...page.nodes.slice(1)] };
}

function children({ items }) {
  if (!items.length) return null;
  const link = ({ id, name }) => element("li", {}, element("a", { href: `/categories/${id}` }, readable(name)));
  return element("nav", { className: "below", "aria-label": t("category.below") }, element("ul", { role: "list" }, items.map(link)));
}

function said(key, values) {
  return { title: t(key), nodes: [element("div", { className: "head" }, element("h1", {}, t(key)), element("p", {}, t(`${key}.about`, values)))] };
}

/** The page of what fits: a heading, the filters, the products, and a button for more of them. */
async function found({ title, search, within, report }) {
  const ask = (cursor) => get(`/v1/search?${queryOf(search, { category: within, limit: LIMIT, cursor, facets: cursor ? null : true })}`);
  const { key } = entry();
  const first = await ask().catch((error) => {
    const plain = changed(withoutFilters(search), { sort: null });
    if (error.status !== MEANINGLESS || String(plain) === String(search) || entry().key !== key) throw error;
    search = plain;
    history.replaceState(history.state, "", `${location.pathname}?${search}`);
    say(t("search.meaningless"));
    return ask();
  });
  const known = entry().key === key ? entry() : { isRefined: true }; // another page may be there by now
  if (!known.isRefined && !known.pages) report(first);
  const { total, searchId, items: [any] } = first;
  const chosen = within ? null : search.get("category")?.trim();
  const facets = first.facets && { ...first.facets, categories: await withChosen(first.facets.categories, chosen, total) };
  const onCard = (card) => card.querySelectorAll("a, .add").forEach((each) => (each.dataset.search = searchId));
  const draw = ({ items }) => cards(items.map(asItem), { className: "cards results", label: t("search.list"), onCard });
  const list = draw(first);
  const before = known.pages ?? 1;
  let pages = 1;
  const add = (page) => {
    const added = [...draw(page).children];
    list.append(...added);
    remember({ pages: (pages += 1) }, key);
    return added;
  };
  remember({ pages }, key);
  const rest = more({ first, ask, add });
  for (let open = 0; open < pages && pages < before; ) {
    open = pages;
    await rest.next();
  }
  const head = element("div", { className: "head" }, element("h1", {}, title), element("p", { id: "found", role: "status", tabIndex: -1 }, summary(first)));
  const products = total ? [sorting(search), list, rest.node] : [nothing(search)];
  const results = element("div", {}, chips(search, facets, any?.currency), element("h2", { className: "hidden" }, t("search.list")), ...products);
  const beside = facets && (total || filtersOf(search).length) ? filters(search, within ? { ...facets, categories: [] } : facets, any?.currency) : null;
  return { title, said: `${title}: ${summary(first)}`, nodes: [head, element("div", { className: beside ? "search" : "search alone" }, beside, results)], isKept: true };
}

/** The category that is searched in has a name to show, though nothing in it fits, or others have more than it. */
async function withChosen(categories, named, hits) {
  const has = (id) => categories.some(({ categoryId }) => String(categoryId) === String(id));
  if (!named || has(named)) return categories;
  const chosen = await get(`/v1/categories/${encodeURIComponent(named)}`, { seconds: MOMENT }).catch(() => null);
  return chosen && !has(chosen.id) ? [...categories, { categoryId: chosen.id, name: chosen.name, count: hits }] : categories;
}

function summary({ total, correctedTo, isConfident }) {
  const number = t("found", { count: total, number: count(total) });
  if (correctedTo) return t("found.corrected", { found: number, words: correctedTo });
  return total && !isConfident ? t("found.unsure", { found: number }) : number;
}

function sorting(search) {
  const now = search.get("sort") ?? "relevance";
  const options = SORTS.map((value) => element("option", { value, defaultSelected: value === now }, t(`sort.${value}`)));
  const select = element("select", { id: "sort" }, options);
  select.addEventListener("change", () => refine(changed(search, { sort: select.value === "relevance" ? null : select.value }), "sort"));
  return element("p", { className: "sorting" }, element("label", { htmlFor: "sort" }, t("sort")), select);
}

/** What helps when nothing fits: fewer filters, other words, and what others buy. */
function nothing(search) {
  const again = filtersOf(search).length ? element("button", { type: "button", className: "again", onclick: () => refine(withoutFilters(search), "found") }, t("filter.none")) : null;
  const draw = (items) => items.length ? [element("h3", {}, t("search.popular")), cards(items.map(asItem), { className: "cards results", label: t("search.popular") })] : null;
  return element("div", { className: "nothing" }, element("p", {}, t("search.nothing")), again, element("a", { className: "again", href: "/" }, t("home")), later(() => popular().catch(() => []), draw, { lines: 0 }));
}
