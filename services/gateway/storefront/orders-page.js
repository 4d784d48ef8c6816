// One's orders, the latest first.

import { get } from "./api.js";
import { element } from "./dom.js";
import { money, time } from "./format.js";
import { more } from "./page-states.js";
import { isLoggedIn, isView, userId } from "./session.js";
import { loginPage } from "./sign-in-pages.js";
import { t } from "./texts.js";

const LIMIT = 20;
const NAMED = 3;

export async function ordersPage() {
  if (!isLoggedIn() && !isView()) return loginPage({ note: t("orders.login") });
  const ask = (cursor) => get(`/v1/orders?${new URLSearchParams({ ...(cursor && { cursor }), limit: LIMIT })}`);
  const first = await ask();
  const list = element("ul", { className: "orders", role: "list" }, first.items.map(card));
  const add = ({ items }) => {
    const added = items.map(card);
    list.append(...added);
    return added;
  };
  const head = element("div", { className: "head" }, element("h1", {}, isView() ? t("orders.of", { id: userId() }) : t("orders.title")));
  const nothing = element("p", { className: "panel" }, t("orders.none"), element("a", { href: "/" }, t("home")));
  return { title: t("orders.title"), nodes: [head, first.items.length ? list : nothing, more({ first, ask, add }).node] };
}

function card({ id, orderedAt, status, items, totalAmount, currency }) {
  const names = items.slice(0, NAMED).map(({ productName, productId }) => productName ?? t("product.unnamed", { id: productId })).join(", ");
  const others = items.length - Math.min(items.length, NAMED);
  return element("li", { className: "panel" },
    element("h2", {}, element("a", { href: `/orders/${id}` }, t("order.title", { id }))),
    element("p", { className: "meta" }, element("span", { className: `tag ${status.toLowerCase()}` }, t(`status.${status}`)), ` ${time(orderedAt)} · `, element("b", {}, money(totalAmount, currency))),
    element("p", { className: "names" }, others ? t("orders.others", { names, count: others }) : names));
}
