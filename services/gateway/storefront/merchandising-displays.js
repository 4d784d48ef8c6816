// Pinned and hidden products: what is decided, in which order pins stand, and the page of a shopper with all that.

import { change, get } from "./api.js";
import { element } from "./dom.js";
import { time } from "./format.js";
import { choice, field, form } from "./forms.js";
import { dateFields, datesIn, filled, instant, list, newestCampaigns, panel, scheduled, stateOf, stateTag, tag } from "./merchandising-things.js";
import { order } from "./merchandising-order.js";
import { notice } from "./page-states.js";
import { complaint, explain } from "./problem.js";
import { shelf } from "./shelf.js";
import { t } from "./texts.js";
import { SHELVES, titleOf } from "./top-page.js";

const ROWS = "/v1/top-page-displays";
const FOUND = 8;
const shelves = Object.keys(SHELVES).map((type) => [type, titleOf(type)]);
const whose = () => field({ name: "userId", label: t("decide.user"), hint: t("decide.user.hint") });

export async function draw() {
  const campaigns = await newestCampaigns();
  const rows = element("div", {});
  const show = () => rows.replaceChildren(list({ path: ROWS, none: t("rows.none"), row: (display) => row(display, campaigns) }));
  show();
  const left = element("div", {}, decision(show), panel(t("rows.title"), rows));
  return [left, element("div", {}, order(ROWS, shelves, whose()), looking())];
}

/** Choose a product, and say what becomes of it. */
function decision(done) {
  const options = element("div", { "aria-live": "polite" });
  const words = field({ name: "words", label: t("decide.search"), type: "search" });
  const find = async () => {
    const q = words.querySelector("input").value.trim();
    if (!q) return;
    try {
      const { items } = await get(`/v1/search?${new URLSearchParams({ q, limit: FOUND })}`);
      const named = ({ id, name, sku }) => [String(id), [element("b", {}, name), ` · ${sku}`]];
      options.replaceChildren(items.length ? choice({ name: "productId", legend: t("decide.product"), options: items.map(named), value: String(items[0].id) }) : element("p", {}, t("search.nothing")));
    } catch (error) {
      options.replaceChildren(notice(explain(error), find));
    }
  };
  words.querySelector("input").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault(); // it searches, and decides nothing yet
    find();
  });
  const node = form({
    fields: [
      words,
      element("button", { type: "button", className: "again", onclick: find }, t("decide.find")),
      options,
      choice({ name: "mode", legend: t("decide.mode"), options: [["pin", t("decide.pin")], ["hide", t("decide.hide")]], value: "pin" }),
      field({ name: "displayType", label: t("decide.shelf"), options: shelves, value: "RECOMMENDED" }),
      whose(),
      ...dateFields(),
      field({ name: "reason", label: t("decide.reason"), maxLength: 200 }),
    ],
    button: t("thing.save"),
    submit: async (data) => {
      const { words: _, productId, ...decided } = filled(data);
      if (!productId) throw complaint(t("decide.none"));
      await change("POST", ROWS, { ...decided, ...datesIn(decided), productId: Number(productId) });
      done();
      return t("saved");
    },
  });
  return panel(t("decide.title"), node);
}

function row(first, campaigns) {
  const nameOf = ({ productName, productId }) => productName ?? t("product.unnamed", { id: productId });
  const about = (now) => {
    const campaign = campaigns.find(({ id }) => id === now.campaignId);
    const state = stateOf(now, campaign);
    return [
      element("p", { className: "what" }, tag(t(`decide.${now.mode}`), state === "on"), state === "on" ? null : stateTag(state), " ", element("a", { href: `/products/${now.productId}` }, nameOf(now))),
      element("p", { className: "meta" }, [titleOf(now.displayType), now.userId ?? t("rows.all"), campaign?.name].filter(Boolean).join(" · ")),
      now.reason && element("p", {}, now.reason),
    ];
  };
  return scheduled(first, { path: ROWS, nameOf, about });
}

/** The page of a shopper at a time. */
function looking() {
  const page = element("div", { className: "looked", "aria-live": "polite" });
  const node = form({
    fields: [whose(), field({ name: "at", label: t("look.at"), type: "datetime-local", hint: t("look.at.hint") })],
    button: t("look.button"),
    submit: async (data) => {
      const { userId, at } = filled(data);
      const answer = await get(`/v1/preview?${new URLSearchParams({ ...(userId && { userId }), ...(at && { at: instant(at) }) })}`);
      page.replaceChildren(...[
        element("p", { className: "meta" }, t("look.state", { time: time(answer.at), hidden: answer.hidden.length, banners: answer.banners.length })),
        answer.warnings.length ? element("p", { className: "note" }, answer.warnings.join(" ")) : null,
        ...answer.shelves.filter(({ items }) => items.length).map(({ displayType, title, items }) => shelf({ id: `look-${displayType.toLowerCase()}`, title: titleOf(displayType, title), items })),
      ].filter(Boolean));
    },
  });
  return panel(t("look.title"), node, page);
}
