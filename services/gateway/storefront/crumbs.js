// Where a page is in the shop.

import { element } from "./dom.js";
import { t } from "./texts.js";

/** The way from the top page through categories, each a link; with `isHere`, the last one is the page itself. */
export function crumbs(categories, { isHere = false } = {}) {
  const link = ({ id, name }, place) => {
    const isLast = isHere && place === categories.length - 1;
    return element("li", {}, isLast ? element("span", { "aria-current": "page" }, name) : element("a", { href: `/categories/${id}` }, name));
  };
  const top = element("li", {}, element("a", { href: "/" }, t("top")));
  return element("nav", { className: "crumbs", "aria-label": t("crumbs") }, element("ol", { role: "list" }, top, categories.map(link)));
}
