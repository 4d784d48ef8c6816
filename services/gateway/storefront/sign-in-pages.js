// Register, confirm, log in, choose a new password.

import { send } from "./api.js";
import { bringCart } from "./cart.js";
import { announce, element } from "./dom.js";
import { field, form } from "./forms.js";
import { goTo } from "./navigation.js";
import { act } from "./reports.js";
import { hasPreview, isLoggedIn, isWaiting, logIn } from "./session.js";
import { known, t } from "./texts.js";

const email = (more) => field({ name: "email", label: t("sign.email"), type: "email", autocomplete: "username", autocapitalize: "off", spellcheck: false, ...more });
const password = (more) => field({ name: "password", label: t("sign.password"), type: "password", autocomplete: "current-password", ...more });
const newPassword = (more) => password({ label: t("credentials.new"), autocomplete: "new-password", hint: t("sign.password.hint"), ...more });
const code = (value) => field({ name: "code", label: t("sign.code"), value, autocomplete: "one-time-code", autocapitalize: "off", spellcheck: false });
const link = (href, text) => element("a", { href }, text);
const here = (data, ...names) => Object.fromEntries(names.map((name) => [name, data.get(name)]));

/** A page of one card. */
function page(title, ...nodes) {
  const card = element("section", { className: "panel narrow" }, element("h1", {}, title), ...nodes);
  return { title, nodes: [card] };
}

/** Put a message where the form was. */
function replace(node, ...message) {
  const box = element("div", { className: "message", tabIndex: -1 }, ...message);
  node.closest(".panel").replaceChildren(box);
  box.focus();
  announce(box.textContent);
}

const inMails = () => (hasPreview() ? element("p", {}, link("/preview/mails", t("sign.mails"))) : null);

function lookIntoMails(node, text) {
  replace(node, ...[element("h1", {}, t("sign.look")), element("p", {}, text), inMails()].filter(Boolean));
}

/** What a mail's link brought in its fragment; it leaves the address, so that no history keeps it. */
function fromMail() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(null, "", location.pathname);
  return { address: given.get("email") ?? "", given: given.get("code") ?? "" };
}

export async function loginPage({ note } = {}) {
  if (isLoggedIn()) return page(t("sign.in.done"), element("p", {}, link("/account", t("sign.in.account"))));
  const away = isWaiting() ? t("sign.in.away") : null;
  const node = form({
    fields: [email(), password()],
    button: t("sign.in"),
    submit: async (data) => {
      bringCart();
      await logIn(data.get("email"), data.get("password"));
      goTo(location.pathname === "/account/login" ? "/" : location.pathname);
    },
  });
  const said = note ?? known(`sign.because.${new URLSearchParams(location.search).get("because")}`) ?? away;
  const more = element("p", { className: "more" }, link("/account/register", t("sign.in.create")), " · ", link("/account/reset", t("sign.in.forgot")));
  return page(t("sign.in"), said && element("p", {}, said), node, more);
}

export async function registerPage() {
  act("USER_REGISTER_START", {});
  const node = form({
    fields: [email({ autocomplete: "email" }), password({ autocomplete: "new-password", hint: t("sign.password.hint") })],
    button: t("sign.up.button"),
    submit: async (data) => {
      await send("POST", "/v1/auth/registrations", here(data, "email", "password"));
      lookIntoMails(node, t("sign.up.mail", { email: data.get("email") }));
    },
  });
  return page(t("sign.up"), node, element("p", { className: "more" }, t("sign.up.have"), link("/account/login", t("sign.in"))));
}

/** Confirm an address by the code in a mail: of a registration, or of a change. */
async function confirm(title, path, after) {
  const { address, given } = fromMail();
  const node = form({
    fields: [email({ value: address, readOnly: Boolean(given) }), given ? element("input", { type: "hidden", name: "code", value: given }) : code("")],
    button: t("sign.confirm.button"),
    submit: async (data) => {
      await send("POST", path, here(data, "email", "code"));
      replace(node, element("h1", {}, t("sign.confirm.done")), element("p", {}, after()));
    },
  });
  return page(title, given && element("p", {}, t("sign.confirm.about")), node);
}

export const confirmPage = () => confirm(t("sign.confirm"), "/v1/auth/registrations/confirm", () => link("/account/login", t("sign.in")));
export const emailPage = () => confirm(t("sign.confirm.new"), "/v1/auth/email-changes/confirm", () => link("/account", t("sign.in.account")));

export async function resetPage() {
  const { address, given } = fromMail();
  if (!given) {
    const node = form({
      fields: [email({ value: address })],
      button: t("sign.reset.button"),
      submit: async (data) => {
        await send("POST", "/v1/auth/password-resets", here(data, "email"));
        lookIntoMails(node, t("sign.reset.mail", { email: data.get("email") }));
      },
    });
    return page(t("sign.reset"), element("p", {}, t("sign.reset.about")), node);
  }
  const node = form({
    fields: [email({ value: address, readOnly: true }), newPassword({ name: "newPassword" })],
    button: t("sign.reset.set"),
    submit: async (data) => {
      await send("POST", "/v1/auth/password-resets/confirm", { ...here(data, "email", "newPassword"), code: given });
      replace(node, element("h1", {}, t("sign.reset.done")), element("p", {}, link("/account/login", t("sign.in"))));
    },
  });
  return page(t("sign.reset"), node);
}
