// The cart: quantities, what has changed since something was put in, and what it all comes to.

import { readCart, removeItem, setQuantity, viewersNote } from "/storefront/cart.js";
import { element, part, say } from "/storefront/dom.js";
import { money, picture } from "/storefront/shelf.js";

const MOST = 999;
const OBSTACLES = {
  GONE: () => "Not sold any more. Remove it to order the rest.",
  OUT_OF_STOCK: () => "Out of stock at the moment. Remove it to order the rest.",
  TOO_FEW: ({ left }) => `Only ${left} left. Take fewer to order.`,
  OTHER_CURRENCY: () => "In another currency than the rest. Remove it to order the rest.",
};

export async function cartPage() {
  const list = element("ul", { className: "lines", role: "list", "aria-label": "Products in the cart" });
  const rows = new Map();
  const title = element("h1", { tabIndex: -1 }, "Your cart");
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
    notes.show([cart.stale ? "Prices and stock cannot be looked up at the moment: these are the last known ones." : null, viewersNote()].filter(Boolean));
    foot.show({ ...cart, items: items.size });
  };
  show(await readCart());
  const orders = element("p", {}, element("a", { href: "/orders" }, "Your orders"));
  const body = element("div", { className: "buying" }, element("div", {}, list), foot.node);
  return { title: "Your cart", nodes: [element("div", { className: "head with-button" }, title, orders), notes.node, body] };
}

function footer({ items, total, currency, canBeBought, stale }) {
  if (!items) return element("div", { className: "panel" }, element("p", {}, "Nothing is in the cart."), element("a", { href: "/" }, "To the shelves"));
  const sum = element("p", { className: "total" }, "Total ", element("b", {}, money(total, currency)));
  const blocked = stale ? "Ordering is possible once the shop answers again." : "Change what cannot be ordered first: it is not in the total.";
  const next = canBeBought && !stale ? element("a", { className: "primary", href: "/checkout" }, "To the checkout") : element("p", { className: "problem" }, blocked);
  return element("section", { className: "panel sum", "aria-label": "Total" }, sum, element("p", {}, "Taxes are included."), next);
}

/** One product of the cart. Whoever changes its quantity quickly gets the last one: what is wanted is sent until it is so. */
function line({ productId, productName }, { show, leave }) {
  const isLocked = viewersNote() !== null;
  const id = `quantity-${productId}`;
  const problem = element("p", { className: "error", role: "alert", id: `${id}-error` });
  const input = element("input", { id, type: "number", min: 1, max: MOST, step: 1, inputMode: "numeric", required: true, disabled: isLocked, "aria-describedby": problem.id });
  const remove = element("button", { className: "again", type: "button", disabled: isLocked }, "Remove", element("span", { className: "hidden" }, ` ${productName}`));
  const facts = part(described, "div", { className: "what" });
  const amount = element("p", { className: "amount" });
  const label = element("label", { htmlFor: id }, "Quantity", element("span", { className: "hidden" }, ` of ${productName}`));
  const image = part((source) => picture({ image: source, categoryId: null }, { loading: "lazy" }), "div", { className: "image" });
  const node = element("li", { className: "line" }, image.node, facts.node, element("div", { className: "how-many" }, label, input, remove), amount, problem);
  let known;
  let isSending = false;
  const attempt = async (act) => {
    if (isSending) return;
    isSending = true;
    problem.textContent = "";
    await act().catch((error) => (problem.textContent = error.detail ?? error.message));
    isSending = false;
    input.value = known;
  };
  input.addEventListener("change", () => attempt(async () => {
    while (input.valueAsNumber !== known) {
      if (!input.checkValidity()) throw new Error(`Must be a number from 1 to ${MOST}.`);
      show(await setQuantity(productId, input.valueAsNumber));
    }
  }));
  remove.addEventListener("click", () => attempt(async () => {
    show(await removeItem(productId));
    leave();
    say(`${productName} is not in the cart any more.`);
  }));
  const update = (item) => {
    known = item.quantity;
    if (!isSending) input.value = known;
    image.show(item.productImage);
    facts.show(item);
    amount.textContent = money(item.amount, item.currency);
    amount.classList.toggle("left-out", item.obstacle !== null);
  };
  return { node, show: update };
}

function described({ productId, productName, productPrice, addedPrice, currency, hasNewPrice, obstacle, left }) {
  return [
    element("h2", {}, element("a", { href: `/products/${productId}` }, productName)),
    element("p", {}, `${money(productPrice, currency)} each`),
    hasNewPrice ? element("p", { className: "changed" }, `The price has changed: it was ${money(addedPrice, currency)}.`) : null,
    obstacle ? element("p", { className: "problem" }, OBSTACLES[obstacle]({ left })) : null,
  ].filter(Boolean);
}
