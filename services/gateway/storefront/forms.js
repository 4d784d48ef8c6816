// Forms: each field has its label, its hint, and the error that the shop names it in; screen readers hear them.

import { element } from "./dom.js";
import { explain } from "./problem.js";
import { known, language, t } from "./texts.js";

let last = 0;

/** A field: an input, several `lines` of it, or a select if there are `options` (pairs of value and text); with a label, and a hint if given. */
export function field({ name, label, hint, options, suggestions, lines, ...attributes }) {
  const id = `field-${++last}`;
  const choices = options?.map(([value, text]) => element("option", { value, selected: value === attributes.value }, text));
  const control = choices
    ? element("select", { id, name, "aria-describedby": `${id}-hint` }, choices)
    : element(lines ? "textarea" : "input", { id, name, ...(lines ? { rows: lines } : { type: "text" }), "aria-describedby": `${id}-hint ${id}-error`, ...attributes });
  const list = suggestions && element("datalist", { id: `${id}-list` }, suggestions.map((value) => element("option", { value })));
  if (list) control.setAttribute("list", list.id);
  return element(
    "div",
    { className: "field" },
    element("label", { htmlFor: id }, label),
    attributes.type === "password" ? element("div", { className: "secret" }, control, eye(control)) : control,
    list,
    element("p", { className: "hint", id: `${id}-hint` }, hint ?? ""),
    element("p", { className: "error", id: `${id}-error` }),
  );
}

/** A box to tick. */
export function tick({ name, label, value = "on", checked }) {
  const box = element("input", { type: "checkbox", name, value, checked: Boolean(checked) });
  return element("label", { className: "tick" }, box, element("span", {}, label));
}

/** One of some: `options` are pairs of a value and what is said of it. */
export function choice({ name, legend, options, value }) {
  const radio = (each, said) => element("label", { className: "tick" }, element("input", { type: "radio", name, value: each, checked: each === value }), element("span", {}, said));
  return element("fieldset", { className: "choice" }, element("legend", {}, legend), options.map(([each, said]) => radio(each, said)));
}

function eye(control) {
  const show = element("button", { type: "button", className: "again", "aria-pressed": "false", "aria-label": t("field.show.name") }, t("field.show"));
  show.addEventListener("click", () => {
    const isShown = control.type === "password";
    control.type = isShown ? "text" : "password";
    show.setAttribute("aria-pressed", String(isShown));
  });
  return show;
}

/**
 * A form. `submit(values)` gets what was filled in by name; what it returns, if anything, is said below the button.
 * `nameOf` gives the field for the name that a problem has for it.
 */
export function form({ fields, button, submit, className = "form", nameOf = (name) => name }) {
  const problem = element("p", { className: "problem", role: "alert" });
  const done = element("p", { className: "done", role: "status" });
  const go = element("button", { className: "primary", type: "submit" }, button);
  const node = element("form", { className, method: "post", noValidate: true }, ...fields, problem, element("div", { className: "row" }, go, done));
  node.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (go.ariaBusy === "true") return;
    clear(node, problem, done);
    go.ariaBusy = "true";
    try {
      done.textContent = (await submit(new FormData(node))) ?? "";
      for (const secret of node.querySelectorAll("[autocomplete$=-password]")) secret.value = "";
    } catch (error) {
      show(error, node, problem, nameOf);
    } finally {
      go.ariaBusy = "false";
    }
  });
  return node;
}

function clear(node, problem, done) {
  problem.textContent = done.textContent = "";
  for (const control of node.querySelectorAll("[aria-invalid]")) {
    control.removeAttribute("aria-invalid");
    document.getElementById(`${control.id}-error`).textContent = "";
  }
}

/** Put each error beside its field; what belongs to none stands above the button. */
function show(error, node, problem, nameOf) {
  const rest = [];
  let first = null;
  for (const { field: named, message } of error.errors ?? []) {
    const control = node.elements.namedItem(nameOf(named.replace(/^(body|query)\./, "")));
    const place = control?.id && document.getElementById(`${control.id}-error`);
    if (!place) rest.push(language === "en" ? `${named}: ${message}` : named);
    else {
      place.textContent = known(`field.wrong.${control.name}`) ?? (language === "en" ? sentence(message) : t("field.wrong")); // the shop's own words are English
      control.setAttribute("aria-invalid", "true");
      first ??= control;
    }
  }
  if (!first || rest.length) problem.textContent = [explain(error), ...rest].join(" ");
  first?.focus();
}

/** A message as a sentence. */
export function sentence(message) {
  const text = message.replace(/^Value error, /, "");
  const stop = /[\u3000-\u9fff\uff00-\uffef]$/.test(text) ? "。" : "."; // a shopper's own words may be Japanese
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?。！？]$/.test(text) ? "" : stop}`;
}
