// One order: what becomes of it, and what the shopper can do about it.

import { linesOf } from "./addresses.js";
import { change, get } from "./api.js";
import { lookIntoCart } from "./cart.js";
import { orderLines } from "./checkout-page.js";
import { element, part } from "./dom.js";
import { money, time } from "./format.js";
import { field, form, sentence } from "./forms.js";
import { explain } from "./problem.js";
import { returnForm, returnList } from "./returns.js";
import { isLoggedIn, isView } from "./session.js";
import { loginPage } from "./sign-in-pages.js";
import { known, t } from "./texts.js";

const SOON = 500;
const LATER = 3_000;
const PATIENCE = 30_000;
const CANCELLABLE = new Set(["PENDING", "CONFIRMED", "PROCESSING"]);
const WITH_SHOPPER = new Set(["DELIVERED", "RETURNED"]);
const OVER = new Set(["CANCELLED", "RETURNED"]);
const WAY = ["PENDING", "CONFIRMED", "PROCESSING", "SHIPPED", "DELIVERED"];

/** The page follows the order while the shopper is there: closely until it is paid, then now and then. */
export async function orderPage(id) {
  if (!isLoggedIn() && !isView()) return loginPage({ note: t("order.login") });
  const path = `/v1/orders/${id}`;
  const isOwn = !isView();
  const state = part((order) => [...told(order), way(order)], "section", { className: "panel", "aria-label": t("order.status"), "aria-live": "polite", tabIndex: -1 });
  const paying = part((waiting) => waiting && action(waiting, (approve) => act(`/v1/local-payments/${waiting.paymentId}/action`, { approve })));
  const back = part(({ order, returns }) => returnList(order, returns), "div", { "aria-live": "polite" });
  const returning = part((has) => has && returnForm(has.order, has.returns, (wish) => act(`${path}/returns`, wish)));
  const cancelling = part((isPossible) => isPossible && cancellation((reason) => act(`${path}/cancel`, { reason })));
  const sent = part(details, "section", { className: "panel", "aria-label": t("order.label") });
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
  const head = element("div", { className: "head with-button" }, element("h1", {}, t("order.title", { id })), element("p", {}, element("a", { href: "/orders" }, t("order.all"))));
  const body = element("div", { className: "buying" }, element("div", {}, state.node, paying.node, back.node, returning.node, cancelling.node), sent.node);
  return { title: t("order.title", { id }), nodes: [head, body], leave: () => (isHere = false) };
}

function about({ status, actionUrl, paymentMethod, shippedAt, deliveredAt, cancelReason, confirmedAt }) {
  if (status === "PENDING") {
    if (!actionUrl) return t("about.paying");
    return t(paymentMethod === "BANK_TRANSFER" ? "about.transfer" : "about.approve");
  }
  if (status !== "CANCELLED") return t(`about.${status}`, { time: time(deliveredAt ?? shippedAt ?? confirmedAt) });
  return t(confirmedAt ? "about.CANCELLED.paid" : "about.CANCELLED", { reason: sentence(cancelReason ?? t("cancelled")) });
}

const told = (order) => [element("h2", {}, t(`status.${order.status}`)), element("p", {}, about(order))];

/** How far it is on its way to the shopper. */
function way({ status }) {
  if (!WAY.includes(status)) return null;
  const reached = WAY.indexOf(status);
  const step = (name, place) => element("li", { className: place <= reached ? "reached" : "", "aria-current": place === reached ? "step" : null }, t(`step.${name}`));
  return element("ol", { className: "way", role: "list", "aria-label": t("order.way") }, WAY.map(step));
}

/** What the payment waits for: at the local provider, the shopper answers here instead of at a bank. */
function action({ actionUrl, paymentMethod, totalAmount, currency, payBy }, answer) {
  const amount = money(totalAmount, currency);
  const [asked, yes, no] = paymentMethod === "BANK_TRANSFER"
    ? [t("pay.transfer", { amount, time: time(payBy) }), t("pay.transferred"), t("pay.not")]
    : [t("pay.approve", { amount }), t("pay.yes"), t("pay.no")];
  const problem = element("p", { className: "problem", role: "alert" });
  const choose = (approve) => async () => {
    problem.textContent = "";
    await answer(approve).catch((error) => (problem.textContent = explain(error)));
  };
  const buttons = actionUrl.startsWith("/")
    ? [element("button", { type: "button", className: "primary", onclick: choose(true) }, yes), element("button", { type: "button", className: "again", onclick: choose(false) }, no)]
    : [element("a", { className: "primary", href: actionUrl }, t("pay.elsewhere", { method: t(`method.${paymentMethod}`) }))];
  return element("section", { className: "panel", "aria-label": t("order.payment") }, element("p", {}, asked), element("div", { className: "row" }, buttons), problem);
}

function cancellation(cancel) {
  const node = form({
    fields: [field({ name: "reason", label: t("cancel.reason"), maxLength: 200 })],
    button: t("cancel.button"),
    className: "form danger",
    submit: (data) => cancel(data.get("reason").trim()),
  });
  return element("details", { className: "panel" }, element("summary", {}, t("cancel.summary")), node);
}

function details({ items, totalAmount, currency, shippingAddress, paymentMethod, orderedAt }) {
  const fact = (name, ...values) => element("div", {}, element("dt", {}, name), element("dd", {}, ...values));
  return [
    orderLines(items, currency),
    element("p", { className: "total" }, `${t("total")} `, element("b", {}, money(totalAmount, currency))),
    element("dl", {},
      fact(t("order.at"), time(orderedAt)),
      fact(t("order.payment"), known(`method.${paymentMethod}`) ?? paymentMethod),
      shippingAddress && fact(t("order.address"), `${shippingAddress.name}, ${linesOf(shippingAddress)}`)),
  ];
}
