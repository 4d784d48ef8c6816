// The checkout: where to, how to pay, and what it costs. No card number is asked for: the preview pays at the local provider.

import { profileOf } from "/storefront/account-page.js";
import { linesOf } from "/storefront/addresses.js";
import { change } from "/storefront/api.js";
import { readCart, viewersNote } from "/storefront/cart.js";
import { element, part } from "/storefront/dom.js";
import { choice, form } from "/storefront/forms.js";
import { goTo } from "/storefront/navigation.js";
import { isLoggedIn, isView } from "/storefront/session.js";
import { money } from "/storefront/shelf.js";
import { loginPage } from "/storefront/sign-in-pages.js";

const NOT_SIGNED_IN = new Set([401, 403]);
const CONFLICT = 409;

/** The methods of payment that a shop with the local provider takes. */
export const METHODS = {
  CREDIT_CARD: "Credit card",
  DEBIT_CARD: "Debit card",
  PAYPAL: "PayPal",
  APPLE_PAY: "Apple Pay",
  GOOGLE_PAY: "Google Pay",
  BANK_TRANSFER: "Bank transfer",
};

export async function checkoutPage() {
  const title = element("h1", {}, "Checkout");
  if (isView()) return { title: "Checkout", nodes: [element("section", { className: "panel narrow" }, title, element("p", {}, viewersNote()))] };
  if (!isLoggedIn()) return loginPage("Log in to order. What is in the cart comes with you.");
  const [first, { address }] = await Promise.all([readCart(), profileOf()]);
  if (!isReady(first)) {
    const back = element("p", {}, "The cart cannot be ordered as it is. ", element("a", { href: "/cart" }, "To the cart"));
    return { title: "Checkout", nodes: [element("section", { className: "panel narrow" }, title, back)] };
  }
  const sum = part(summary, "div", { "aria-live": "polite" });
  const order = orderForm(address?.addresses ?? [], first, sum.show);
  sum.show(first);
  const body = element("div", { className: "buying" }, element("section", { className: "panel", "aria-label": "Delivery and payment" }, order), sum.node);
  return { title: "Checkout", nodes: [element("div", { className: "head with-button" }, title, element("p", {}, element("a", { href: "/cart" }, "Back to the cart"))), body] };
}

const isReady = ({ canBeBought, stale }) => canBeBought && !stale;
const buttonText = ({ total, currency }) => `Order and pay ${money(total, currency)}`;

/** The order is over the total that is shown: where the cart costs something else by now, that is shown first. */
function orderForm(addresses, first, show) {
  let cart = first;
  const options = addresses.map((each) => [each.id, [element("b", {}, each.name), " ", linesOf(each)]]);
  const to = (addresses.find(({ isDefault }) => isDefault) ?? addresses[0])?.id;
  const book = element("a", { href: "/account" }, options.length ? "Another address" : "Add an address to your account");
  const node = form({
    fields: [
      options.length ? choice({ name: "addressId", legend: "Send it to", options, value: to }) : element("p", {}, "You have no address yet."),
      element("p", { className: "more" }, book),
      choice({ name: "paymentMethod", legend: "Pay by", options: Object.entries(METHODS), value: "CREDIT_CARD" }),
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
  node.querySelector(".primary").disabled = !options.length;
  return node;
}

function summary({ items, total, currency }) {
  return element("section", { className: "panel sum", "aria-label": "Your order" },
    element("h2", {}, "Your order"),
    orderLines(items, currency),
    element("p", { className: "total" }, "Total ", element("b", {}, money(total, currency))),
    element("p", {}, "Taxes are included."));
}

/** What is ordered, line by line. */
export function orderLines(items, currency) {
  const row = ({ productId, productName, quantity, amount }) =>
    element("li", {}, element("a", { href: `/products/${productId}` }, productName ?? `Product ${productId}`), element("span", { className: "pieces" }, `× ${quantity}`), element("span", { className: "amount" }, money(amount, currency)));
  return element("ul", { className: "order-lines", role: "list" }, items.map(row));
}
