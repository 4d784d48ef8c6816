// Banners: a text in each language of the shop, a picture and a link, from a start until an end.

import { change } from "./api.js";
import { element } from "./dom.js";
import { field, form } from "./forms.js";
import { dateFields, datesIn, filled, list, MOST_CAMPAIGNS, newestCampaigns, panel, scheduled, stateOf, stateTag } from "./merchandising-things.js";
import { complaint } from "./problem.js";
import { language, t } from "./texts.js";

const BANNERS = "/v1/banners";
const PLACEMENT = "TOP";
const languages = () => [...document.querySelectorAll("a[hreflang]")].map(({ hreflang, textContent }) => [hreflang, textContent]);
const nameOf = ({ texts }) => (texts[language] ?? Object.values(texts)[0]).title;

export async function draw() {
  const campaigns = await newestCampaigns();
  const rows = element("div", {});
  const show = () => rows.replaceChildren(list({ path: `${BANNERS}/all`, none: t("banner.none"), row: (banner) => row(banner, campaigns) }));
  show();
  return [element("div", {}, creation(campaigns, show)), element("div", {}, panel(t("part.banners"), rows))];
}

function creation(campaigns, done) {
  const texts = languages().flatMap(([code, name]) => [
    field({ name: `texts.${code}.title`, label: t("banner.text.title", { language: name }), maxLength: 200 }),
    field({ name: `texts.${code}.body`, label: t("banner.text.body", { language: name }), lines: 2 }),
    field({ name: `texts.${code}.linkText`, label: t("banner.text.link", { language: name }), maxLength: 200 }),
  ]);
  const node = form({
    fields: [
      ...texts,
      field({ name: "link", label: t("banner.link"), hint: t("banner.link.hint") }),
      field({ name: "image", label: t("banner.image"), hint: t("banner.image.hint") }),
      field({ name: "campaignId", label: t("banner.campaign"), hint: campaigns.length < MOST_CAMPAIGNS ? "" : t("banner.campaign.hint", { count: MOST_CAMPAIGNS }), options: [["", t("banner.campaign.none")], ...campaigns.map(({ id, name }) => [String(id), name])], value: "" }),
      field({ name: "placement", label: t("banner.placement"), value: PLACEMENT, hint: t("banner.placement.hint") }),
      ...dateFields(),
    ],
    button: t("thing.save"),
    submit: async (data) => {
      const given = filled(data);
      const { link, image, campaignId, placement } = given;
      const said = textsIn(given);
      if (!Object.keys(said).length) throw complaint(t("banner.text.none"));
      await change("POST", BANNERS, { placement, texts: said, link, image, campaignId: campaignId && Number(campaignId), ...datesIn(given) });
      done();
      return t("saved");
    },
  });
  return panel(t("banner.new"), node);
}

/** `texts.en.title` and so on, by language. */
function textsIn(given) {
  const said = {};
  for (const [name, value] of Object.entries(given)) {
    const [, code, part] = name.match(/^texts\.([\w-]+)\.(\w+)$/) ?? [];
    if (code) said[code] = { ...said[code], [part]: value };
  }
  return said;
}

function row(first, campaigns) {
  const about = (now) => {
    const campaign = campaigns.find(({ id }) => id === now.campaignId);
    return [
      element("p", { className: "what" }, stateTag(stateOf(now, campaign)), " ", nameOf(now)),
      element("p", { className: "meta" }, [now.placement, now.link, campaign?.name].filter(Boolean).join(" · ")),
    ];
  };
  return scheduled(first, { path: BANNERS, nameOf, about });
}
