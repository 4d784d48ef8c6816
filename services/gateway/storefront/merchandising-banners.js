// Banners: a text in each language of the shop, a picture and a link, from a start until an end.

import { change } from "./api.js";
import { element } from "./dom.js";
import { field } from "./forms.js";
import { scheduled, stateOf, stateTag } from "./merchandising-scheduled.js";
import { campaignField, dateFields, datesIn, filled, list, making, newestCampaigns, panel } from "./merchandising-things.js";
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

/** What a banner has beside its dates, with its values if there is one. */
function fieldsOf(campaigns, { texts = {}, link, image, campaignId, placement = PLACEMENT, priority = 0 } = {}) {
  const said = languages().flatMap(([code, name]) => {
    const value = (part) => texts[code]?.[part] ?? "";
    return [
      field({ name: `texts.${code}.title`, label: t("banner.text.title", { language: name }), maxLength: 200, value: value("title") }),
      field({ name: `texts.${code}.body`, label: t("banner.text.body", { language: name }), lines: 2, value: value("body") }),
      field({ name: `texts.${code}.linkText`, label: t("banner.text.link", { language: name }), maxLength: 200, value: value("linkText") }),
      field({ name: `texts.${code}.alt`, label: t("banner.text.alt", { language: name }), maxLength: 200, value: value("alt") }),
    ];
  });
  return [
    ...said,
    field({ name: "link", label: t("banner.link"), hint: t("banner.link.hint"), value: link ?? "" }),
    field({ name: "image", label: t("banner.image"), hint: t("banner.image.hint"), value: image ?? "" }),
    campaignField(campaigns, campaignId),
    field({ name: "placement", label: t("banner.placement"), value: placement, hint: t("banner.placement.hint") }),
    field({ name: "priority", label: t("banner.priority"), value: String(priority), hint: t("banner.priority.hint"), type: "number" }),
  ];
}

/** Their values; a language that this page does not have stays. */
function valuesOf(given, { texts = {} } = {}) {
  const codes = languages().map(([code]) => code);
  const said = { ...Object.fromEntries(Object.entries(texts).filter(([code]) => !codes.includes(code))), ...textsIn(given) };
  if (!Object.keys(said).length) throw complaint(t("banner.text.none"));
  const { link = null, image = null, campaignId, placement = "", priority = 0 } = given;
  return { placement, texts: said, link, image, campaignId: campaignId ? Number(campaignId) : null, priority: Number(priority) };
}

function creation(campaigns, done) {
  const node = making({
    fields: [...fieldsOf(campaigns), ...dateFields()],
    button: t("thing.save"),
    submit: async (data) => {
      const given = filled(data);
      await change("POST", BANNERS, { ...valuesOf(given), ...datesIn(given) });
      done();
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
  return scheduled(first, { path: BANNERS, nameOf, about, fields: (now) => fieldsOf(campaigns, now), changes: valuesOf });
}
