// The cart: how much is in it, and every change of it.

import { change, get } from "./api.js";
import { hasConsent } from "./consent.js";
import { element, say } from "./dom.js";
import { count } from "./format.js";
import { explain } from "./problem.js";
import { isView, isVisitor, userId } from "./session.js";
import { t } from "./texts.js";

const CART = "/v1/carts/me";
const PAUSE = 300;
const TRIES = 20;
let shown = null;
let awaited = [];
let changing = null;

/** What is in the cart at the prices of now. After a login it waits for what the visitor had in it. */
export async function readCart(tries = TRIES) {
  await changing?.catch(() => {});
  const cart = await get(CART);
  const isWhole = awaited.every((id) => cart.items.some(({ productId }) => productId === id));
  if (!isWhole && tries > 1) {
    await new Promise((resolve) => setTimeout(resolve, PAUSE));
    return readCart(tries - 1);
  }
  awaited = [];
  return keep(cart);
}

/** Say that the visitor is about to log in: a moment later the user's cart has what is in the visitor's. */
export function bringCart() {
  const mine = isVisitor() && shown ? shown.items : [];
  awaited = mine.filter(({ obstacle }) => obstacle === null).map(({ productId }) => productId);
}

/** Learn how much is in the cart, for the page's head; without the cart's service it shows no number. */
export async function lookIntoCart() {
  if (navigator.cookieEnabled) return readCart().catch(() => keep(null));
}

export const setQuantity = (productId, quantity) => changed("PUT", `/items/${productId}`, { quantity });
export const removeItem = (productId) => changed("DELETE", `/items/${productId}`);

/** Why the one who is at the browser must not change the cart, or null. */
export const viewersNote = () => (isView() ? t("cart.view", { id: userId() }) : null);

/** A button that puts one piece of a product into the cart. */
export function addButton({ productId, productName }, className = "again") {
  const button = element("button", { className: `add ${className}`, type: "button", "aria-label": t("cart.add.name", { name: productName }) }, t("cart.add"));
  button.addEventListener("click", async ({ detail }) => {
    if (detail > 1 || button.ariaBusy === "true") return; // a double click is one
    if (viewersNote()) return say(viewersNote());
    if (!navigator.cookieEnabled) return say(t("cart.cookies"));
    button.ariaBusy = "true";
    try {
      const { search } = button.dataset; // of a card: the search that it is a result of
      await changed("POST", "/items", { productId, ...(search && hasConsent() && { searchId: search }) });
      say(t("cart.added", { name: productName }));
    } catch (error) {
      say(explain(error));
    } finally {
      button.ariaBusy = "false";
    }
  });
  return button;
}

async function changed(method, path, body) {
  changing = change(method, CART + path, body);
  return keep(await changing);
}

/** Remember the cart, and show how many pieces are in it. */
function keep(cart) {
  shown = cart;
  const pieces = cart?.items.reduce((sum, { quantity }) => sum + quantity, 0) ?? 0;
  const link = document.getElementById("cart");
  link.querySelector("b").textContent = pieces || "";
  link.ariaLabel = pieces ? t("cart.pieces", { count: pieces, number: count(pieces) }) : t("cart");
  return cart;
}
