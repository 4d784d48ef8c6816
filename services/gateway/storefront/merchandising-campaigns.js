// Campaigns: the banners and displays of one begin and end with it.

import { change } from "./api.js";
import { element } from "./dom.js";
import { field, form } from "./forms.js";
import { dateFields, datesIn, filled, list, panel, scheduled, stateOf, stateTag } from "./merchandising-things.js";
import { t } from "./texts.js";

const CAMPAIGNS = "/v1/campaigns";
const nameOf = ({ name }) => name;

export function draw() {
  const rows = element("div", {});
  const show = () => rows.replaceChildren(list({ path: CAMPAIGNS, none: t("campaign.none"), row }));
  show();
  const node = form({
    fields: [field({ name: "name", label: t("campaign.name"), maxLength: 200 }), ...dateFields()],
    button: t("thing.save"),
    submit: async (data) => {
      const given = filled(data);
      await change("POST", CAMPAIGNS, { ...given, ...datesIn(given) });
      show();
      return t("saved");
    },
  });
  return [element("div", {}, panel(t("campaign.new"), node)), element("div", {}, panel(t("part.campaigns"), rows))];
}

const row = (first) => scheduled(first, { path: CAMPAIGNS, nameOf, about: (now) => [element("p", { className: "what" }, stateTag(stateOf(now)), " ", nameOf(now))] });
