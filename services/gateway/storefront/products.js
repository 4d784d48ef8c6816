// Products of the catalog in the words of a shelf's item, and where they belong.

import { get } from "./api.js";
import { readable } from "./format.js";

/** A product of the catalog as a card shows it. */
export function asItem(product) {
  const { id, name, price, currency, image, categoryIds, isActive, inStock, isParent, priceFrom, parentId, variantCount } = product;
  return {
    productId: id,
    productName: name,
    productPrice: isParent ? priceFrom : price,
    isFrom: isParent,
    variants: parentId ? variantCount : 0, // those that fit, of which this is one
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

/** The categories from the top to one. */
export async function pathOf({ id, name, parentId }) {
  const above = parentId ? await get(`/v1/categories/${parentId}`).then(pathOf).catch(() => []) : [];
  return [...above, { id, name: readable(name) }];
}

/** What many shoppers look at these days, and is there: of a parent and its variants the one that most do. */
export async function popular(most = 12) {
  const { items } = await get(`/v1/products/popular?${new URLSearchParams({ limit: 4 * most })}`, { seconds: 4 });
  if (!items.length) return [];
  const ids = items.map(({ productId }) => productId);
  const known = await get(`/v1/products?${new URLSearchParams([["active", true], ...ids.map((id) => ["ids", id])])}`, { seconds: 4 });
  const products = new Map(known.items.map((product) => [product.id, product]));
  const families = new Map();
  for (const product of ids.map((id) => products.get(id))) {
    const family = product?.parentId ?? product?.id;
    if (product?.inStock && !families.has(family)) families.set(family, product);
  }
  return [...families.values()].slice(0, most);
}
