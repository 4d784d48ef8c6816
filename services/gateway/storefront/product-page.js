// A product first; what is like it, and where it belongs, when it comes.

import { get } from "./api.js";
import { addButton } from "./cart.js";
import { crumbs } from "./crumbs.js";
import { element } from "./dom.js";
import { entry } from "./navigation.js";
import { later } from "./page-states.js";
import { asItem, pathOf } from "./products.js";
import { act, dwell, Impressions } from "./reports.js";
import { picture, price, shelf } from "./shelf.js";
import { t } from "./texts.js";

const MOMENT = 4;

export async function productPage(path) {
  const id = path.split("/").at(-1);
  const product = await get(`/v1/products/${id}`);
  return {
    title: product.name,
    nodes: [categoryOf(product), details(product), similarTo(id)],
    leave: dwell(() => viewed(product)),
    isKept: true,
  };
}

function viewed({ id, name: productName, price: productPrice, currency, categoryIds }) {
  act("PRODUCT_VIEWED", { productId: id, productName, productPrice, currency, categoryId: categoryIds[0], requestID: entry().searchId });
}

function details(product) {
  const item = asItem(product);
  return element(
    "div",
    { className: "product" },
    picture(item, { fetchPriority: "high" }),
    element(
      "div",
      { className: "facts" },
      element("h1", {}, product.name),
      price(item),
      element("p", { className: item.isThere ? "stock" : "stock none" }, t(item.isThere ? "stock.in" : product.isActive ? "stock.none" : "stock.away")),
      item.isThere ? addButton(item, "primary") : null,
      product.description && element("p", { className: "description" }, product.description),
      element("p", { className: "code" }, t("product.article", { sku: product.sku })),
    ),
  );
}

/** The way to a product's category: without it, to the top page alone. */
function categoryOf({ categoryIds: [id] }) {
  const load = () => get(`/v1/categories/${id}`, { seconds: MOMENT }).then(pathOf).catch(() => []);
  return id ? later(load, (categories) => crumbs(categories), { lines: 1 }) : crumbs([]);
}

function similarTo(id) {
  return later(() => get(`/v1/products/${id}/similar`, { seconds: MOMENT }), (answer) => {
    const impressions = new Impressions(answer);
    return shelf({
      id: "similar",
      title: t("product.similar"),
      items: answer.items.map(({ product: card, ...place }) => ({ ...card, ...place })),
      waiting: t("product.similar.waiting"),
      onCard: (card, item) => impressions.watch(card, "SIMILAR", item),
    });
  }, { lines: 4 });
}
