// One order: what becomes of it, and what the shopper can do about it.

import { linesOf } from "/storefront/addresses.js";
import { change, get } from "/storefront/api.js";
import { lookIntoCart } from "/storefront/cart.js";
import { METHODS, orderLines } from "/storefront/checkout-page.js";
import { element, part } from "/storefront/dom.js";
import { field, form, sentence } from "/storefront/forms.js";
import { STATUSES, time } from "/storefront/orders-page.js";
import { returnForm, returnList } from "/storefront/returns.js";
import { isLoggedIn, isView } from "/storefront/session.js";
import { money } from "/storefront/shelf.js";
import { loginPage } from "/storefront/sign-in-pages.js";

const SOON = 500;
const LATER = 3_000;
const PATIENCE = 30_000;
const CANCELLABLE = new Set(["PENDING", "CONFIRMED", "PROCESSING"]);
const WITH_SHOPPER = new Set(["DELIVERED", "RETURNED"]);
const OVER = new Set(["CANCELLED", "RETURNED"]);
const WAY = ["PENDING", "CONFIRMED", "PROCESSING", "SHIPPED", "DELIVERED"];

/** The page follows the order while the shopper is there: closely until it is paid, then now and then. */
export async function orderPage(id) {
  if (!isLoggedIn() && !isView()) return loginPage("Log in to see your order.");
  const path = `/v1/orders/${id}`;
  const isOwn = !isView();
  const state = part((order) => [...told(order), way(order)], "section", { className: "panel", "aria-label": "Status", "aria-live": "polite", tabIndex: -1 });
  const paying = part((waiting) => waiting && action(waiting, (approve) => act(`/v1/local-payments/${waiting.paymentId}/action`, { approve })));
  const back = part(({ order, returns }) => returnList(order, returns), "div", { "aria-live": "polite" });
  const returning = part((has) => has && returnForm(has.order, has.returns, (wish) => act(`${path}/returns`, wish)));
  const cancelling = part((isPossible) => isPossible && cancellation((reason) => act(`${path}/cancel`, { reason })));
  const sent = part(details, "section", { className: "panel", "aria-label": "Order" });
  const began = Date.now();
  let status;
  let isHere = true;
  const refresh = async () => {
    const order = await get(path);
    const returns = WITH_SHOPPER.has(order.status) ? (await get(`${path}/returns?limit=100`)).items : [];
    status = order.status;
    if (status === "CONFIRMED") lookIntoCart(); // what was bought leaves it
    state.show(order);
    paying.show(isOwn && status === "PENDING" && order.actionUrl ? order : null);
    back.show({ order, returns });
    returning.show(isOwn && status === "DELIVERED" ? { order, returns } : null);
    cancelling.show(isOwn && CANCELLABLE.has(status));
    sent.show(order);
  };
  const act = async (where, body) => {
    await change("POST", where, body);
    await refresh();
    state.node.focus();
  };
  const follow = () => {
    if (!isHere || OVER.has(status)) return;
    const isSoon = status === "PENDING" && Date.now() - began < PATIENCE;
    setTimeout(async () => {
      if (isHere && !document.hidden) await refresh().catch(() => {});
      follow();
    }, isSoon ? SOON : LATER);
  };
  await refresh();
  follow();
  const head = element("div", { className: "head with-button" }, element("h1", {}, `Order ${id}`), element("p", {}, element("a", { href: "/orders" }, "All orders")));
  const body = element("div", { className: "buying" }, element("div", {}, state.node, paying.node, back.node, returning.node, cancelling.node), sent.node);
  return { title: `Order ${id}`, nodes: [head, body], leave: () => (isHere = false) };
}

const ABOUT = {
  PENDING: ({ actionUrl, paymentMethod }) => {
    if (!actionUrl) return "The payment is under way. This page says when it is done.";
    const next = paymentMethod === "BANK_TRANSFER" ? "It is packed once the money is here." : "One step is left: approve the payment.";
    return `${next} What you ordered stays in your cart until then.`;
  },
  CONFIRMED: () => "Thank you. It is packed soon.",
  PROCESSING: () => "It leaves the house soon.",
  SHIPPED: ({ shippedAt }) => `Since ${time(shippedAt)}.`,
  DELIVERED: ({ deliveredAt }) => `On ${time(deliveredAt)}.`,
  CANCELLED: ({ cancelReason, confirmedAt }) => `${sentence(cancelReason ?? "cancelled")}${confirmedAt ? " What was paid is given back." : " Your cart is as it was."}`,
  RETURNED: () => "All of it is back, and refunded.",
};

const told = (order) => [element("h2", {}, STATUSES[order.status]), element("p", {}, ABOUT[order.status](order))];

/** How far it is on its way to the shopper. */
function way({ status }) {
  if (!WAY.includes(status)) return null;
  const steps = ["Ordered", "Paid", "Packed", "Shipped", "Delivered"];
  const reached = WAY.indexOf(status);
  const step = (name, place) => element("li", { className: place <= reached ? "reached" : "", "aria-current": place === reached ? "step" : null }, name);
  return element("ol", { className: "way", role: "list", "aria-label": "On its way" }, steps.map(step));
}

/** What the payment waits for: at the local provider, the shopper answers here instead of at a bank. */
function action({ actionUrl, paymentMethod, totalAmount, currency, payBy }, answer) {
  const amount = money(totalAmount, currency);
  const [asked, yes, no] = paymentMethod === "BANK_TRANSFER"
    ? [`Transfer ${amount} by ${time(payBy)}. Until then the shop keeps the products for you.`, "The money is transferred", "Do not pay"]
    : [`Your bank asks you to approve ${amount}.`, "Approve the payment", "Refuse it"];
  const problem = element("p", { className: "problem", role: "alert" });
  const choose = (approve) => async () => {
    problem.textContent = "";
    await answer(approve).catch((error) => (problem.textContent = error.detail ?? error.message));
  };
  const buttons = actionUrl.startsWith("/")
    ? [element("button", { type: "button", className: "primary", onclick: choose(true) }, yes), element("button", { type: "button", className: "again", onclick: choose(false) }, no)]
    : [element("a", { className: "primary", href: actionUrl }, `Go on at ${METHODS[paymentMethod]}`)];
  return element("section", { className: "panel", "aria-label": "Payment" }, element("p", {}, asked), element("div", { className: "row" }, buttons), problem);
}

function cancellation(cancel) {
  const node = form({
    fields: [field({ name: "reason", label: "Why do you cancel it?", maxLength: 200 })],
    button: "Cancel the order",
    className: "form danger",
    submit: (data) => cancel(data.get("reason").trim()),
  });
  return element("details", { className: "panel" }, element("summary", {}, "Cancel this order"), node);
}

function details({ items, totalAmount, currency, shippingAddress, paymentMethod, orderedAt }) {
  const fact = (name, ...values) => element("div", {}, element("dt", {}, name), element("dd", {}, ...values));
  return [
    orderLines(items, currency),
    element("p", { className: "total" }, "Total ", element("b", {}, money(totalAmount, currency))),
    element("dl", {},
      fact("Ordered", time(orderedAt)),
      fact("Payment", METHODS[paymentMethod] ?? paymentMethod),
      shippingAddress && fact("Address", `${shippingAddress.name}, ${linesOf(shippingAddress)}`)),
  ];
}
