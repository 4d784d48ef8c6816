// Why a product is on a shelf, in the language of the page: the shop gives its reasons, and titles of shelves, in English.

import { language, t } from "./texts.js";

/** The shop's reasons, as `shelves.yaml` has them; a test compares them. */
export const REASONS = {
  viewed: "You looked at this lately",
  cart: "Waiting in your cart",
  due: "You buy this about every {days} days, last {ago} days ago",
  bought: "You bought this {count} times",
  bought_once: "You bought this before",
  often_with: "Often bought with {item}, {which}",
  alike_touched: "Similar to {item}, {which}",
  which_seen_today: "which you looked at today",
  which_seen: "which you looked at lately",
  which_in_cart: "which is in your cart",
  because_bought: "Shoppers who bought {item}, as you did, also buy this",
  alike: "Similar to {item}, which you bought",
  category: "From {category}, where you shop",
  taste: "Chosen from what shoppers like you buy",
  popular: "Popular with other shoppers",
  offer: "{percent}% off",
  alike_product: "Similar to {item}",
  popular_in: "Popular in {category}",
  also_bought: "Shoppers who buy {item} also buy this",
};

const BETWEEN = " · ";
const patterns = Object.entries(REASONS).map(([name, text]) => [name, pattern(text)]);

function pattern(text) {
  const parts = text.split(/\{(\w+)\}/).map((part, place) => (place % 2 ? `(?<${part}>.+)` : part.replace(/[.*+?^$()|[\]\\]/g, "\\$&")));
  return new RegExp(`^${parts.join("")}$`, "s");
}

/** The name of a reason of the shop's, or null. */
export const reasonOf = (reason) => patterns.find(([, each]) => each.test(reason ?? ""))?.[0] ?? null;

/** A reason of the shop's, or two: an offer's saving stands before another. A merchandiser's own words stay as they are. */
export function translated(reason) {
  if (language === "en") return reason;
  const [saving, ...rest] = reason.split(BETWEEN);
  if (rest.length && reasonOf(saving) === "offer") return [saving, rest.join(BETWEEN)].map(one).join(BETWEEN);
  return one(reason);
}

function one(reason) {
  for (const [name, each] of patterns) {
    const found = reason.match(each);
    if (!found) continue;
    const { which, ...values } = found.groups ?? {};
    if (which === undefined) return t(`reason.${name}`, values);
    const known = one(which);
    if (known !== which) return t(`reason.${name}`, { ...values, which: known });
  }
  return reason;
}
