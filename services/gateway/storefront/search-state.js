// What is searched for, as the address of the page has it: so a search can be sent to a friend, and gone back to.

import { goTo } from "./navigation.js";

const ONE = ["category", "priceMin", "priceBelow", "ratingMin", "inStock"];
const MANY = ["brand", "attribute"];
const FILTERS = [...ONE, ...MANY];
export const SORTS = ["relevance", "price", "-price", "-rating", "popularity", "-createdAt"];

/** The search of the present address. */
export const present = () => new URLSearchParams(location.search);

/** What the shop is asked for: only what it knows, whatever else stands in the address; `more` comes beside it. */
export function queryOf(search, more) {
  const query = new URLSearchParams({ q: search.get("q")?.trim() ?? "" }); // empty on the page of a category
  for (const name of [...ONE, "sort"]) for (const value of search.getAll(name)) query.append(name, value.trim());
  for (const name of MANY) for (const value of search.getAll(name)) query.append(name, value); // as the shop has it, spaces and all
  for (const [name, value] of Object.entries(more)) if (value !== undefined && value !== null) query.set(name, value);
  return query;
}

/** Whether a filter has a value. */
export const has = (search, name, value) => search.getAll(name).includes(String(value));

/** A search with other values: null takes a name out; of those that may be several, a value is put in or taken out. */
export function changed(search, values) {
  const next = new URLSearchParams(search);
  for (const [name, value] of Object.entries(values)) {
    if (MANY.includes(name) && value !== null) {
      const before = next.getAll(name);
      const after = has(next, name, value) ? before.filter((each) => each !== String(value)) : [...before, value];
      next.delete(name); // older browsers take out all, whichever value is named
      for (const each of after) next.append(name, each);
    } else if (value === null || value === "") next.delete(name);
    else next.set(name, value);
  }
  return next;
}

/** The filters of a search, as pairs; those of a price are one. */
export function filtersOf(search) {
  const pairs = FILTERS.filter((name) => !name.startsWith("price")).flatMap((name) => search.getAll(name).map((value) => [name, value]));
  return search.has("priceMin") || search.has("priceBelow") ? [...pairs, ["price", [search.get("priceMin"), search.get("priceBelow")]]] : pairs;
}

/** A search without a filter, or without all of them. */
export const without = (search, name, value) => changed(search, name === "price" ? { priceMin: null, priceBelow: null } : { [name]: MANY.includes(name) ? value : null });
export const withoutFilters = (search) => changed(search, Object.fromEntries(FILTERS.map((name) => [name, null])));

/** Show the same page with another search; the keyboard stays at the control of this id, the filters open or closed. */
export const refine = (search, focus) => goTo(`${location.pathname}?${search}`, { focus, isRefined: true, isOpen: document.querySelector(".filters")?.open });
