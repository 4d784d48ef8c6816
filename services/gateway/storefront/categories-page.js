// All of the shop by its categories: those at the top, each a link to what is below it.

import { get } from "./api.js";
import { element } from "./dom.js";
import { readable } from "./format.js";
import { more } from "./page-states.js";
import { picture } from "./shelf.js";
import { t } from "./texts.js";

const LIMIT = 100;
const TOP = 1;

export async function categoriesPage() {
  const ask = (cursor) => get(`/v1/categories?${new URLSearchParams({ level: TOP, limit: LIMIT, ...(cursor && { cursor }) })}`);
  const title = t("category.all");
  const list = element("ul", { className: "tiles", role: "list", "aria-label": title });
  const add = ({ items }) => {
    const added = items.map(tile);
    list.append(...added);
    return added;
  };
  const first = await ask();
  add(first);
  const none = first.items.length ? null : element("p", {}, t("category.none"));
  return { title, nodes: [element("div", { className: "head" }, element("h1", {}, title), none), list, more({ first, ask, add }).node], isKept: true };
}

function tile({ id, name }) {
  return element("li", {}, element("a", { href: `/categories/${id}` }, picture({ image: null, categoryId: id }, { loading: "lazy" }), element("span", {}, readable(name))));
}
