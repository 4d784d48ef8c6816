// What the parts of the merchandisers' screen have in common: panels, lists, and what can be done to one thing.

import { get } from "./api.js";
import { element, part } from "./dom.js";
import { field, form } from "./forms.js";
import { later, more } from "./page-states.js";
import { explain } from "./problem.js";
import { t } from "./texts.js";

const MOST_CAMPAIGNS = 500;
const MOST_PRODUCTS = 100;

export const panel = (title, ...nodes) => element("section", { className: "panel", "aria-label": title }, element("h2", { tabIndex: -1 }, title), ...nodes);
export const tag = (text, isOn = true) => element("span", { className: isOn ? "tag" : "tag cancelled" }, text);

/** A form that makes something, and then is as it was at first: the next thing takes over nothing from it. */
export function making({ submit, ...options }) {
  const save = async (data) => {
    await submit(data);
    for (const [control, values] of first) Object.assign(control, values);
    node.dispatchEvent(new Event("change"));
    return t("saved");
  };
  const node = form({ ...options, submit: save });
  const first = [...node.elements].filter(({ name }) => name).map((control) => [control, { value: control.value, checked: control.checked }]);
  return node;
}

/** The values of a form that are filled in. */
export const filled = (data) => Object.fromEntries([...data].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));

/** The field of the shopper whom something is for. */
export const whose = () => field({ name: "userId", label: t("decide.user"), hint: t("decide.user.hint") });

/** The fields of when something shows; `datesIn` has what was filled in. */
export const dateFields = ({ startDate, endDate } = {}) => [
  field({ name: "startDate", label: t("thing.start"), type: "datetime-local", value: local(startDate), hint: t("thing.start.hint") }),
  field({ name: "endDate", label: t("thing.end"), type: "datetime-local", value: local(endDate), hint: t("thing.end.hint") }),
];
export const instant = (text) => (text ? new Date(text).toISOString() : undefined);
export const datesIn = ({ startDate, endDate }) => ({ startDate: instant(startDate), endDate: instant(endDate) });

/** A time as a field has it: by the clock of who reads it, to the minute. */
export function local(text) {
  if (!text) return "";
  const moment = new Date(text);
  return new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The newest campaigns, so many as one answer has. */
export const newestCampaigns = async () => (await get(`/v1/campaigns?limit=${MOST_CAMPAIGNS}`)).items;

/** The choice of one of them, or none. */
export function campaignField(campaigns, chosen) {
  const older = chosen && campaigns.every(({ id }) => id !== chosen) ? [[String(chosen), String(chosen)]] : [];
  return field({
    name: "campaignId",
    label: t("campaign"),
    hint: campaigns.length < MOST_CAMPAIGNS ? "" : t("campaign.hint", { count: MOST_CAMPAIGNS }),
    options: [["", t("campaign.no")], ...campaigns.map(({ id, name }) => [String(id), name]), ...older],
    value: String(chosen ?? ""),
  });
}

/** The names of products by their ids, where the catalogue has them. */
export async function productNames(ids) {
  const wanted = [...new Set(ids)];
  const parts = Array.from({ length: Math.ceil(wanted.length / MOST_PRODUCTS) }, (_, place) => wanted.slice(place * MOST_PRODUCTS, (place + 1) * MOST_PRODUCTS));
  const answers = await Promise.all(parts.map((part) => get(`/v1/products?${new URLSearchParams([["limit", MOST_PRODUCTS], ...part.map((id) => ["ids", id])])}`)));
  return new Map(answers.flatMap(({ items }) => items.map(({ id, name }) => [id, name])));
}

/** The things at an address, page by page, each as `row` draws it, after `prepare` has what these need. */
export function list({ path, wish = {}, none, row, prepare = () => {} }) {
  const ask = async (cursor) => {
    const page = await get(`${path}?${new URLSearchParams({ limit: 50, ...wish, ...(cursor && { cursor }) })}`);
    await prepare(page.items);
    return page;
  };
  return later(() => ask(), (first) => {
    if (!first.items.length) return element("p", {}, none);
    const rows = element("ul", { className: "things", role: "list" }, first.items.map(row));
    const add = ({ items }) => {
      const added = items.map(row);
      rows.append(...added);
      return added;
    };
    return [rows, more({ first, ask, add }).node];
  });
}

/** A row that can be changed: `draw(now, button, set)` are its nodes, a button's act may fail, and `set` shows what a change has answered, or what there is now with what is to be said. */
export function changing(first, draw) {
  const problem = element("p", { className: "problem", role: "alert" });
  const node = element("li", {});
  const attempt = (act) => async () => {
    problem.textContent = "";
    await act().catch((error) => (problem.textContent = explain(error)));
  };
  const set = (now, said = "") => {
    problem.textContent = said;
    const hadKeyboard = body.node.contains(document.activeElement);
    const place = document.activeElement.closest("details") ? "summary" : "button, summary";
    body.show(now);
    if (hadKeyboard) (body.node.querySelector(place) ?? body.node.querySelector("button")).focus(); // what was pressed is another one by now
  };
  const button = (text, what, act) => element("button", { className: "again", type: "button", "aria-label": `${text}: ${what}`, onclick: attempt(act) }, text);
  const body = part((now) => draw(now, button, set));
  body.show(first);
  node.append(body.node, problem);
  return node;
}
