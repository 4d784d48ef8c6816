// The top page: six shelves, as the gateway gives them.

import { get } from "./api.js";
import { banners } from "./banners.js";
import { element } from "./dom.js";
import { Impressions, told } from "./reports.js";
import { isView, isVisitor, renew, userId } from "./session.js";
import { shelf } from "./shelf.js";
import { known, t } from "./texts.js";

/** The shelves in their order, by the titles that the shop itself gives them. */
export const SHELVES = {
  CONTINUE_SHOPPING: "Continue shopping",
  REPURCHASE: "Buy again",
  RECOMMENDED: "Recommended for you",
  SALE: "On sale",
  DAILY_DEAL: "Today's picks",
  RECOMMENDED_CATEGORY: "Categories for you",
};
/** Shoppers fill these themselves: empty, they say what they wait for, below all others. Other empty shelves are left out. */
const PERSONAL = ["CONTINUE_SHOPPING", "REPURCHASE"];
const CONTENT_AWAY = "CONTENT_AWAY"; // pins and banners may be missing: the shelves are as fresh as ever
const EMPTY_LAST = (one, other) => Boolean(other.items.length) - Boolean(one.items.length);

/** What a shelf is called: a title of a merchandiser's own stays. */
export const titleOf = (type, theirs = SHELVES[type]) => (theirs === SHELVES[type] ? known(`shelf.${type}`) : theirs) ?? type;

/** Fetch and draw; gives the title, and what to show. */
export async function topPage() {
  await Promise.all([renew(), told()]);
  const page = await get("/v1/top-page");
  const impressions = new Impressions(page);
  const given = new Map(page.shelves.map((each) => [each.displayType, each]));
  const types = page.recommendationId ? [...given.keys()] : Object.keys(SHELVES); // serving names all in its order; content, those it can fill
  const all = types.map((type) => ({ type, items: [], ...given.get(type) })).filter(({ type, items }) => items.length || PERSONAL.includes(type));
  const shelves = all.sort(EMPTY_LAST).map(({ type, items, title }) => {
    const onCard = (card, item) => item.productId && impressions.watch(card, type, item); // else it is a whole category
    return shelf({
      id: `shelf-${type.toLowerCase()}`,
      title: titleOf(type, title),
      about: known(`shelf.${type}.about`),
      waiting: known(`shelf.${type}.waiting`),
      items,
      onCard,
    });
  });
  footer(page);
  const isOut = page.degraded && page.shelves.every((each) => !each.items.length);
  return { title: t("top"), nodes: [head(given), notice(page, isOut), banners("TOP"), ...(isOut ? [] : shelves)], isKept: true };
}

function head(given) {
  const isPersonal = PERSONAL.some((type) => given.get(type)?.items.length); // else there is no history, or no consent
  const [title, about] = isVisitor()
    ? [t("top.welcome"), t("top.visitor")]
    : [isView() ? t("top.hello.view", { id: userId() }) : t("top.hello"), `${isPersonal ? t("top.personal") : ""}${t("top.why")}`];
  return element("div", { className: "head" }, element("h1", {}, title), element("p", {}, about));
}

function notice({ degraded, warnings }, isOut) {
  const isBehind = degraded && warnings.some((each) => each !== CONTENT_AWAY);
  if (!isOut && !isBehind) return null;
  const again = element("button", { className: "again", type: "button", onclick: () => location.reload() }, t("again"));
  return element("p", { className: "note", role: "status" }, t(isOut ? "top.out" : "top.behind"), again);
}

/** Say which model answered. */
function footer({ modelVersion, generation, degraded }) {
  const parts = [t("preview"), modelVersion && t("footer.model", { name: modelVersion }), generation && t("footer.generation", { name: generation }), degraded && t("footer.degraded")];
  document.getElementById("answered").textContent = parts.filter(Boolean).join(" · ");
}
