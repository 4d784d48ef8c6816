// Campaigns: the banners and displays of one begin and end with it.

import { change } from "./api.js";
import { element } from "./dom.js";
import { field } from "./forms.js";
import { scheduled, stateOf, stateTag } from "./merchandising-scheduled.js";
import { dateFields, datesIn, filled, list, making, panel } from "./merchandising-things.js";
import { t } from "./texts.js";

const CAMPAIGNS = "/v1/campaigns";
const nameOf = ({ name }) => name;

export function draw() {
  const rows = element("div", {});
  const show = () => rows.replaceChildren(list({ path: CAMPAIGNS, none: t("campaign.none"), row }));
  show();
  const node = making({
    fields: [nameField(), ...dateFields()],
    button: t("thing.save"),
    submit: async (data) => {
      const given = filled(data);
      await change("POST", CAMPAIGNS, { ...given, ...datesIn(given) });
      show();
    },
  });
  return [element("div", {}, panel(t("campaign.new"), node)), element("div", {}, panel(t("part.campaigns"), rows))];
}

const nameField = (value = "") => field({ name: "name", label: t("campaign.name"), maxLength: 200, value });

const row = (first) =>
  scheduled(first, { path: CAMPAIGNS, nameOf, fields: ({ name }) => [nameField(name)], changes: ({ name }) => ({ name: name ?? "" }), about: (now) => [element("p", { className: "what" }, stateTag(stateOf(now)), " ", nameOf(now))] });
