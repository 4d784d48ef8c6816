// What a product is: its pictures, its price, its attributes, and the button that buys it.

import { addButton } from "./cart.js";
import { element } from "./dom.js";
import { count, decimal, money } from "./format.js";
import { later } from "./page-states.js";
import { asItem } from "./products.js";
import { load, picture, price } from "./shelf.js";
import { t } from "./texts.js";

/** The product; `rating` shows how it is rated, `choice` is what chooses one of its variants, if it has some. */
export function details(product, { rating, choice }) {
  const item = asItem(product);
  const canBeBought = item.isThere && !product.isParent;
  return element(
    "div",
    { className: "product" },
    gallery(product, item),
    element(
      "div",
      { className: "facts" },
      product.brand && element("p", { className: "kind" }, product.brand),
      element("h1", {}, product.name),
      rating,
      product.isParent ? range(product) : price(item),
      lowest(product, item),
      stock(product, item),
      choice,
      canBeBought ? addButton(item, "primary") : null,
      product.isParent ? element("p", { className: "hint" }, t("variant.first")) : null,
      product.description && element("p", { className: "description" }, product.description),
      element("p", { className: "code" }, t("product.article", { sku: product.sku })),
    ),
  );
}

function stock({ isActive }, { isThere }) {
  if (isThere) return element("p", { className: "stock" }, t("stock.in"));
  return element("p", { className: "stock none" }, t(isActive ? "stock.none" : "stock.away"));
}

/** From the lowest to the highest price of the variants. */
function range({ priceFrom, priceTo, currency }) {
  if (priceFrom === null) return null;
  const text = priceFrom === priceTo ? money(priceFrom, currency) : t("price.range", { from: money(priceFrom, currency), to: money(priceTo, currency) });
  return element("p", { className: "price" }, element("b", {}, text));
}

/** What it cost at least in the 30 days before its offer: in the EU an offer is to say so. */
function lowest({ lowestPriceBefore, currency }, { specialPrice }) {
  if (specialPrice === null || lowestPriceBefore === null) return null;
  return element("p", { className: "hint" }, t("price.lowest", { price: money(lowestPriceBefore, currency) }));
}

/** How shoppers rate it, if some did. */
export function stars({ rating, ratingCount }) {
  if (!ratingCount) return null;
  const label = t("rating", { rating: decimal(rating), count: ratingCount, number: count(ratingCount) });
  return element("p", { className: "stars" }, starsOf(rating), element("span", {}, label));
}

/** Stars as a drawing; the number stands beside them. */
export function starsOf(rating) {
  const full = Math.round(rating);
  return element("span", { className: "star", "aria-hidden": "true" }, "★".repeat(full) + "☆".repeat(Math.max(0, 5 - full)));
}

/** The picture, and where there are several, small ones to choose from. */
function gallery({ images, name }, item) {
  const main = picture(item, { fetchPriority: "high", sizes: "(max-width: 44rem) 100vw, 36rem", alt: item.image ? name : "" });
  if (images.length < 2) return element("div", { className: "gallery" }, main);
  const show = (image, place) => () => {
    load(main, image);
    for (const each of list.querySelectorAll("button")) each.setAttribute("aria-pressed", String(each === list.children[place].firstChild));
  };
  const small = (image, place) =>
    element("li", {}, element("button", { type: "button", "aria-pressed": String(place === 0), "aria-label": t("product.picture", { number: place + 1 }), onclick: show(image, place) }, picture({ image, categoryId: item.categoryId }, { loading: "lazy", sizes: "4.5rem" })));
  const list = element("ul", { className: "pictures", role: "list", "aria-label": t("product.pictures") }, images.map(small));
  return element("div", { className: "gallery" }, main, list);
}

/** The attributes with the names that the shop has for them; `named` is a promise of these. */
export function attributesOf({ attributes }, named) {
  const given = Object.entries(attributes);
  if (!given.length) return null;
  return later(() => named, (names) => {
    const row = ([code, value]) => element("div", {}, element("dt", {}, names.get(code)?.name ?? code), element("dd", {}, valueOf(value, names.get(code))));
    return element("section", { className: "panel attributes", "aria-labelledby": "attributes" }, element("h2", { id: "attributes" }, t("product.attributes")), element("dl", {}, given.map(row)));
  });
}

/** A value as a shopper reads it. */
export function valueOf(value, { unit } = {}) {
  if (Array.isArray(value)) return value.join(", ");
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (typeof value !== "number") return value;
  return unit ? `${decimal(value)} ${unit}` : decimal(value);
}
