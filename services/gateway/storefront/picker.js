// Who is at the browser: the link to the account, and in the preview the dialog that chooses whom to view as, and the bar that says so.

import { element } from "./dom.js";
import { explain } from "./problem.js";
import { hasPreview, hasRole, isLoggedIn, isView, logOut, shoppers, stopViewing, userId, viewAs } from "./session.js";
import { t } from "./texts.js";

const byId = (id) => document.getElementById(id);
const dialog = byId("picker");

/** Show who is here. */
export function showWho() {
  const account = byId("account");
  account.href = isLoggedIn() ? "/account" : "/account/login";
  account.querySelector("b").textContent = t(isLoggedIn() ? "head.account" : "head.login");
  byId("view-as").hidden = !hasPreview();
  byId("merchandising").hidden = !(hasRole("merchandiser") || hasRole("admin"));
  byId("mails").hidden = !hasPreview();
  byId("viewing").hidden = !isView();
  byId("viewing").querySelector("b").textContent = isView() ? userId() : "";
}

/** Make the dialog and the bar work; `onChoice` is called when somebody else is chosen. */
export function installPicker(onChoice) {
  const choose = async (become) => {
    byId("picker-problem").textContent = "";
    try {
      await become();
    } catch (error) {
      byId("picker-problem").textContent = explain(error);
      return;
    }
    dialog.close();
    onChoice();
  };
  byId("view-as").addEventListener("click", () => {
    byId("shopper-id").value = isView() ? userId() : "";
    const chips = shoppers().map((id) =>
      element("button", { type: "button", "aria-pressed": String(isView() && id === userId()), onclick: () => choose(() => viewAs(id)) }, id),
    );
    byId("suggestions").replaceChildren(...chips);
    dialog.showModal();
  });
  byId("picker-form").addEventListener("submit", (event) => {
    event.preventDefault();
    choose(() => viewAs(byId("shopper-id").value.trim()));
  });
  byId("visitor").addEventListener("click", () => choose(logOut));
  byId("stop").addEventListener("click", () => choose(stopViewing));
  dialog.querySelector(".close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}
