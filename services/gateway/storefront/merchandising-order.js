// The order of a shelf's pins: each goes one place up or down.

import { get } from "./api.js";
import { element, say } from "./dom.js";
import { field, form } from "./forms.js";
import { filled, panel } from "./merchandising-things.js";
import { changeShown } from "./merchandising-versions.js";
import { explain } from "./problem.js";
import { t } from "./texts.js";

export function order(path, shelves, whose) {
  const pins = element("ol", { className: "things", role: "list" });
  const none = element("p", { hidden: true }, t("order.none"));
  const problem = element("p", { className: "problem", role: "alert" });
  let wish = {};
  const ask = async () => {
    const now = await get(`${path}/pins?${new URLSearchParams(wish)}`);
    show(now);
    return now;
  };
  const show = ({ items }) => {
    none.hidden = items.length > 0;
    pins.replaceChildren(...items.map((pin, place) => row(pin, place, items, move)));
  };
  const focus = (place, direction) => {
    const buttons = [...(pins.children[place]?.querySelectorAll("button") ?? [])].filter(({ disabled }) => !disabled);
    (buttons.find(({ value }) => value === direction) ?? buttons[0])?.focus();
  };
  const move = async (pin, after, direction) => {
    const thisOne = ({ id }) => id === pin.id;
    const versionIn = ({ items }) => items.find(thisOne)?.version;
    problem.textContent = "";
    try {
      const renew = async () => focus((await ask()).items.findIndex(thisOne), direction);
      const now = await changeShown("POST", `${path}/${pin.id}`, { shown: pin, body: { after }, path: `${path}/${pin.id}/move`, versionIn, renew });
      show(now);
      const place = now.items.findIndex(thisOne);
      if (place < 0) return say(t("order.behind", { name: nameOf(pin), count: now.items.length }));
      focus(place, direction);
      say(t("order.moved", { name: nameOf(pin), place: place + 1 }));
    } catch (error) {
      problem.textContent = explain(error);
    }
  };
  const node = form({
    fields: [field({ name: "displayType", label: t("decide.shelf"), options: shelves, value: "RECOMMENDED" }), whose],
    button: t("order.button"),
    submit: async (data) => {
      wish = filled(data);
      await ask();
    },
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
