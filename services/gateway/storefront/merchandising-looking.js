// The page of a shopper at a time: its shelves, the banners, and what is hidden.

import { get } from "./api.js";
import { element } from "./dom.js";
import { time } from "./format.js";
import { field, form } from "./forms.js";
import { filled, instant, panel, productNames, whose } from "./merchandising-things.js";
import { shelf } from "./shelf.js";
import { known, language, t } from "./texts.js";
import { titleOf } from "./top-page.js";

export function looking() {
  const page = element("div", { className: "looked", "aria-live": "polite" });
  const node = form({
    fields: [whose(), field({ name: "at", label: t("look.at"), type: "datetime-local", hint: t("look.at.hint") })],
    button: t("look.button"),
    submit: async (data) => {
      page.replaceChildren(); // it is of another shopper or time, whatever comes now
      const { userId, at } = filled(data);
      const answer = await get(`/v1/preview?${new URLSearchParams({ ...(userId && { userId }), ...(at && { at: instant(at) }) })}`);
      const names = await productNames(answer.hidden.map(({ productId }) => productId));
      page.replaceChildren(...drawn(answer, names));
    },
  });
  return panel(t("look.title"), node, page);
}

function drawn({ at, isKnown, warnings, banners, hidden, shelves }, names) {
  const notes = [isKnown === false ? t("look.unknown") : null, ...warnings.map((code) => known(`look.${code}`) ?? code)].filter(Boolean);
  const bannerText = ({ texts, placement, link }) => [(texts[language] ?? Object.values(texts)[0]).title, placement, link].filter(Boolean).join(" · ");
  const product = ({ productId, sku }) => element("a", { href: `/products/${productId}` }, names.get(productId) ?? sku ?? t("product.unnamed", { id: productId }));
  return [
    element("p", { className: "meta" }, t("look.state", { time: time(at) })),
    ...notes.map((note) => element("p", { className: "note" }, note)),
    ...listed(t("look.banners"), banners.map(bannerText)),
    ...shelves.filter(({ items }) => items.length).map(({ displayType, title, items }) => shelf({ id: `look-${displayType.toLowerCase()}`, title: titleOf(displayType, title), items })),
    ...listed(t("look.hidden"), hidden.map(product)),
  ];
}

/** A list with its title, if there is anything. */
function listed(title, things) {
  if (!things.length) return [];
  return [element("h3", {}, title), element("ul", {}, things.map((thing) => element("li", {}, thing)))];
}
