// Search by keyword or category through the catalog.

import { get } from "/storefront/api.js";
import { element } from "/storefront/dom.js";
import { act } from "/storefront/reports.js";
import { cards } from "/storefront/shelf.js";

const LIMIT = 48;

/** A product of the catalog in the words of a shelf's item. */
export function asItem(product) {
  const { id, name, price, currency, image, categoryIds, isActive, inStock } = product;
  return {
    productId: id,
    productName: name,
    productPrice: price,
    specialPrice: specialPriceOf(product),
    currency,
    image,
    categoryId: categoryIds[0],
    isThere: isActive && inStock,
  };
}

/** The special price that holds now, or null; staff are told of later ones, too. */
function specialPriceOf({ isActive, inStock, specialPrice: offer }) {
  const now = Date.now();
  const holds = offer && isActive && inStock && Date.parse(offer.startDate) <= now && !(Date.parse(offer.endDate) <= now);
  return holds ? offer.price : null;
}

/** The names from the top to a category; a shop's capitals in ordinary letters, any other spelling left alone. */
export async function pathOf({ name, parentId }) {
  const above = parentId && (await get(`/v1/categories/${parentId}`).then(pathOf).catch(() => null));
  return above ? `${above} › ${readable(name)}` : readable(name);
}

const readable = (text) => (text === text.toUpperCase() ? text.charAt(0) + text.slice(1).toLowerCase() : text);

export async function searchPage(keyword) {
  act("SEARCH_BY_KEYWORD", { searchKeyword: keyword });
  return found(`“${keyword}”`, { q: keyword }, "Nothing found. Fewer or shorter words may help.");
}

export async function categoryPage(categoryId) {
  const category = await get(`/v1/categories/${categoryId}`);
  act("SEARCH_BY_CATEGORY", { searchCategoryId: category.id, searchCategoryName: category.name });
  return found(await pathOf(category), { category: categoryId }, "Nothing of this kind at the moment.");
}

/** The products that fit, and a button for more of them while there are more. */
async function found(title, filter, nothing) {
  const ask = (cursor) => get(`/v1/products?${new URLSearchParams({ ...filter, ...cursor, active: "true", limit: LIMIT })}`);
  const first = await ask({});
  const draw = ({ items }) => cards(items.map(asItem), { className: "cards results", label: "Products found" });
  const list = draw(first);
  const count = element("p", { role: "status" });
  const more = element("button", { className: "again", type: "button" }, "Show more");
  const tell = ({ nextCursor }) => {
    const number = list.children.length;
    const all = number ? `${number} ${number === 1 ? "product" : "products"}` : nothing;
    count.textContent = nextCursor ? `The first ${number} products` : all;
    more.hidden = !nextCursor;
    more.onclick = async () => {
      more.disabled = true;
      const next = await ask({ cursor: nextCursor }).catch(() => null);
      more.disabled = false;
      if (!next) return; // the button is still there
      const added = [...draw(next).children];
      list.append(...added);
      tell(next);
      added[0].querySelector("a").focus(); // where the keyboard goes on
    };
  };
  tell(first);
  const head = element("div", { className: "head" }, element("h1", {}, title), count);
  return { title, nodes: [head, list, element("p", { className: "rest" }, more)] };
}
