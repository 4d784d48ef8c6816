// The dialog that chooses whom the preview views as, and the button that says whom it does.

import { element } from "/storefront/dom.js";
import { isVisitor, suggestions, userId, viewAs } from "/storefront/session.js";

const byId = (id) => document.getElementById(id);
const dialog = byId("picker");

/** Show the present shopper on the button. */
export function showShopper() {
  byId("shopper").querySelector("b").textContent = isVisitor() ? "Visitor" : `Shopper ${userId()}`;
}

/** Make the dialog work; `onChange` is called when someone else is chosen. */
export function installPicker(onChange) {
  const choose = async (id) => {
    byId("picker-problem").textContent = "";
    try {
      await viewAs(id);
    } catch (error) {
      byId("picker-problem").textContent = error.message;
      return;
    }
    dialog.close();
    showShopper();
    onChange();
  };
  byId("shopper").addEventListener("click", async () => {
    byId("shopper-id").value = isVisitor() ? "" : userId();
    dialog.showModal();
    const chips = (await suggestions()).map((id) =>
      element("button", { type: "button", "aria-pressed": String(id === userId()), onclick: () => choose(id) }, id),
    );
    byId("suggestions").replaceChildren(...chips);
  });
  byId("picker-form").addEventListener("submit", (event) => {
    event.preventDefault();
    choose(byId("shopper-id").value.trim());
  });
  byId("visitor").addEventListener("click", () => choose(null));
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}
