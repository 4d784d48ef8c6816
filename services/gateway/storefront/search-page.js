// Search by keyword or category through the catalog.

import { get } from "/storefront/api.js";
import { element } from "/storefront/dom.js";
import { manualPrices, specialPriceOf } from "/storefront/prices.js";
import { act } from "/storefront/reports.js";
import { cards } from "/storefront/shelf.js";

const LIMIT = 48;

/** A product of the catalog in the words of a shelf's item. */
export function asItem(product, manual) {
  const { id, name, price, currency, image, categoryIds } = product;
  return {
    productId: id,
    productName: name,
    productPrice: price,
    specialPrice: specialPriceOf(product, manual),
    currency,
    image,
    categoryId: categoryIds[0],
  };
}

/** A category's path; a shop's capitals in ordinary letters, any other spelling left alone. */
export function pathOf({ code }) {
  return code.split(" > ").map(readable).join(" › ");
}

const readable = (text) => (text === text.toUpperCase() ? text.charAt(0) + text.slice(1).toLowerCase() : text);

export async function searchPage(keyword) {
  act("SEARCH_BY_KEYWORD", { searchKeyword: keyword });
  return found(`“${keyword}”`, { q: keyword }, "Nothing found. Fewer or shorter words may help.");
}

export async function categoryPage(categoryId) {
  const category = await get(`/v1/categories/${categoryId}`);
  act("SEARCH_BY_CATEGORY", { searchCategoryId: category.id, searchCategoryName: category.name });
  return found(pathOf(category), { category: categoryId }, "Nothing of this kind at the moment.");
}

async function found(title, filter, nothing) {
  const query = new URLSearchParams({ ...filter, active: "true", limit: LIMIT });
  const [{ items, nextCursor }, manual] = await Promise.all([get(`/v1/products?${query}`), manualPrices()]);
  const count = nextCursor ? `The first ${items.length} products` : `${items.length} ${items.length === 1 ? "product" : "products"}`;
  const head = element("div", { className: "head" }, element("h1", {}, title), element("p", {}, items.length ? count : nothing));
  return { title, nodes: [head, cards(items.map((product) => asItem(product, manual)), { className: "cards results", label: "Products found" })] };
}
