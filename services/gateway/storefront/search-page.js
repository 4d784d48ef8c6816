// Search by keyword through the catalog.

import { get } from "/storefront/api.js";
import { element } from "/storefront/dom.js";
import { act } from "/storefront/reports.js";
import { cards } from "/storefront/shelf.js";

const LIMIT = 48;

/** A product of the catalog in the words of a shelf's item. */
export function asItem(product) {
  const { id, name, price, currency, image, categoryIds, specialPrice } = product;
  const now = Date.now();
  const holds = specialPrice && Date.parse(specialPrice.startsAt) <= now && !(Date.parse(specialPrice.endsAt) <= now);
  return {
    productId: id,
    productName: name,
    productPrice: price,
    specialPrice: holds ? specialPrice.price : null,
    currency,
    image,
    categoryId: categoryIds[0],
  };
}

export async function searchPage(keyword) {
  act("SEARCH_BY_KEYWORD", { searchKeyword: keyword });
  const query = new URLSearchParams({ q: keyword, active: "true", limit: LIMIT });
  const { items, nextCursor } = await get(`/v1/products?${query}`);
  const count = nextCursor ? `The first ${items.length} products` : `${items.length} ${items.length === 1 ? "product" : "products"}`;
  const found = items.length ? count : "Nothing found. Fewer or shorter words may help.";
  const head = element("div", { className: "head" }, element("h1", {}, `“${keyword}”`), element("p", {}, found));
  return { title: `Search: ${keyword}`, nodes: [head, cards(items.map(asItem), { className: "cards results", label: "Products found" })] };
}
