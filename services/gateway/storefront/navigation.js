// Going from page to page without loading anew, and back to where one was.

import { uuid } from "./uuid.js";

const MOST = 12;
const kept = new Map();

/** The name of the present entry of the history; what it remembers, such as how many pages of a list were open. */
export function entry() {
  if (!history.state?.key) history.replaceState({ ...history.state, key: uuid() }, "");
  return history.state;
}

/** Remember something with the present entry, if it is (still) that of this key; it outlives a reload. */
export function remember(values, key = entry().key) {
  if (entry().key === key) history.replaceState({ ...entry(), ...values }, "");
}

/** Show the page at an address; `values` go with it, such as the search that led there. */
export function goTo(address, values = {}) {
  remember({ scroll: scrollY });
  const isHere = new URL(address, location).href === location.href; // a double click is one
  history[isHere ? "replaceState" : "pushState"]({ ...values, key: uuid(), scroll: 0 }, "", address);
  dispatchEvent(new Event("navigate"));
}

/** Keep a page as it is, for when the shopper comes back to its entry. */
export function keep(key, page, main) {
  const rows = [...main.querySelectorAll(".cards")].map(({ scrollLeft }) => scrollLeft);
  const focused = main.contains(document.activeElement) ? document.activeElement : null;
  kept.delete(key);
  kept.set(key, { page, rows, focused });
  if (kept.size > MOST) kept.delete(kept.keys().next().value);
}

/** The page kept for an entry, or undefined. */
export const keptFor = (key) => kept.get(key);

/** Put back the rows of a kept page, its filters and order, a change of which led away from it, and the keyboard. */
export function putBack({ rows, focused }, main) {
  for (const box of main.querySelectorAll(".filters input")) box.checked = box.defaultChecked;
  for (const option of main.querySelectorAll(".sorting option")) option.selected = option.defaultSelected;
  main.querySelectorAll(".cards").forEach((list, place) => list.scrollTo({ left: rows[place] ?? 0, behavior: "instant" }));
  (focused ?? main).focus({ preventScroll: true });
}

/** Keep nothing: somebody else is here, or what was shown is not true any more. */
export const forget = () => kept.clear();
