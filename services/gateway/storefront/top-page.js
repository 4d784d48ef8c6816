// The top page: six shelves, as the gateway gives them.

import { get } from "/storefront/api.js";
import { element } from "/storefront/dom.js";
import { Impressions, told } from "/storefront/reports.js";
import { isView, isVisitor, renew, userId } from "/storefront/session.js";
import { shelf } from "/storefront/shelf.js";

/** What each shelf is called, what it is, and what it waits for. */
export const SHELVES = {
  CONTINUE_SHOPPING: ["Continue shopping", "Where you left off", "Products that you look at will wait for you here."],
  REPURCHASE: ["Buy again", "What you buy again and again", "What you buy stands here from the next day on, to be bought again."],
  RECOMMENDED: ["Recommended for you", "New to you, chosen from what you like", "Nothing to recommend at the moment."],
  SALE: ["On sale", "Special prices, those you care about first", "No special prices at the moment."],
  DAILY_DEAL: ["Deals of the day", "Only today", "No deals today."],
  RECOMMENDED_CATEGORY: ["Categories for you", "One product each to look around from", "No categories to show at the moment."],
};

const PERSONAL = ["CONTINUE_SHOPPING", "REPURCHASE"];

/** Fetch and draw; gives the title, what to show, and what to do when the shopper leaves. */
export async function topPage() {
  await Promise.all([renew(), told()]);
  const page = await get(`/v1/top-page?${new URLSearchParams({ userId: userId() })}`);
  const impressions = new Impressions(page);
  const given = new Map(page.shelves.map((each) => [each.displayType, each]));
  const types = page.recommendationId ? [...given.keys()] : Object.keys(SHELVES); // serving names all in its order; content, those it can fill
  const shelves = types.map((type) => {
    const [title, about, waiting] = SHELVES[type] ?? [type, "", ""];
    const { items = [], title: theirs } = given.get(type) ?? {};
    const onCard = (card, item) => item.productId && impressions.watch(card, type, item); // else it is a whole category
    return shelf({ id: `shelf-${type.toLowerCase()}`, title: theirs ?? title, about, items, waiting, onCard });
  });
  footer(page);
  const isOut = page.degraded && page.shelves.every((each) => !each.items.length);
  return { title: "Top page", nodes: [head(given), notice(page, isOut), ...(isOut ? [] : shelves)], leave: () => impressions.end() };
}

function head(given) {
  const isPersonal = PERSONAL.some((type) => given.get(type)?.items.length); // else there is no history, or no consent
  const [title, about] = isVisitor()
    ? ["Welcome", "You are new here: these are the shelves for everyone. Look at a product, and they begin to follow you."]
    : [isView() ? `Good to see you, shopper ${userId()}` : "Good to see you", `${isPersonal ? "Shelves made from what you bought and looked at. " : ""}Each product says why it is here.`];
  return element("div", { className: "head" }, element("h1", {}, title), element("p", {}, about));
}

function notice(page, isOut) {
  if (!page.degraded) return null;
  const text = isOut
    ? "The shelves cannot be filled at the moment. Searching and looking at products still works."
    : "These shelves may be a little behind: live recommendations are taking a break.";
  const again = element("button", { className: "again", type: "button", onclick: () => location.reload() }, "Try again");
  return element("p", { className: "note", role: "status" }, text, again);
}

/** Say which model answered. */
function footer({ modelVersion, generation, degraded }) {
  const parts = ["Storefront preview", modelVersion && `model ${modelVersion}`, generation && `generation ${generation}`, degraded && "degraded"];
  document.getElementById("answered").textContent = parts.filter(Boolean).join(" · ");
}
