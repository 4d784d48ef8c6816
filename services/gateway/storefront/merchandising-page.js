// The merchandisers' screen: what people decide about the pages of the shop. Each part has its own address and module.

import "./merchandising-texts.js";
import { element } from "./dom.js";
import { brought } from "./problem.js";
import { hasRole, isLoggedIn } from "./session.js";
import { loginPage } from "./sign-in-pages.js";
import { t } from "./texts.js";

const PARTS = {
  displays: () => import("./merchandising-displays.js"),
  banners: () => import("./merchandising-banners.js"),
  campaigns: () => import("./merchandising-campaigns.js"),
  reviews: () => import("./merchandising-reviews.js"),
  trail: () => import("./merchandising-trail.js"),
};

export async function merchandisingPage() {
  if (!isLoggedIn()) return loginPage({ note: t("merchandising.login") });
  const title = element("h1", {}, t("merchandising.title"));
  if (!hasRole("merchandiser") && !hasRole("admin")) {
    return { title: t("merchandising.title"), nodes: [element("section", { className: "panel narrow" }, title, element("p", {}, t("merchandising.role")))] };
  }
  const asked = new URLSearchParams(location.search).get("part");
  const chosen = Object.hasOwn(PARTS, asked) ? asked : "displays";
  const { draw } = await brought(PARTS[chosen]());
  const link = (name) => element("a", { className: "again", href: `/merchandising?part=${name}`, "aria-current": name === chosen ? "page" : null }, t(`part.${name}`));
  const parts = element("nav", { className: "parts", "aria-label": t("merchandising.parts") }, Object.keys(PARTS).map(link));
  const head = element("div", { className: "head" }, title, element("p", {}, t(`part.${chosen}.about`)));
  return { title: `${t("merchandising.title")}: ${t(`part.${chosen}`)}`, nodes: [head, parts, element("div", { className: "panels" }, await draw())] };
}
