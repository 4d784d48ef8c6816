// Pinned and hidden products: what is decided, beside the order of pins and the page of a shopper with all that.

import { change, get } from "./api.js";
import { element } from "./dom.js";
import { choice, field } from "./forms.js";
import { looking } from "./merchandising-looking.js";
import { scheduled, stateOf, stateTag } from "./merchandising-scheduled.js";
import { campaignField, dateFields, datesIn, filled, list, making, newestCampaigns, panel, tag, whose } from "./merchandising-things.js";
import { order } from "./merchandising-order.js";
import { notice } from "./page-states.js";
import { complaint, explain } from "./problem.js";
import { t } from "./texts.js";
import { SHELVES, titleOf } from "./top-page.js";

const ROWS = "/v1/top-page-displays";
const FOUND = 8;
const NO_NUMBER = 422; // words that no article number can be
const HIDDEN_FROM = "RECOMMENDED"; // the API asks for a shelf; what is hidden is on none
const shelves = Object.keys(SHELVES).map((type) => [type, titleOf(type)]);

export async function draw() {
  const campaigns = await newestCampaigns();
  const rows = element("div", {});
  const show = () => rows.replaceChildren(list({ path: ROWS, none: t("rows.none"), row: (display) => row(display, campaigns) }));
  show();
  const left = element("div", {}, decision(campaigns, show), panel(t("rows.title"), rows));
  return [left, element("div", {}, order(ROWS, shelves, whose()), looking())];
}

/** Choose a product, and say what becomes of it. */
function decision(campaigns, done) {
  const options = element("div", { "aria-live": "polite" });
  const words = field({ name: "words", label: t("decide.search"), type: "search" });
  const find = async () => {
    const q = words.querySelector("input").value.trim();
    if (!q) return;
    try {
      const items = await found(q);
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
  const ofPins = [field({ name: "displayType", label: t("decide.shelf"), options: shelves, value: "RECOMMENDED" }), reasonField()];
  const ofHiding = element("p", { className: "hint", hidden: true }, t("decide.hide.about"));
  const node = making({
    fields: [
      words,
      element("button", { type: "button", className: "again", onclick: find }, t("decide.find")),
      options,
      choice({ name: "mode", legend: t("decide.mode"), options: [["pin", t("decide.pin")], ["hide", t("decide.hide.everywhere")]], value: "pin" }),
      ofHiding,
      ...ofPins,
      whose(),
      campaignField(campaigns),
      ...dateFields(),
    ],
    button: t("thing.save"),
    submit: async (data) => {
      const { productId, mode, userId, displayType, reason, campaignId, ...dates } = filled(data);
      if (!productId) throw complaint(t("decide.none"));
      const shown = mode === "pin" ? { displayType, reason } : { displayType: HIDDEN_FROM };
      await change("POST", ROWS, { mode, productId: Number(productId), userId, campaignId: campaignId && Number(campaignId), ...shown, ...datesIn(dates) });
      options.replaceChildren();
      done();
    },
  });
  node.addEventListener("change", () => {
    const isPin = node.elements.mode.value === "pin";
    ofHiding.hidden = isPin;
    for (const each of ofPins) each.hidden = !isPin;
  });
  return panel(t("decide.title"), node);
}

const reasonField = (value = "") => field({ name: "reason", label: t("decide.reason"), maxLength: 200, value });

/** The product of this article number, which may be a parent that no search lists, and those that the words find. */
async function found(q) {
  const ofNumber = get(`/v1/products?${new URLSearchParams({ sku: q, active: true })}`).catch((error) => {
    if (error.status !== NO_NUMBER) throw error;
    return { items: [] };
  });
  const answers = await Promise.all([ofNumber, get(`/v1/search?${new URLSearchParams({ q, limit: FOUND })}`)]);
  return [...new Map(answers.flatMap(({ items }) => items.map((item) => [item.id, item]))).values()];
}

function row(first, campaigns) {
  const nameOf = ({ productName, productId }) => productName ?? t("product.unnamed", { id: productId });
  const isPin = first.mode === "pin";
  const about = (now) => {
    const campaign = campaigns.find(({ id }) => id === now.campaignId);
    const state = stateOf(now, campaign);
    return [
      element("p", { className: "what" }, tag(t(`decide.${now.mode}`), state === "on"), state === "on" ? null : stateTag(state), " ", element("a", { href: `/products/${now.productId}` }, nameOf(now))),
      element("p", { className: "meta" }, [isPin ? titleOf(now.displayType) : t("decide.shelves"), now.userId ?? t("rows.all"), campaign?.name].filter(Boolean).join(" · ")),
      now.reason && element("p", {}, now.reason),
    ];
  };
  const fields = ({ campaignId, reason }) => [...(isPin ? [reasonField(reason ?? "")] : []), campaignField(campaigns, campaignId)];
  const changes = ({ campaignId, reason }) => ({ campaignId: campaignId ? Number(campaignId) : null, ...(isPin && { reason: reason ?? null }) });
  return scheduled(first, { path: ROWS, nameOf, about, fields, changes });
}
