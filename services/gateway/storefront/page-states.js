// What stands where a page, or a part of one, is not there yet, or did not come.

import { element } from "./dom.js";
import { explain, Problem } from "./problem.js";
import { t } from "./texts.js";

const SHELVES = 3;
const CARDS = 6;
const MISSING = new Set([404, 422]); // an id that nothing has, and one that nothing can have

/** A page that is on its way. */
export function skeleton() {
  const card = () => element("li", {}, element("div", { className: "card" }));
  const row = () =>
    element("section", { className: "shelf" },
      element("header", {}, element("h2", {}, t("loading"))),
      element("ul", { className: "cards" }, Array.from({ length: CARDS }, card)));
  return element("div", { className: "skeleton", "aria-hidden": "true" },
    element("div", { className: "head" }, element("h1", {}, t("loading"))),
    Array.from({ length: SHELVES }, row));
}

/** The page for an error. */
export function failure(error, retry) {
  if (error instanceof Problem && MISSING.has(error.status)) return missing();
  const again = element("button", { className: "again", type: "button", onclick: retry }, t("again"));
  return stated(t("failed"), [element("p", {}, explain(error)), again], { retry });
}

/** The page for what does not exist. */
export function missing() {
  const home = element("a", { className: "again", href: "/" }, t("home"));
  return stated(t("missing"), [element("p", {}, t("missing.about")), home]);
}

function stated(title, nodes, more) {
  return { title, nodes: [element("div", { className: "head", role: "alert" }, element("h1", {}, title), nodes)], ...more };
}

/**
 * A part of a page that comes later: `draw(await load())` are its nodes, none if it has nothing to show.
 * What does not come is said, and may be asked for again.
 */
export function later(load, draw, { lines = 3, properties = {} } = {}) {
  const node = element("div", { ...properties });
  const attempt = async (event) => {
    if (event) { // what was pressed goes away
      node.tabIndex = -1;
      node.focus({ preventScroll: true });
    }
    node.ariaBusy = "true";
    node.replaceChildren(...lines ? [element("div", { className: "skeleton lines", "aria-hidden": "true" }, Array.from({ length: lines }, () => element("p", {}, t("loading"))))] : []);
    try {
      node.replaceChildren(...[draw(await load())].flat().filter(Boolean));
    } catch (error) {
      node.replaceChildren(notice(explain(error), attempt));
    }
    node.ariaBusy = null;
  };
  attempt();
  return node;
}

/** A remark with a button to try again. */
export function notice(text, retry) {
  return element("p", { className: "note", role: "status" }, text, element("button", { className: "again", type: "button", onclick: retry }, t("again")));
}

/**
 * A list that goes on: a button fetches the next page, and says so when it does not come.
 * `ask(cursor)` gives a page, `add(page)` its new elements. Coming back by a reload, as many pages are there as were.
 */
export function more({ first, ask, add, opened = () => {} }) {
  let cursor = first.nextCursor;
  const button = element("button", { className: "again", type: "button", hidden: !cursor }, t("more"));
  const problem = element("p", { className: "problem", role: "alert" });
  const next = async ({ isAsked }) => {
    button.ariaBusy = "true";
    problem.textContent = "";
    try {
      const page = await ask(cursor);
      cursor = page.nextCursor;
      button.hidden = !cursor;
      const added = add(page);
      if (isAsked) added[0]?.querySelector("a")?.focus(); // where the keyboard goes on
      opened();
    } catch (error) {
      problem.textContent = `${t("more.failed")} ${explain(error)}`;
    }
    button.ariaBusy = "false";
  };
  button.addEventListener("click", () => button.ariaBusy === "true" || next({ isAsked: true }));
  return { node: element("div", { className: "rest" }, problem, button), next: () => (cursor ? next({ isAsked: false }) : null) };
}
