// One's orders, the latest first.

import { get } from "/storefront/api.js";
import { element } from "/storefront/dom.js";
import { isLoggedIn, isView, userId } from "/storefront/session.js";
import { money } from "/storefront/shelf.js";
import { loginPage } from "/storefront/sign-in-pages.js";

const LIMIT = 20;
const NAMED = 3;

/** What each status of an order means to the shopper. */
export const STATUSES = {
  PENDING: "Waiting for the payment",
  CONFIRMED: "Paid",
  PROCESSING: "Being packed",
  SHIPPED: "On its way",
  DELIVERED: "Delivered",
  CANCELLED: "Cancelled",
  RETURNED: "Returned",
};

/** A time as the shopper's clock has it. */
export const time = (text) => new Date(text).toLocaleString("en", { dateStyle: "medium", timeStyle: "short" });

export async function ordersPage() {
  if (!isLoggedIn() && !isView()) return loginPage("Log in to see your orders.");
  const ask = (cursor) => get(`/v1/orders?${new URLSearchParams({ ...cursor, limit: LIMIT })}`);
  const first = await ask({});
  const list = element("ul", { className: "orders", role: "list" }, first.items.map(card));
  const more = element("button", { className: "again", type: "button", hidden: !first.nextCursor }, "Show more");
  let cursor = first.nextCursor;
  more.addEventListener("click", async () => {
    more.disabled = true;
    const next = await ask({ cursor }).catch(() => null);
    more.disabled = false;
    if (!next) return; // the button is still there
    cursor = next.nextCursor;
    more.hidden = !cursor;
    const added = next.items.map(card);
    list.append(...added);
    added[0]?.querySelector("a").focus(); // where the keyboard goes on
  });
  const head = element("div", { className: "head" }, element("h1", {}, isView() ? `Orders of ${userId()}` : "Your orders"));
  const nothing = element("p", { className: "panel" }, "No order yet. ", element("a", { href: "/" }, "To the shelves"));
  return { title: "Your orders", nodes: [head, first.items.length ? list : nothing, element("p", { className: "rest" }, more)] };
}

function card({ id, orderedAt, status, items, totalAmount, currency }) {
  const names = items.slice(0, NAMED).map(({ productName, productId }) => productName ?? `Product ${productId}`);
  const others = items.length - names.length;
  return element("li", { className: "panel" },
    element("h2", {}, element("a", { href: `/orders/${id}` }, `Order ${id}`)),
    element("p", { className: "meta" }, element("span", { className: `tag ${status.toLowerCase()}` }, STATUSES[status]), ` ${time(orderedAt)} · `, element("b", {}, money(totalAmount, currency))),
    element("p", { className: "names" }, names.join(", ") + (others ? ` and ${others} more` : "")));
}
