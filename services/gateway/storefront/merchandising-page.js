// The merchandisers' screen: pin a product on a shelf or hide it, from when until when; and see the page of a shopper, now or then.

import { change, get } from "./api.js";
import { element, part, say } from "./dom.js";
import { time } from "./format.js";
import { choice, field, form } from "./forms.js";
import { later, more, notice } from "./page-states.js";
import { complaint, explain } from "./problem.js";
import { hasRole, isLoggedIn } from "./session.js";
import { shelf } from "./shelf.js";
import { loginPage } from "./sign-in-pages.js";
import { t } from "./texts.js";
import { SHELVES, titleOf } from "./top-page.js";

const ROWS = "/v1/top-page-displays";
const FOUND = 8;
const shelves = () => Object.keys(SHELVES).map((type) => [type, titleOf(type)]);
const instant = (text) => (text ? new Date(text).toISOString() : undefined);

export async function merchandisingPage() {
  if (!isLoggedIn()) return loginPage({ note: t("merchandising.login") });
  const title = element("h1", {}, t("merchandising.title"));
  if (!hasRole("merchandiser") && !hasRole("admin")) {
    return { title: t("merchandising.title"), nodes: [element("section", { className: "panel narrow" }, title, element("p", {}, t("merchandising.role")))] };
  }
  const rows = element("div", {});
  const show = () => rows.replaceChildren(later(() => get(ask()), list));
  show();
  const head = element("div", { className: "head" }, title, element("p", {}, t("merchandising.about")));
  const panels = element("div", { className: "panels" }, element("div", {}, decision(show), panel(t("rows.title"), rows)), element("div", {}, looking()));
  return { title: t("merchandising.title"), nodes: [head, panels] };
}

const panel = (title, ...nodes) => element("section", { className: "panel", "aria-label": title }, element("h2", {}, title), ...nodes);

/** Choose a product, and say what becomes of it. */
function decision(done) {
  const options = element("div", { "aria-live": "polite" });
  const words = field({ name: "words", label: t("decide.search"), type: "search" });
  const find = async () => {
    const q = words.querySelector("input").value.trim();
    if (!q) return;
    try {
      const { items } = await get(`/v1/search?${new URLSearchParams({ q, limit: FOUND })}`);
      const named = ({ id, name, sku }) => [String(id), [element("b", {}, name), ` · ${sku}`]];
      options.replaceChildren(items.length ? choice({ name: "productId", legend: t("decide.product"), options: items.map(named), value: String(items[0].id) }) : element("p", {}, t("search.nothing")));
    } catch (error) {
      options.replaceChildren(notice(explain(error), find));
    }
  };
  words.querySelector("input").addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault(); // it searches, and decides nothing yet
    find();
  });
  const node = form({
    fields: [
      words,
      element("button", { type: "button", className: "again", onclick: find }, t("decide.find")),
      options,
      choice({ name: "mode", legend: t("decide.mode"), options: [["pin", t("decide.pin")], ["hide", t("decide.hide")]], value: "pin" }),
      field({ name: "displayType", label: t("decide.shelf"), options: shelves(), value: "RECOMMENDED" }),
      field({ name: "userId", label: t("decide.user"), hint: t("decide.user.hint") }),
      field({ name: "startDate", label: t("decide.start"), type: "datetime-local", hint: t("decide.start.hint") }),
      field({ name: "endDate", label: t("decide.end"), type: "datetime-local", hint: t("decide.end.hint") }),
      field({ name: "reason", label: t("decide.reason"), maxLength: 200 }),
    ],
    button: t("decide.button"),
    submit: async (data) => {
      if (!data.get("productId")) throw complaint(t("decide.none"));
      const { mode, displayType } = Object.fromEntries(data);
      const optional = { userId: data.get("userId").trim(), startDate: instant(data.get("startDate")), endDate: instant(data.get("endDate")), reason: data.get("reason").trim() };
      const given = Object.fromEntries(Object.entries(optional).filter(([, value]) => value));
      await change("POST", ROWS, { mode, displayType, productId: Number(data.get("productId")), ...given });
      done();
      return t("saved");
    },
  });
  return panel(t("decide.title"), node);
}

const ask = (cursor) => `${ROWS}?${new URLSearchParams({ limit: 50, ...(cursor && { cursor }) })}`;

/** What was decided. */
function list(first) {
  if (!first.items.length) return element("p", {}, t("rows.none"));
  const rows = element("ul", { className: "returns", role: "list" }, first.items.map(row));
  const add = ({ items }) => {
    const added = items.map(row);
    rows.append(...added);
    return added;
  };
  return [rows, more({ first, ask: (cursor) => get(ask(cursor)), add }).node];
}

function row(first) {
  const problem = element("p", { className: "problem", role: "alert" });
  const node = element("li", {});
  const attempt = (act) => async () => {
    problem.textContent = "";
    await act().catch((error) => (problem.textContent = explain(error)));
  };
  const remove = attempt(async () => {
    await change("DELETE", `${ROWS}/${first.id}`);
    node.remove();
    say(t("rows.removed"));
  });
  const body = part((now) => {
    const dates = [t("rows.from", { time: time(now.startDate) }), now.endDate && t("rows.until", { time: time(now.endDate) })].filter(Boolean).join(" · ");
    const name = now.productName ?? t("product.unnamed", { id: now.productId });
    const toggle = attempt(async () => body.show(await change("PATCH", `${ROWS}/${now.id}`, { isActive: !now.isActive })));
    const button = (text, act) => element("button", { className: "again", type: "button", "aria-label": `${text}: ${name}`, onclick: act }, text);
    return [
      element("p", {}, element("span", { className: now.isActive ? "tag" : "tag cancelled" }, t(`decide.${now.mode}`)), " ", element("a", { href: `/products/${now.productId}` }, name)),
      element("p", { className: "meta" }, [titleOf(now.displayType), now.userId ?? t("rows.all"), dates].join(" · ")),
      now.reason && element("p", {}, now.reason),
      element("div", { className: "row" }, button(t(now.isActive ? "rows.pause" : "rows.resume"), toggle), button(t("cart.remove"), remove)),
    ];
  });
  body.show(first);
  node.append(body.node, problem);
  return node;
}

/** The page of a shopper at a time. */
function looking() {
  const page = element("div", { className: "looked", "aria-live": "polite" });
  const node = form({
    fields: [
      field({ name: "userId", label: t("decide.user"), hint: t("decide.user.hint") }),
      field({ name: "at", label: t("look.at"), type: "datetime-local", hint: t("look.at.hint") }),
    ],
    button: t("look.button"),
    submit: async (data) => {
      const wish = Object.entries({ userId: data.get("userId").trim(), at: instant(data.get("at")) }).filter(([, value]) => value);
      const answer = await get(`/v1/preview?${new URLSearchParams(wish)}`);
      page.replaceChildren(...[
        element("p", { className: "meta" }, t("look.state", { time: time(answer.at), hidden: answer.hidden.length, banners: answer.banners.length })),
        answer.warnings.length ? element("p", { className: "note" }, answer.warnings.join(" ")) : null,
        ...answer.shelves.filter(({ items }) => items.length).map(({ displayType, title, items }) => shelf({ id: `look-${displayType.toLowerCase()}`, title: titleOf(displayType, title), items })),
      ].filter(Boolean));
    },
  });
  return panel(t("look.title"), node, page);
}
