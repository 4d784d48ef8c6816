// A product first; how it can be chosen, what is like it, and where it belongs, when that comes.

import { get } from "./api.js";
import { crumbs } from "./crumbs.js";
import { part } from "./dom.js";
import { entry } from "./navigation.js";
import { later } from "./page-states.js";
import { attributesOf, details, stars } from "./product-details.js";
import { pathOf } from "./products.js";
import { act, dwell, Impressions } from "./reports.js";
import { reasonOf } from "./reasons.js";
import { reviews } from "./reviews.js";
import { shelf } from "./shelf.js";
import { t } from "./texts.js";
import { variants } from "./variants.js";

const MOMENT = 4;

export async function productPage(path) {
  const id = path.split("/").at(-1);
  const { searchId } = entry();
  const product = await get(`/v1/products/${id}`);
  const rating = part(stars);
  rating.show(product);
  const again = () => get(`/v1/products/${id}`, { seconds: MOMENT }).then(rating.show, () => {}); // the old ones may stay
  const named = attributeNames(product);
  const choice = product.parentId || product.isParent ? variants(product, named, searchId) : null;
  return {
    title: product.name,
    nodes: [categoryOf(product), details(product, { rating: rating.node, choice }), attributesOf(product, named), product.isActive ? recommended(id) : null, reviews(product, again)],
    watch: once(() => viewed(product)),
    isKept: true,
  };
}

/** Looks on until it has been seen once, however often one comes back. */
function once(seen) {
  let isSeen = false;
  return () => (isSeen ? null : dwell(() => seen((isSeen = true))));
}

function viewed({ id, name: productName, price: productPrice, currency, categoryIds }) {
  act("PRODUCT_VIEWED", { productId: id, productName, productPrice, currency, categoryId: categoryIds[0], requestID: entry().searchId });
}

/** What the shop calls the attributes of a product, by their codes; without its answer, the codes have to do. */
async function attributeNames({ categoryIds: [category], attributes, isParent, parentId }) {
  if (!isParent && !parentId && !Object.keys(attributes).length) return new Map();
  const query = new URLSearchParams({ limit: 500, ...(category && { category }) });
  const { items } = await get(`/v1/attributes?${query}`, { seconds: MOMENT }).catch(() => ({ items: [] }));
  return new Map(items.map((each) => [each.code, each]));
}

/** The way to a product's category: without it, to the top page alone. */
function categoryOf({ categoryIds: [id] }) {
  const load = () => get(`/v1/categories/${id}`, { seconds: MOMENT }).then(pathOf).catch(() => []);
  return id ? later(load, (categories) => crumbs(categories), { lines: 1 }) : crumbs([]);
}

/** What shoppers buy with a product, and what is like it: one answer, two shelves. */
function recommended(id) {
  return later(() => get(`/v1/products/${id}/similar`, { seconds: MOMENT }), (answer) => {
    const impressions = new Impressions(answer);
    const items = answer.items.map(({ product: card, ...place }) => ({ ...card, ...place }));
    const isWith = ({ reason }) => reasonOf(reason) === "also_bought";
    const onCard = (card, item) => impressions.watch(card, "SIMILAR", item);
    const row = (name, some) => some.length ? shelf({ id: name, title: t(`product.${name}`), items: some, onCard }) : null;
    return [row("together", items.filter(isWith)), row("similar", items.filter((item) => !isWith(item)))];
  }, { lines: 4 });
}
