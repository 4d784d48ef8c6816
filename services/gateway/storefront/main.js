// The preview's frame: which page an address means, and how to get from one to the next without loading anew.

import { accountPage } from "/storefront/account-page.js";
import { Problem } from "/storefront/api.js";
import { cartPage } from "/storefront/cart-page.js";
import { lookIntoCart } from "/storefront/cart.js";
import { checkoutPage } from "/storefront/checkout-page.js";
import { announce, element, say } from "/storefront/dom.js";
import { mailsPage } from "/storefront/mails-page.js";
import { goTo } from "/storefront/navigation.js";
import { orderPage } from "/storefront/order-page.js";
import { ordersPage } from "/storefront/orders-page.js";
import { installPicker, showWho } from "/storefront/picker.js";
import { productPage } from "/storefront/product-page.js";
import { categoryPage, searchPage } from "/storefront/search-page.js";
import { onChange, renew } from "/storefront/session.js";
import { confirmPage, emailPage, loginPage, registerPage, resetPage } from "/storefront/sign-in-pages.js";
import { topPage } from "/storefront/top-page.js";

const main = document.getElementById("content");
const SKELETON_SHELVES = 3;
const SKELETON_CARDS = 6;
const PAGES = {
  "/account": accountPage,
  "/account/login": () => loginPage(),
  "/account/register": registerPage,
  "/account/confirm": confirmPage,
  "/account/email": emailPage,
  "/account/reset": resetPage,
  "/preview/mails": mailsPage,
  "/cart": cartPage,
  "/checkout": checkoutPage,
  "/orders": ordersPage,
};
const OF_ONE = { products: productPage, categories: categoryPage, orders: orderPage };
let leave = () => {};
let turn = 0;
let shown;

function pageAt({ pathname, searchParams }) {
  const [, kind, id] = pathname.match(/^\/(products|categories|orders)\/(\d+)$/) ?? [];
  if (kind) return () => OF_ONE[kind](id);
  if (PAGES[pathname]) return PAGES[pathname];
  const keyword = searchParams.get("q")?.trim();
  if (pathname === "/search" && keyword) return () => searchPage(keyword);
  return topPage;
}

/** Draw the page of the present address. */
async function render({ isFirst = false } = {}) {
  const mine = ++turn;
  const address = new URL(location);
  shown = address.pathname + address.search;
  leave();
  leave = () => {};
  say("");
  main.setAttribute("aria-busy", "true");
  const waiting = setTimeout(() => main.replaceChildren(skeleton()), isFirst ? 0 : 150);
  document.getElementById("keyword").value = address.searchParams.get("q") ?? "";
  let page;
  try {
    await renew();
    page = await pageAt(address)();
  } catch (error) {
    page = failure(error);
  }
  clearTimeout(waiting);
  if (mine !== turn) return page.leave?.();
  leave = page.leave ?? leave;
  document.title = `${page.title} · Tanawari`;
  main.replaceChildren(...page.nodes.filter(Boolean));
  main.removeAttribute("aria-busy");
  showWho();
  if (!isFirst) {
    main.focus({ preventScroll: true });
    announce(page.title);
  }
}

function skeleton() {
  const card = () => element("li", {}, element("div", { className: "card" }));
  const row = () =>
    element("section", { className: "shelf" },
      element("header", {}, element("h2", {}, "Loading shelf")),
      element("ul", { className: "cards" }, Array.from({ length: SKELETON_CARDS }, card)));
  return element("div", { className: "skeleton", "aria-hidden": "true" },
    element("div", { className: "head" }, element("h1", {}, "Loading the shelves")),
    Array.from({ length: SKELETON_SHELVES }, row));
}

function failure(error) {
  const isMissing = error instanceof Problem && error.status === 404;
  const [title, about] = isMissing
    ? ["Nothing stands here", "It may have left the shop."]
    : ["This page cannot be shown", `${error.message}. Please try again in a moment.`];
  const again = element("button", { className: "again", type: "button", onclick: () => render() }, "Try again");
  const home = element("a", { href: "/" }, "To the shelves");
  return { title, nodes: [element("div", { className: "head", role: "alert" }, element("h1", {}, title), element("p", {}, about), element("p", {}, isMissing ? home : again))] };
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !isPlain || link.origin !== location.origin || link.hash || link.pathname.startsWith("/docs")) return;
  event.preventDefault();
  goTo(link.href);
});
document.getElementById("search").addEventListener("submit", (event) => {
  event.preventDefault();
  const keyword = event.target.q.value.trim();
  if (keyword) goTo(`/search?${new URLSearchParams({ q: keyword })}`);
});
const isNew = () => location.pathname + location.search !== shown || location.hash.includes("code=");
addEventListener("popstate", () => isNew() && render()); // a jump within the page is none
addEventListener("navigate", () => render());
onChange(({ isElsewhere }) => {
  if (isElsewhere) render();
  else showWho();
  lookIntoCart();
});
installPicker(() => goTo("/"));
render({ isFirst: true }).then(lookIntoCart);
