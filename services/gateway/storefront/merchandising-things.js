// What the parts of the merchandisers' screen have in common: panels, lists, and what can be done to one thing.

import { get } from "./api.js";
import { element, part, say } from "./dom.js";
import { time } from "./format.js";
import { field, form } from "./forms.js";
import { changeShown } from "./merchandising-versions.js";
import { later, more } from "./page-states.js";
import { explain } from "./problem.js";
import { t } from "./texts.js";

export const MOST_CAMPAIGNS = 500;

export const panel = (title, ...nodes) => element("section", { className: "panel", "aria-label": title }, element("h2", { tabIndex: -1 }, title), ...nodes);
export const tag = (text, isOn = true) => element("span", { className: isOn ? "tag" : "tag cancelled" }, text);

/** The values of a form that are filled in. */
export const filled = (data) => Object.fromEntries([...data].map(([name, value]) => [name, value.trim()]).filter(([, value]) => value));

/** The fields of when something shows; `datesIn` has what was filled in. */
export const dateFields = ({ startDate, endDate } = {}) => [
  field({ name: "startDate", label: t("thing.start"), type: "datetime-local", value: local(startDate), hint: t("thing.start.hint") }),
  field({ name: "endDate", label: t("thing.end"), type: "datetime-local", value: local(endDate), hint: t("thing.end.hint") }),
];
export const instant = (text) => (text ? new Date(text).toISOString() : undefined);
export const datesIn = ({ startDate, endDate }) => ({ startDate: instant(startDate), endDate: instant(endDate) });

/** A time as a field has it: by the clock of who reads it, to the minute. */
function local(text) {
  if (!text) return "";
  const moment = new Date(text);
  return new Date(moment - moment.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

/** The newest campaigns, so many as one answer has. */
export const newestCampaigns = async () => (await get(`/v1/campaigns?limit=${MOST_CAMPAIGNS}`)).items;

/** The things at an address, page by page, each as `row` draws it. */
export function list({ path, wish = {}, none, row }) {
  const ask = (cursor) => get(`${path}?${new URLSearchParams({ limit: 50, ...wish, ...(cursor && { cursor }) })}`);
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

/** What shows from a start until an end: `about(now)` says what it is; it is paused, given other dates, and removed. */
export function scheduled(first, { path, nameOf, about }) {
  const place = `${path}/${first.id}`;
  const node = changing(first, (now, button, set) => {
    const name = nameOf(now);
    const renew = async (said) => set(await get(place), said);
    const patch = async (changes) => set(await changeShown("PATCH", place, { shown: now, body: changes, renew }));
    const remove = async () => {
      await changeShown("DELETE", place, { shown: now, renew });
      if (node.contains(document.activeElement)) node.closest("section").querySelector("h2").focus();
      node.remove();
      say(t("thing.removed"));
    };
    const buttons = [button(t(now.isActive ? "thing.pause" : "thing.resume"), name, () => patch({ isActive: !now.isActive })), button(t("cart.remove"), name, remove)];
    return [...about(now), element("p", { className: "meta" }, dates(now)), element("div", { className: "row" }, buttons), rescheduling(now, name, patch)];
  });
  return node;
}

/** Whether it shows now: by its own dates, and if these let it, by those of its campaign. */
export function stateOf({ isActive, startDate, endDate }, campaign) {
  if (!isActive) return "paused";
  if (Date.now() < Date.parse(startDate)) return "coming";
  if (endDate && Date.parse(endDate) <= Date.now()) return "over";
  const whole = campaign ? stateOf(campaign) : "on";
  return whole === "on" ? "on" : `campaign.${whole}`;
}

export const stateTag = (state) => tag(t(`state.${state}`), state === "on");

const dates = ({ startDate, endDate }) => [t("thing.from", { time: time(startDate) }), endDate && t("thing.until", { time: time(endDate) })].filter(Boolean).join(" · ");

function rescheduling(now, name, patch) {
  const node = form({
    fields: dateFields(now),
    button: t("thing.save"),
    submit: async (data) => {
      const { startDate, endDate } = Object.fromEntries(data);
      const changes = {}; // seconds that no field shows stay
      if (startDate !== local(now.startDate)) changes.startDate = instant(startDate) ?? new Date().toISOString();
      if (endDate !== local(now.endDate)) changes.endDate = instant(endDate) ?? null;
      await patch(changes);
      say(t("saved")); // not below the button, which is gone with what it changed
    },
  });
  return element("details", {}, element("summary", { "aria-label": `${t("thing.dates")}: ${name}` }, t("thing.dates")), node);
}
