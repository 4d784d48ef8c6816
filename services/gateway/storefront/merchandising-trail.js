// The audit trail: who changed what, the latest first.

import { get } from "./api.js";
import { element } from "./dom.js";
import { time } from "./format.js";
import { field, form } from "./forms.js";
import { filled, list, newestCampaigns, panel, productNames, tag } from "./merchandising-things.js";
import { known, language, t } from "./texts.js";

const MOST = 500;
const KINDS = ["display", "banner", "campaign", "experiment", "generation"];

export async function draw() {
  const names = await namesOfThings();
  const rows = element("div", {});
  const prepare = async (items) => {
    for (const { kind, subject, before, after } of items) names.note(kind, subject, { ...before, ...after });
    await names.complete();
  };
  const show = (wish) => rows.replaceChildren(list({ path: "/v1/audit", wish, none: t("trail.none"), prepare, row: (entry) => row(entry, names) }));
  show();
  const node = form({
    fields: [
      field({ name: "kind", label: t("trail.kind"), options: [["", t("trail.all")], ...KINDS.map((kind) => [kind, t(`trail.${kind}`)])], value: "" }),
      field({ name: "userId", label: t("trail.user"), hint: t("trail.user.hint") }),
    ],
    button: t("moderation.show"),
    submit: (data) => show(filled(data)),
  });
  return [element("div", {}, panel(t("trail.choose"), node)), element("div", {}, panel(t("part.trail"), rows))];
}

/** What things are called: those that are there, and those of which an entry says it. */
async function namesOfThings() {
  const called = new Map();
  const products = new Map();
  const ofDisplays = new Map();
  const note = (kind, id, { name, texts, productId }) => {
    if (productId) ofDisplays.set(String(id), productId);
    const title = texts && (texts[language] ?? Object.values(texts)[0])?.title;
    if (name ?? title) called.set(`${kind} ${id}`, name ?? title);
  };
  const [campaigns, banners, displays] = await Promise.all([newestCampaigns(), ...["/v1/banners/all", "/v1/top-page-displays"].map(async (path) => (await get(`${path}?limit=${MOST}`)).items)]);
  for (const [kind, things] of Object.entries({ campaign: campaigns, banner: banners, display: displays })) for (const thing of things) note(kind, thing.id, thing);
  for (const { productId, productName } of displays) if (productName) products.set(productId, productName);
  const complete = async () => {
    const missing = [...ofDisplays.values()].filter((id) => !products.has(id));
    for (const [id, name] of await productNames(missing)) products.set(id, name);
  };
  const product = (id) => products.get(id) ?? t("product.unnamed", { id });
  const of = (kind, id) => (kind === "display" && ofDisplays.has(id) ? product(ofDisplays.get(id)) : called.get(`${kind} ${id}`));
  return { note, complete, product, of };
}

function row({ changedAt, userId, service, kind, subject, change, before, after }, names) {
  const fields = Object.keys(after ?? before ?? {});
  const said = (name, value) => {
    if (name === "productId" && value) return names.product(value);
    if (name === "campaignId" && value) return names.of("campaign", String(value)) ?? String(value);
    return name.endsWith("Date") && value ? time(value) : written(value);
  };
  const differing = fields.flatMap((name) => [element("dt", {}, name), element("dd", {}, [before, after].map((each) => each && said(name, each[name])).filter((each) => each !== null).join(" → "))]);
  const what = [t(`trail.${kind}`), subject, names.of(kind, subject)].filter(Boolean).join(" ");
  return element("li", {},
    element("p", { className: "what" }, tag(known(`trail.${change}`) ?? change, change !== "DELETED"), ` ${what}`),
    element("p", { className: "meta" }, `${time(changedAt)} · ${userId ?? service}`),
    fields.length ? element("details", {}, element("summary", { "aria-label": `${t("trail.fields")}: ${what}` }, t("trail.fields")), element("dl", { className: "fields" }, differing)) : null);
}

const written = (value) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));
