// What the shop's merchandisers announce.

import { get } from "./api.js";
import { element } from "./dom.js";
import { later } from "./page-states.js";
import { language } from "./texts.js";

const MOMENT = 3;

/** The banners of a place of the pages; without an answer there are none. */
export function banners(place) {
  const load = () => get("/v1/banners", { seconds: MOMENT }).catch(() => ({ items: [] }));
  return later(load, ({ items }) => items.filter(({ placement }) => placement === place).map(banner), { lines: 0, properties: { className: "banners" } });
}

/** A banner in the language of the page, else in English, else in any that it has. */
function banner({ id, texts, image, link }) {
  const keys = Object.keys(texts);
  const spoken = [language, "en"].map((each) => keys.find((key) => key === each) ?? keys.find((key) => key.startsWith(`${each}-`))).find(Boolean) ?? keys[0];
  const { title, body, alt, linkText } = texts[spoken];
  const heading = `banner-${id}`;
  return element("section", { className: "banner", lang: spoken, "aria-labelledby": heading },
    image && element("img", { src: image, alt: alt ?? "", decoding: "async" }),
    element("div", {},
      element("h2", { id: heading }, title),
      body && element("p", {}, body),
      link && element("a", { className: "primary", href: link }, linkText ?? title)));
}
