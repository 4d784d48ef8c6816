// The preview's frame: which page an address means, and how to get from one to the next without loading anew.

import { lookIntoCart } from "./cart.js";
import { hasAnswered, installConsent } from "./consent.js";
import { announce, element, say } from "./dom.js";
import { entry, forget, goTo, keep, keptFor, putBack, remember } from "./navigation.js";
import { failure, skeleton } from "./page-states.js";
import { keepOrigin, withCampaign } from "./origin.js";
import { installPicker, showWho } from "./picker.js";
import { brought, Problem } from "./problem.js";
import { installSearch, showKeyword } from "./search-box.js";
import { onChange, renew } from "./session.js";
import { t } from "./texts.js";

const main = document.getElementById("content");
const page = (module, name) => async (...given) => (await brought(import(`./${module}.js`)))[name](...given);
const PAGES = {
  "/": page("top-page", "topPage"),
  "/search": page("search-page", "searchPage"),
  "/categories": page("categories-page", "categoriesPage"),
  "/account": page("account-page", "accountPage"),
  "/account/login": page("sign-in-pages", "loginPage"),
  "/account/register": page("sign-in-pages", "registerPage"),
  "/account/confirm": page("sign-in-pages", "confirmPage"),
  "/account/email": page("sign-in-pages", "emailPage"),
  "/account/reset": page("sign-in-pages", "resetPage"),
  "/preview/mails": page("mails-page", "mailsPage"),
  "/merchandising": page("merchandising-page", "merchandisingPage"),
  "/cart": page("cart-page", "cartPage"),
  "/checkout": page("checkout-page", "checkoutPage"),
  "/orders": page("orders-page", "ordersPage"),
};
const OF_ONE = {
  products: page("product-page", "productPage"),
  categories: page("search-page", "categoryPage"),
  orders: page("order-page", "orderPage"),
};
const PATIENCE = 150;
const SETTLED = 300;
let turn = 0;
let current = { key: entry().key };
let shown;
let connections = 0; // how often the connection came back

function pageAt(pathname) {
  const [, kind, id] = pathname.match(/^\/(products|categories|orders)\/(\d{1,19})$/) ?? [];
  if (kind) return () => OF_ONE[kind](id);
  return PAGES[pathname] ?? page("missing-page", "missingPage");
}

/** Draw the page of the present address; coming back, as it was left. */
async function render({ isFirst = false, isBack = false } = {}) {
  const mine = ++turn;
  leave();
  const { key, scroll, focus } = entry();
  shown = location.pathname + location.search;
  current = { key };
  showKeyword(new URLSearchParams(location.search).get("q") ?? "");
  const kept = isBack ? keptFor(key) : undefined;
  if (kept) return draw(kept.page, { scroll: kept.page.scroll, after: () => putBack(kept, main) });
  main.setAttribute("aria-busy", "true");
  const waiting = setTimeout(() => mine === turn && main.replaceChildren(skeleton()), isFirst ? 0 : PATIENCE);
  const before = connections;
  const made = await make();
  clearTimeout(waiting);
  if (mine !== turn) return made.leave?.();
  if (made.retry && connections > before) return made.retry(); // back while there was nothing to try again yet
  draw(made, { scroll: scroll ?? 0, after: () => isFirst || putKeyboard(focus), isFirst });
}

/** At the control of this id; where there is none, or none to be seen, at the page. */
function putKeyboard(id) {
  const place = document.getElementById(id);
  place?.focus({ preventScroll: true });
  if (document.activeElement !== place) main.focus({ preventScroll: true });
}

async function make() {
  try {
    await renew();
    return await pageAt(location.pathname)(location.pathname);
  } catch (error) {
    const isOver = !(error instanceof Problem) || error.isModule;
    return failure(error, () => (isOver && navigator.onLine ? location.reload() : render())); // offline, the browser's own page would come
  }
}

/** Let go of the page that is shown: it stays as it is for whoever comes back. */
function leave() {
  say("");
  current.stop?.();
  current.page?.leave?.();
  if (!current.page?.isKept) return;
  current.page.scroll = scrollY;
  keep(current.key, current.page, main);
}

function draw(made, { scroll, after, isFirst }) {
  current.page = made;
  document.title = t("title", { page: made.title });
  main.replaceChildren(...made.nodes.filter(Boolean));
  main.removeAttribute("aria-busy");
  showWho();
  scrollTo({ top: scroll, behavior: "instant" });
  after();
  current.stop = made.watch?.();
  if (!isFirst) announce(made.said ?? made.title);
}

/** Go to a place of the page, as a link to it would, but without an entry in the history. */
function jump(id) {
  const place = document.getElementById(id);
  place?.scrollIntoView();
  place?.focus({ preventScroll: true });
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !isPlain || link.origin !== location.origin || link.hasAttribute("download") || link.hreflang) return;
  const isHere = link.pathname === location.pathname && link.search === location.search;
  if ((link.hash && !isHere) || link.pathname.startsWith("/docs")) return;
  event.preventDefault();
  if (link.hash) jump(link.hash.slice(1));
  else goTo(link.href, link.dataset.search ? { searchId: link.dataset.search } : {});
});

const connection = () => {
  document.getElementById("offline").hidden = navigator.onLine;
  if (!navigator.onLine) return;
  connections += 1;
  current.page?.retry?.();
};
history.scrollRestoration = "manual";
addEventListener("online", connection);
addEventListener("offline", connection);
let scrolling;
addEventListener("scroll", () => {
  clearTimeout(scrolling);
  scrolling = setTimeout(() => main.ariaBusy === "true" || remember({ scroll: scrollY }), SETTLED); // for a reload
}, { passive: true });
addEventListener("popstate", () => (location.pathname + location.search !== shown || current.key !== history.state?.key) && render({ isBack: true }));
addEventListener("navigate", () => render());
addEventListener("hashchange", () => location.hash.includes("code=") && render());
onChange(({ isElsewhere }) => {
  forget();
  if (isElsewhere) render();
  else showWho();
  lookIntoCart();
});
if (new URLSearchParams(location.search).has("lang")) {
  const address = new URL(location);
  address.searchParams.delete("lang"); // the server has remembered it
  history.replaceState(history.state, "", address);
}
for (const link of document.querySelectorAll("a[hreflang]")) for (const kind of ["click", "pointerdown"]) link.addEventListener(kind, () => (link.href = otherLanguage(link.hreflang)));
installSearch();
installConsent(keepOrigin);
installPicker(() => goTo("/"));
connection();
render({ isFirst: true }).then(lookIntoCart);

function otherLanguage(language) {
  const address = new URL(location);
  address.searchParams.set("lang", language);
  return (hasAnswered() ? address : withCampaign(address)).href;
}
