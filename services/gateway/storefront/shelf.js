// Shelves and the cards on them.

import { addButton } from "./cart.js";
import { element, icon } from "./dom.js";
import { count, money, readable } from "./format.js";
import { translated } from "./reasons.js";
import { t } from "./texts.js";

const WHY = "M8 1.5 9.8 6l4.7 1.8-4.7 1.8L8 14.5 6.2 9.6 1.5 7.8 6.2 6z";
const BACK = "M9.5 3 5 7.5 9.5 12";
const ON = "M5.5 3 10 7.5 5.5 12";
const MINIMUM_DISCOUNT = 1;
const UPLOADED = /^(\/v1\/images\/[0-9a-f]{32})\.webp$/;
const WIDTHS = [160, 400, 800];
const FULL = 1600; // about: it is as wide as it was uploaded

/** The price to pay; the one it replaces is struck through, and read out as such. */
export function price({ productPrice, specialPrice, currency, isFrom }) {
  if (isFrom) return element("p", { className: "price" }, element("b", {}, t("price.from", { price: money(productPrice, currency) })));
  if (specialPrice === null || specialPrice === undefined) {
    return element("p", { className: "price" }, element("b", {}, money(productPrice, currency)));
  }
  return element(
    "p",
    { className: "price special" },
    element("span", { className: "hidden" }, t("price.special")),
    element("b", {}, money(specialPrice, currency)),
    element("span", { className: "hidden" }, t("price.before")),
    element("s", {}, money(productPrice, currency)),
  );
}

/** How many per cent are off, as text, or null. */
function discount({ productPrice, specialPrice }) {
  const percent = Math.round((1 - Number(specialPrice ?? productPrice) / Number(productPrice)) * 100);
  return percent >= MINIMUM_DISCOUNT ? `−${count(percent)}%` : null;
}

/** The product's own picture, else its category's drawing, which also stands in for a picture that does not come. */
export function picture({ image, categoryId }, options = {}) {
  const drawing = `/images/categories/${categoryId ?? 0}.svg`;
  const node = element("img", { alt: "", width: 240, height: 180, decoding: "async", sizes: "12rem", ...options });
  node.addEventListener("error", () => node.getAttribute("src") === drawing || load(node, drawing));
  load(node, image || drawing);
  return node;
}

/** Let a picture show this one; of one that was uploaded the browser takes the smallest file that is enough for its size. */
export function load(node, image) {
  const [, name] = image.match(UPLOADED) ?? [];
  node.srcset = name ? [...WIDTHS.map((width) => `${name}-${width}.webp ${width}w`), `${image} ${FULL}w`].join(", ") : "";
  node.src = image;
}

/** One product; or a whole category, where a shelf names no product. */
export function card(item) {
  const hasPrice = item.productPrice !== null;
  const badge = hasPrice && discount(item);
  const isThere = item.isThere !== false;
  const [href, name] = item.productId ? [`/products/${item.productId}`, item.productName] : [`/categories/${item.categoryId}`, readable(item.categoryName ?? "")];
  return element(
    "article",
    { className: isThere ? "card" : "card gone" },
    picture(item, { loading: "lazy" }),
    badge ? element("span", { className: "badge", "aria-hidden": "true" }, badge) : null,
    element(
      "div",
      { className: "text" },
      element("h3", {}, element("a", { href }, name)),
      hasPrice ? price(item) : null,
      item.variants > 1 ? element("p", { className: "kind" }, t("variants.count", { count: item.variants, number: count(item.variants) })) : null,
      isThere ? null : element("p", { className: "stock none" }, t("stock.none")),
      item.reason ? why(translated(item.reason)) : null,
      item.productId && isThere && !item.isFrom ? addButton(item) : null,
    ),
  );
}

function why(reason) {
  return element("p", { className: "why" }, icon(16, WHY), element("span", {}, element("span", { className: "hidden" }, t("why")), reason));
}

/** A list of cards; `onCard(card, item)` may watch them. */
export function cards(items, { className = "cards", label, onCard = () => {} } = {}) {
  const list = element("ul", { className, role: "list", "aria-label": label });
  for (const item of items) {
    const one = card(item);
    onCard(one, item);
    list.append(element("li", {}, one));
  }
  return list;
}

/** A shelf: its title, what it is, and its cards in a row that scrolls sideways; or what it waits for. */
export function shelf({ id, title, about, items, waiting, onCard }) {
  const list = items.length ? cards(items, { label: title, onCard }) : element("p", { className: "waiting" }, waiting);
  const heading = element("div", {}, element("h2", { id }, title), about && element("p", {}, about));
  const end = `${id}-end`;
  return element(
    "section",
    { className: "shelf", "aria-labelledby": id },
    items.length ? element("a", { className: "skip", href: `#${end}` }, t("shelf.skip", { title })) : null,
    element("header", {}, heading, items.length ? arrows(list, title) : null),
    list,
    element("span", { id: end, tabIndex: -1 }),
  );
}

/** For the mouse: the keyboard goes from card to card, and the row follows it. */
function arrows(list, title) {
  const scroll = (direction) => () => list.scrollBy({ left: direction * list.clientWidth * 0.8 });
  const back = element("button", { type: "button", tabIndex: -1, "aria-label": t("shelf.back", { title }), onclick: scroll(-1) }, icon(15, BACK));
  const on = element("button", { type: "button", tabIndex: -1, "aria-label": t("shelf.on", { title }), onclick: scroll(1) }, icon(15, ON));
  const update = () => {
    back.disabled = list.scrollLeft < 8;
    on.disabled = list.scrollLeft + list.clientWidth > list.scrollWidth - 8;
  };
  list.addEventListener("scroll", update, { passive: true });
  new ResizeObserver(update).observe(list);
  return element("div", { className: "arrows" }, back, on);
}
