// A product and what is like it.

import { get } from "/storefront/api.js";
import { addButton } from "/storefront/cart.js";
import { element } from "/storefront/dom.js";
import { act, Impressions } from "/storefront/reports.js";
import { picture, price, shelf } from "/storefront/shelf.js";
import { asItem, pathOf } from "/storefront/search-page.js";

export async function productPage(productId) {
  const similar = get(`/v1/products/${productId}/similar`, { seconds: 2 }).catch(() => ({ items: [] }));
  const product = await get(`/v1/products/${productId}`);
  const categoryId = product.categoryIds[0];
  const { id, name: productName, price: productPrice, currency } = product;
  act("PRODUCT_VIEWED", { productId: id, productName, productPrice, currency, categoryId });
  const category = categoryId && (await get(`/v1/categories/${categoryId}`).catch(() => null));
  const path = category && (await pathOf(category));
  const item = asItem(product);
  const details = element(
    "div",
    { className: "product" },
    picture(item, { alt: category ? `Drawing: ${category.name}` : "", fetchPriority: "high" }),
    element(
      "div",
      { className: "facts" },
      category && element("p", { className: "kind" }, element("a", { href: `/categories/${category.id}` }, path)),
      element("h1", {}, product.name),
      price(item),
      element("p", { className: item.isThere ? "stock" : "stock none" }, item.isThere ? "In stock" : "Not available at the moment"),
      item.isThere ? addButton(item, "primary") : null,
      product.description && element("p", {}, product.description),
      element("p", { className: "code" }, `Article ${product.sku}`),
    ),
  );
  const answer = await similar;
  const impressions = new Impressions(answer);
  const alike = shelf({
    id: "similar",
    title: "Similar products",
    items: answer.items.map(({ product: card, ...place }) => ({ ...card, ...place })),
    waiting: "Nothing similar to show yet.",
    onCard: (card, item) => impressions.watch(card, "SIMILAR", item),
  });
  const back = element("a", { className: "back", href: "/" }, "‹ Back to the shelves");
  return { title: product.name, nodes: [back, details, alike], leave: () => impressions.end() };
}
