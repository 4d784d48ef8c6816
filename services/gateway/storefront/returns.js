// Sending back: a form with the pieces of each product that the shopper has, and what became of earlier returns.

import { element } from "./dom.js";
import { field, form, sentence } from "./forms.js";
import { money, time } from "./format.js";
import { complaint } from "./problem.js";
import { known, t } from "./texts.js";

const nameOf = ({ productName, productId }) => productName ?? t("product.unnamed", { id: productId });

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
    field({ name: `pieces-${item.productId}`, label: nameOf(item), type: "number", inputMode: "numeric", min: 0, max: item.left, value: 0, hint: t("return.most", item) }));
  let items = [];
  const node = form({
    fields: [...pieces, field({ name: "reason", label: t("return.reason"), maxLength: 200 })],
    button: t("return.button"),
    nameOf: (name) => name.replace(/^items\.(\d+)\.quantity$/, (_, place) => `pieces-${items[place].productId}`),
    submit: (data) => {
      items = left.map(({ productId }) => ({ productId, quantity: Number(data.get(`pieces-${productId}`)) })).filter(({ quantity }) => quantity);
      if (!items.length) throw complaint(t("return.none"));
      return ask({ items, reason: data.get("reason").trim() });
    },
  });
  return element("details", { className: "panel" }, element("summary", {}, t("return.summary")), node);
}

/** What was sent back, or is to be. */
export function returnList(order, returns) {
  if (!returns.length) return null;
  const names = new Map(order.items.map((item) => [item.productId, nameOf(item)]));
  const one = ({ status, items, returnedAt, reason, decisionReason, refundAmount, currency }) => {
    const about = known(`return.${status}.about`, { amount: money(refundAmount, currency) });
    return element("li", {},
      element("p", {}, element("span", { className: `tag ${status.toLowerCase()}` }, t(`return.${status}`)), ` ${time(returnedAt)}`),
      element("p", {}, items.map(({ productId, quantity }) => `${quantity} × ${names.get(productId)}`).join(", ")),
      element("p", { className: "why-back" }, t("return.why", { reason: sentence(reason) })),
      element("p", {}, [about, decisionReason && t("return.shop", { reason: sentence(decisionReason) })].filter(Boolean).join(" ")));
  };
  return element("section", { className: "panel", "aria-label": t("returns") }, element("h2", {}, t("returns")), element("ul", { className: "returns", role: "list" }, returns.map(one)));
}
