// Choosing one of a product's variants, by what they differ in: each choice is a link to the variant that it leads to.

import { get } from "./api.js";
import { element } from "./dom.js";
import { later } from "./page-states.js";
import { valueOf } from "./product-details.js";
import { t } from "./texts.js";

/** The choice, when the variants have come; `named` is a promise of the attributes' names, `searchId` the search that led here. */
export function variants(product, named, searchId) {
  const load = () => Promise.all([all(product.id), named]);
  return later(load, ([found, names]) => draw(product, found, names, searchId), { properties: { className: "variants" } });
}

async function all(id, cursor) {
  const { items, nextCursor } = await get(`/v1/products/${id}/variants?${new URLSearchParams({ limit: 100, ...(cursor && { cursor }) })}`);
  return nextCursor ? [...items, ...(await all(id, nextCursor))] : items;
}

function draw(product, found, names, searchId) {
  if (!found.length) return null;
  const codes = [...new Set(found.flatMap(({ attributes }) => Object.keys(attributes)))];
  const differing = codes.filter((code) => valuesOf(found, code).length > 1);
  const kinds = new Set(found.map(({ attributes }) => JSON.stringify(differing.map((code) => attributes[code]))));
  if (kinds.size < found.length || found.length === 1) return row(t("variants"), found.map((each) => ({ to: each, text: each.name, isNow: each.id === product.id })), searchId);
  return differing.map((code) => row(names.get(code)?.name ?? code, inOrder(valuesOf(found, code), names.get(code)).map((value) => {
    const to = nearest(found, product.attributes, differing, code, value);
    return { to, text: valueOf(value, names.get(code)), isNow: same(product.attributes[code], value) };
  }), searchId));
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

function valuesOf(found, code) {
  const values = found.map(({ attributes }) => attributes[code]).filter((value) => value !== undefined);
  return values.filter((value, place) => values.findIndex((each) => same(each, value)) === place);
}

/** Choices as their definition lists them, numbers by their size; others as they come. */
export function inOrder(values, { type, choices } = {}) {
  const place = { choice: (value) => choices.indexOf([value].flat()[0]), number: (value) => value }[type] ?? (() => 0);
  return values.sort((one, other) => place(one) - place(other));
}

/** Of the variants with a value, the one that keeps most of what is chosen; of these, one that is in stock. */
function nearest(found, chosen, differing, code, value) {
  const kept = ({ attributes }) => differing.filter((each) => same(attributes[each], chosen[each])).length;
  const those = found.filter(({ attributes }) => same(attributes[code], value));
  return those.sort((one, other) => kept(other) - kept(one) || other.inStock - one.inStock)[0];
}

function row(name, choices, searchId) {
  const link = ({ to, text, isNow }) => {
    const gone = to.inStock ? null : element("span", { className: "hidden" }, ` (${t("stock.none")})`);
    return element("li", {}, element("a", { href: `/products/${to.id}`, className: to.inStock ? "" : "gone", "aria-current": isNow ? "true" : null, "data-search": searchId }, text, gone));
  };
  return element("div", { className: "choices", role: "group", "aria-label": name }, element("p", {}, name), element("ul", { role: "list" }, choices.map(link)));
}
