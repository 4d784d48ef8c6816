// What shows from a start until an end, alone or within a campaign: it is paused, changed and removed.

import { get } from "./api.js";
import { element, say } from "./dom.js";
import { time } from "./format.js";
import { form } from "./forms.js";
import { changing, dateFields, filled, instant, local, tag } from "./merchandising-things.js";
import { changeShown } from "./merchandising-versions.js";
import { t } from "./texts.js";

/**
 * The row of one: `about(now)` says what it is,
 * `fields(now)` can be changed beside the dates; `changes(given)` are their values, of what is filled in.
 */
export function scheduled(first, { path, nameOf, about, fields, changes: changed }) {
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
    const save = async (given) => {
      await patch({ ...changed(given, now), ...newDates(given, now) });
      say(t("saved")); // not below the button, which is gone with what it changed
    };
    return [...about(now), element("p", { className: "meta" }, dates(now)), element("div", { className: "row" }, buttons), changeable(name, [...fields(now), ...dateFields(now)], save)];
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

/** The dates that were changed: seconds that no field shows stay. */
function newDates({ startDate = "", endDate = "" }, now) {
  const changes = {};
  if (startDate !== local(now.startDate)) changes.startDate = instant(startDate) ?? new Date().toISOString();
  if (endDate !== local(now.endDate)) changes.endDate = instant(endDate) ?? null;
  return changes;
}

function changeable(name, fields, save) {
  const node = form({ fields, button: t("thing.save"), submit: (data) => save(filled(data)) });
  return element("details", {}, element("summary", { "aria-label": `${t("thing.change")}: ${name}` }, t("thing.change")), node);
}
