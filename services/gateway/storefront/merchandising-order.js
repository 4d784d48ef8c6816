// The order of a shelf's pins: each goes one place up or down.

import { change, get } from "./api.js";
import { element, say } from "./dom.js";
import { field, form } from "./forms.js";
import { filled, panel } from "./merchandising-things.js";
import { explain } from "./problem.js";
import { t } from "./texts.js";

export function order(path, shelves, whose) {
  const pins = element("ol", { className: "things", role: "list" });
  const none = element("p", { hidden: true }, t("order.none"));
  const problem = element("p", { className: "problem", role: "alert" });
  const show = ({ items }) => {
    none.hidden = items.length > 0;
    pins.replaceChildren(...items.map((pin, place) => row(pin, place, items, move)));
  };
  const move = async (pin, after, direction) => {
    problem.textContent = "";
    try {
      const now = await change("POST", `${path}/${pin.id}/move`, { after });
      show(now);
      const place = now.items.findIndex(({ id }) => id === pin.id);
      if (place < 0) return say(t("order.behind", { name: nameOf(pin), count: now.items.length }));
      const buttons = [...pins.children[place].querySelectorAll("button")].filter(({ disabled }) => !disabled);
      (buttons.find(({ value }) => value === direction) ?? buttons[0]).focus();
      say(t("order.moved", { name: nameOf(pin), place: place + 1 }));
    } catch (error) {
      problem.textContent = explain(error);
    }
  };
  const node = form({
    fields: [field({ name: "displayType", label: t("decide.shelf"), options: shelves, value: "RECOMMENDED" }), whose],
    button: t("order.button"),
    submit: async (data) => show(await get(`${path}/pins?${new URLSearchParams(filled(data))}`)),
  });
  return panel(t("order.title"), node, none, pins, problem);
}

const nameOf = ({ productName, productId }) => productName ?? t("product.unnamed", { id: productId });

function row(pin, place, pins, move) {
  const button = (value, text, isLast, after) =>
    element("button", { className: "again", type: "button", value, disabled: isLast, "aria-label": `${text}: ${nameOf(pin)}`, onclick: () => move(pin, after, value) }, text);
  return element("li", {},
    element("p", { className: "what" }, `${place + 1}. `, element("a", { href: `/products/${pin.productId}` }, nameOf(pin))),
    element("div", { className: "row" },
      button("up", t("order.up"), place === 0, pins[place - 2]?.id ?? null),
      button("down", t("order.down"), place === pins.length - 1, pins[place + 1]?.id ?? null)));
}
