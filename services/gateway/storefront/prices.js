// Special prices: the catalog's own offer, and over it what merchandisers set for this shopper.

import { get } from "/storefront/api.js";
import { renew, userId } from "/storefront/session.js";

/** What merchandisers set, by product: its `specialPrice` and its `currency`; nothing while content is away. */
export async function manualPrices() {
  await renew();
  const displays = await get(`/v1/displays?${new URLSearchParams({ userId: userId() })}`, { seconds: 2 }).catch(() => null);
  const pinned = displays?.shelves.flatMap(({ items }) => items.filter(({ source }) => source === "manual")) ?? [];
  const prices = [...pinned, ...(displays?.specialPrices ?? [])];
  return new Map(prices.filter(({ specialPrice }) => specialPrice !== null).map((each) => [each.productId, each]));
}

/** The price to pay now instead of the product's, or null; one in another currency replaces nothing. */
export function specialPriceOf({ id, currency, isActive, inStock, specialPrice: offer }, manual) {
  const now = Date.now();
  const holds = offer && isActive && inStock && Date.parse(offer.startDate) <= now && !(Date.parse(offer.endDate) <= now);
  const set = manual.get(id);
  return set?.currency === currency ? set.specialPrice : holds ? offer.price : null;
}
