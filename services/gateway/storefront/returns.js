// Sending back: a form with the pieces of each product that the shopper has, and what became of earlier returns.

import { element } from "/storefront/dom.js";
import { field, form, sentence } from "/storefront/forms.js";
import { time } from "/storefront/orders-page.js";
import { money } from "/storefront/shelf.js";

const STATUSES = {
  REQUESTED: ["Asked for", "The shop decides about it."],
  APPROVED: ["Approved", "Send it back: you are refunded once it is there."],
  REJECTED: ["Rejected", ""],
  COMPLETED: ["Refunded", ""],
};

const nameOf = ({ productName, productId }) => productName ?? `Product ${productId}`;

/** The pieces of each product that are neither back nor on their way. */
function leftOf({ items }, returns) {
  const gone = returns.filter(({ status }) => status !== "REJECTED").flatMap((each) => each.items);
  const back = (id) => gone.reduce((sum, { productId, quantity }) => sum + (productId === id ? quantity : 0), 0);
  return items.map((item) => ({ ...item, left: item.quantity - back(item.productId) })).filter(({ left }) => left > 0);
}

/** The form; `ask` gets what is to come back. */
export function returnForm(order, returns, ask) {
  const left = leftOf(order, returns);
  if (!left.length) return null;
  const pieces = left.map((item) =>
    field({ name: `pieces-${item.productId}`, label: nameOf(item), type: "number", inputMode: "numeric", min: 0, max: item.left, value: 0, hint: `Up to ${item.left}.` }));
  let items = [];
  const node = form({
    fields: [...pieces, field({ name: "reason", label: "Why does it come back?", maxLength: 200 })],
    button: "Ask to return it",
    nameOf: (name) => name.replace(/^items\.(\d+)\.quantity$/, (_, place) => `pieces-${items[place].productId}`),
    submit: (data) => {
      items = left.map(({ productId }) => ({ productId, quantity: Number(data.get(`pieces-${productId}`)) })).filter(({ quantity }) => quantity);
      if (!items.length) throw new Error("Say how many pieces come back.");
      return ask({ items, reason: data.get("reason").trim() });
    },
  });
  return element("details", { className: "panel" }, element("summary", {}, "Return something"), node);
}

/** What was sent back, or is to be. */
export function returnList(order, returns) {
  if (!returns.length) return null;
  const names = new Map(order.items.map((item) => [item.productId, nameOf(item)]));
  const one = ({ status, items, returnedAt, reason, decisionReason, refundAmount, currency }) => {
    const [title, about] = STATUSES[status];
    const refund = status === "COMPLETED" ? `You get back ${money(refundAmount, currency)}.` : about;
    return element("li", {},
      element("p", {}, element("span", { className: `tag ${status.toLowerCase()}` }, title), ` ${time(returnedAt)}`),
      element("p", {}, items.map(({ productId, quantity }) => `${quantity} × ${names.get(productId)}`).join(", ")),
      element("p", { className: "why-back" }, `Reason: ${sentence(reason)}`),
      element("p", {}, [refund, decisionReason && `The shop says: ${sentence(decisionReason)}`].filter(Boolean).join(" ")));
  };
  return element("section", { className: "panel", "aria-label": "Returns" }, element("h2", {}, "Returns"), element("ul", { className: "returns", role: "list" }, returns.map(one)));
}
