// The cart: quantities, what has changed since something was put in, and what it all comes to.

import { get } from "./api.js";
import { readCart, removeItem, setQuantity, viewersNote } from "./cart.js";
import { element, part, say } from "./dom.js";
import { count, money } from "./format.js";
import { later } from "./page-states.js";
import { complaint, explain } from "./problem.js";
import { picture } from "./shelf.js";
import { t } from "./texts.js";

const MOST = 999;
const OBSTACLES = {
  GONE: "cart.gone",
  OUT_OF_STOCK: "cart.out",
  TOO_FEW: "cart.few",
  OTHER_CURRENCY: "cart.currency",
};

export async function cartPage() {
  const list = element("ul", { className: "lines", role: "list", "aria-label": t("cart.list") });
  const rows = new Map();
  const title = element("h1", { tabIndex: -1 }, t("cart.title"));
  const notes = part((texts) => texts.map((text) => element("p", { className: "note", role: "status" }, text)));
  const foot = part(footer, "div", { "aria-live": "polite" });
  const show = (cart) => {
    const items = new Map(cart.items.map((item) => [item.productId, item]));
    for (const [id, row] of rows) if (!items.has(id)) row.node.remove(), rows.delete(id);
    for (const [id, item] of items) {
      if (!rows.has(id)) rows.set(id, line(item, { show, leave: () => title.focus() }));
      const row = rows.get(id);
      row.show(item);
      if (!row.node.isConnected) list.append(row.node);
    }
    list.hidden = !items.size;
    notes.show([cart.stale ? t("cart.stale") : null, viewersNote()].filter(Boolean));
    foot.show({ ...cart, items: items.size });
  };
  show(await readCart());
  const orders = element("p", {}, element("a", { href: "/orders" }, t("orders.title")));
  const body = element("div", { className: "buying" }, element("div", {}, list), foot.node);
  return { title: t("cart.title"), nodes: [element("div", { className: "head with-button" }, title, orders), notes.node, body] };
}

function footer({ items, total, currency, canBeBought, stale }) {
  if (!items) return element("div", { className: "panel" }, element("p", {}, t("cart.empty")), element("a", { className: "again", href: "/" }, t("home")));
  const sum = element("p", { className: "total" }, `${t("total")} `, element("b", {}, money(total, currency)));
  const blocked = t(stale ? "cart.blocked.stale" : "cart.blocked");
  const next = canBeBought && !stale ? element("a", { className: "primary", href: "/checkout" }, t("cart.checkout")) : element("p", { className: "problem" }, blocked);
  return element("section", { className: "panel sum", "aria-label": t("total") }, sum, element("p", {}, t("total.taxes")), next);
}

/** One product of the cart. Whoever changes its quantity quickly gets the last one: what is wanted is sent until it is so. */
function line({ productId, productName }, { show, leave }) {
  const isLocked = viewersNote() !== null;
  const id = `quantity-${productId}`;
  const problem = element("p", { className: "error", role: "alert", id: `${id}-error` });
  const input = element("input", { id, type: "number", min: 1, max: MOST, step: 1, inputMode: "numeric", required: true, disabled: isLocked, "aria-label": t("cart.quantity.name", { name: productName }), "aria-describedby": problem.id });
  const remove = element("button", { className: "again", type: "button", disabled: isLocked, "aria-label": t("cart.remove.name", { name: productName }) }, t("cart.remove"));
  const category = () => get(`/v1/products/${productId}`).then(({ categoryIds }) => categoryIds[0], () => null); // the cart does not know it
  const shown = (what) => picture(what, { loading: "lazy" });
  const facts = part(described, "div", { className: "what" });
  const amount = element("p", { className: "amount" });
  const label = element("label", { htmlFor: id }, t("cart.quantity"));
  const drawing = ({ isGone }) => (isGone ? shown({}) : later(category, (categoryId) => shown({ categoryId }), { lines: 0 }));
  const image = part((now) => (now.image ? shown(now) : drawing(now)), "div", { className: "image" });
  const node = element("li", { className: "line" }, image.node, facts.node, element("div", { className: "how-many" }, label, input, remove), amount, problem);
  let known;
  let isSending = false;
  const attempt = async (act) => {
    if (isSending) return;
    isSending = true;
    problem.textContent = "";
    await act().catch((error) => (problem.textContent = explain(error)));
    isSending = false;
    input.value = known;
  };
  input.addEventListener("change", () => attempt(async () => {
    while (input.valueAsNumber !== known) {
      if (!input.checkValidity()) throw complaint(t("cart.quantity.wrong", { most: count(MOST) }));
      show(await setQuantity(productId, input.valueAsNumber));
    }
  }));
  remove.addEventListener("click", () => attempt(async () => {
    show(await removeItem(productId));
    leave();
    say(t("cart.removed", { name: productName }));
  }));
  const update = (item) => {
    known = item.quantity;
    if (!isSending) input.value = known;
    image.show({ image: item.productImage, isGone: item.obstacle === "GONE" });
    facts.show(item);
    amount.textContent = money(item.amount, item.currency);
    amount.classList.toggle("left-out", item.obstacle !== null);
  };
  return { node, show: update };
}

function described({ productId, productName, productPrice, addedPrice, currency, hasNewPrice, obstacle, left }) {
  return [
    element("h2", {}, element("a", { href: `/products/${productId}` }, productName)),
    element("p", {}, t("cart.each", { price: money(productPrice, currency) })),
    hasNewPrice ? element("p", { className: "changed" }, t("cart.changed", { price: money(addedPrice, currency) })) : null,
    obstacle ? element("p", { className: "problem" }, t(obstacle === "TOO_FEW" && left === null ? "cart.fewer" : OBSTACLES[obstacle], { left })) : null,
  ].filter(Boolean);
}
