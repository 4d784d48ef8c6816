// The checkout: where to, how to pay, and what it costs. No card number is asked for: the preview pays at the local provider.

import { profileOf, saveProfile } from "./account-page.js";
import { addressForm, linesOf, withOthers } from "./addresses.js";
import { change } from "./api.js";
import { readCart, viewersNote } from "./cart.js";
import { element, part } from "./dom.js";
import { money } from "./format.js";
import { choice, form } from "./forms.js";
import { goTo } from "./navigation.js";
import { isLoggedIn, isView } from "./session.js";
import { t } from "./texts.js";
import { loginPage } from "./sign-in-pages.js";

const NOT_SIGNED_IN = new Set([401, 403]);
const CONFLICT = 409;

/** The methods of payment that a shop with the local provider takes. */
const METHODS = ["CREDIT_CARD", "DEBIT_CARD", "PAYPAL", "APPLE_PAY", "GOOGLE_PAY", "BANK_TRANSFER"];

export async function checkoutPage() {
  const title = element("h1", {}, t("checkout.title"));
  if (isView()) return { title: t("checkout.title"), nodes: [element("section", { className: "panel narrow" }, title, element("p", {}, viewersNote()))] };
  if (!isLoggedIn()) return loginPage({ note: t("checkout.login") });
  const [first, profile] = await Promise.all([readCart(), profileOf()]);
  if (!isReady(first)) {
    const back = element("p", {}, t("checkout.blocked"), element("a", { href: "/cart" }, t("checkout.cart")));
    return { title: t("checkout.title"), nodes: [element("section", { className: "panel narrow" }, title, back)] };
  }
  const sum = part(summary, "div", { "aria-live": "polite" });
  sum.show(first);
  const body = element("div", { className: "buying" }, element("section", { className: "panel", "aria-label": t("checkout.form") }, delivery(profile, first, sum.show)), sum.node);
  return { title: t("checkout.title"), nodes: [element("div", { className: "head with-button" }, title, element("p", {}, element("a", { href: "/cart" }, t("checkout.back")))), body] };
}

const isReady = ({ canBeBought, stale }) => canBeBought && !stale;
const buttonText = ({ total, currency }) => t("checkout.order", { amount: money(total, currency) });

/** The order; before it, where there is no address yet or another one is wanted, the address. */
function delivery(profile, cart, show) {
  const box = element("div", {});
  const showNew = (next) => show((cart = next));
  const all = () => profile.address?.addresses ?? [];
  const order = (chosen) => {
    box.replaceChildren(orderForm({ addresses: all(), chosen, first: cart, show: showNew, other: (now) => address(now).querySelector("input").focus() }));
    if (chosen) box.querySelector("input:checked").focus();
  };
  const address = (now) => {
    const node = addressForm(null, async (filled) => {
      profile = await saveProfile(profile, { address: { addresses: withOthers(filled, all()) } });
      order(all()[0].id);
    });
    if (now) node.querySelector(".row").append(element("button", { className: "again", type: "button", onclick: () => order(now) }, t("cancel")));
    box.replaceChildren(...[now ? null : element("p", {}, t("checkout.no-address")), node].filter(Boolean));
    return node;
  };
  if (all().length) order();
  else address();
  return box;
}

/** The order is over the total that is shown: where the cart costs something else by now, that is shown first. */
function orderForm({ addresses, chosen, first, show, other }) {
  let cart = first;
  const options = addresses.map((each) => [each.id, [element("b", {}, each.name), " ", linesOf(each)]]);
  const to = chosen ?? (addresses.find(({ isDefault }) => isDefault) ?? addresses[0]).id;
  const node = form({
    fields: [
      choice({ name: "addressId", legend: t("checkout.to"), options, value: to }),
      element("p", {}, element("button", { className: "again", type: "button", onclick: () => other(new FormData(node).get("addressId")) }, t("checkout.other-address"))),
      choice({ name: "paymentMethod", legend: t("checkout.pay"), options: METHODS.map((method) => [method, t(`method.${method}`)]), value: "CREDIT_CARD" }),
    ],
    button: buttonText(first),
    submit: async (data) => {
      try {
        const wish = { ...Object.fromEntries(data), expectedTotal: cart.total, returnUrl: `${location.origin}/orders` };
        goTo(`/orders/${(await change("POST", "/v1/orders", wish)).id}`);
      } catch (error) {
        if (NOT_SIGNED_IN.has(error.status)) return goTo("/checkout");
        if (error.status !== CONFLICT) throw error;
        cart = await readCart();
        if (!isReady(cart)) return goTo("/cart");
        show(cart);
        node.querySelector(".primary").textContent = buttonText(cart);
        throw error;
      }
    },
  });
  return node;
}

function summary({ items, total, currency }) {
  return element("section", { className: "panel sum", "aria-label": t("checkout.yours") },
    element("h2", {}, t("checkout.yours")),
    orderLines(items, currency),
    element("p", { className: "total" }, `${t("total")} `, element("b", {}, money(total, currency))),
    element("p", {}, t("total.taxes")));
}

/** What is ordered, line by line. */
export function orderLines(items, currency) {
  const row = ({ productId, productName, quantity, amount }) =>
    element("li", {}, element("a", { href: `/products/${productId}` }, productName ?? t("product.unnamed", { id: productId })), element("span", { className: "pieces" }, `× ${quantity}`), element("span", { className: "amount" }, money(amount, currency)));
  return element("ul", { className: "order-lines", role: "list" }, items.map(row));
}
