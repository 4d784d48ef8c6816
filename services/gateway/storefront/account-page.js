// One's own account: name, addresses, preferences, password, address of mail, data, deletion.

import { get, Problem, send } from "./api.js";
import { addressBook } from "./addresses.js";
import { element } from "./dom.js";
import { field, form, tick } from "./forms.js";
import { goTo } from "./navigation.js";
import { isLoggedIn, isView, logOut, stopViewing, userId } from "./session.js";
import { loginPage } from "./sign-in-pages.js";
import { t } from "./texts.js";
import { SHELVES, titleOf } from "./top-page.js";

const ME = "/v1/users/me";
const NOT_FOUND = 404;
/** The languages of the shop, which the footer lists. */
const LOCALES = [["", t("preferences.language.none")], ...[...document.querySelectorAll("a[hreflang]")].map((link) => [link.hreflang, link.textContent])];

/** One's profile: the registration reaches it within a second or so. */
export async function profileOf(tries = 10) {
  try {
    return await get(ME);
  } catch (error) {
    if (!(error instanceof Problem) || error.status !== NOT_FOUND || tries <= 1) throw error;
    await new Promise((resolve) => setTimeout(resolve, 500));
    return profileOf(tries - 1);
  }
}

/** Store changes of a profile, and give it as it is then. */
export const saveProfile = ({ version }, changes) => send("PATCH", ME, { version, ...changes });

function panel(title, ...nodes) {
  return element("section", { className: "panel", "aria-label": title }, element("h2", {}, title), ...nodes);
}

export async function accountPage() {
  if (isView()) return viewing();
  if (!isLoggedIn()) return loginPage({ note: t("account.login") });
  let profile = await profileOf();
  const save = async (changes) => {
    profile = await saveProfile(profile, changes);
    return t("saved");
  };
  const out = element("button", { className: "again", type: "button", onclick: leave }, t("account.logout"));
  const head = element("div", { className: "head with-button" }, element("div", {}, element("h1", {}, t("account.title")), element("p", {}, profile.email ?? "", " · ", element("a", { href: "/orders" }, t("orders.title")))), out);
  const columns = [[names(profile, save), addressBook(panel, () => profile, save)], [preferences(profile, save), data()], [credentials(), deletion()]];
  const panels = element("div", { className: "panels" }, ...columns.map((column) => element("div", {}, ...column)));
  return { title: t("account.title"), nodes: [head, panels] };
}

async function leave() {
  await logOut();
  goTo("/");
}

function viewing() {
  const stop = element("button", { className: "again", type: "button", onclick: async () => { await stopViewing(); goTo("/account"); } }, t("account.stop"));
  const text = t("account.view", { id: userId() });
  return { title: t("account.short"), nodes: [element("section", { className: "panel narrow" }, element("h1", {}, t("account.short")), element("p", {}, text), stop)] };
}

function names(profile, save) {
  const input = (name, label, more) => field({ name, label, value: profile[name] ?? "", ...more });
  return panel(t("name.title"), form({
    fields: [
      input("displayName", t("name.shown"), { autocomplete: "nickname" }),
      input("lastName", t("name.last"), { autocomplete: "family-name" }),
      input("firstName", t("name.first"), { autocomplete: "given-name" }),
      input("phoneNumber", t("name.phone"), { type: "tel", autocomplete: "tel" }),
    ],
    button: t("name.save"),
    submit: (data) => save(Object.fromEntries([...data].map(([name, value]) => [name, value.trim() || null]))),
  }));
}

function preferences({ preferences: { locale, personalisation, shelves } }, save) {
  const hidden = new Set(shelves.optedOut);
  const boxes = Object.keys(SHELVES).map((value) => tick({ name: "shown", value, label: titleOf(value), checked: !hidden.has(value) }));
  const options = LOCALES.some(([value]) => value === (locale ?? "")) ? LOCALES : [...LOCALES, [locale, locale]];
  return panel(t("preferences.title"), form({
    fields: [
      tick({ name: "consent", label: t("preferences.consent"), checked: personalisation.consent }),
      element("fieldset", {}, element("legend", {}, t("preferences.shelves")), ...boxes),
      field({ name: "locale", label: t("preferences.language"), hint: t("preferences.language.hint"), options, value: locale ?? "" }),
    ],
    button: t("preferences.save"),
    submit: (data) => {
      const shown = new Set(data.getAll("shown"));
      const optedOut = Object.keys(SHELVES).filter((type) => !shown.has(type));
      return save({ preferences: { locale: data.get("locale") || null, personalisation: { consent: data.has("consent") }, shelves: { optedOut } } });
    },
  }));
}

const secret = (name, label, autocomplete = "current-password") => field({ name, label, type: "password", autocomplete });

function credentials() {
  const change = form({
    fields: [secret("currentPassword", t("credentials.current")), secret("newPassword", t("credentials.new"), "new-password")],
    button: t("credentials.save"),
    submit: async (data) => {
      await send("PUT", "/v1/auth/password", Object.fromEntries(data));
      await logOut(); // all sessions have ended
      goTo("/account/login?because=password");
    },
  });
  const move = form({
    fields: [field({ name: "email", label: t("credentials.email"), type: "email", autocomplete: "email" }), secret("password", t("sign.password"))],
    button: t("credentials.email.save"),
    submit: async (data) => {
      await send("POST", "/v1/auth/email-changes", Object.fromEntries(data));
      return t("credentials.email.done");
    },
  });
  return panel(t("credentials.title"), change, element("hr"), move);
}

function data() {
  return panel(t("data.title"), element("p", {}, t("data.about")), form({
    fields: [],
    button: t("data.button"),
    submit: async () => {
      const file = new Blob([JSON.stringify(await get(`${ME}/export`), null, 2)], { type: "application/json" });
      const address = URL.createObjectURL(file);
      element("a", { href: address, download: "my-data.json" }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
      return t("data.done");
    },
  }));
}

function deletion() {
  return panel(t("deletion.title"), element("p", {}, t("deletion.about")), form({
    fields: [secret("password", t("sign.password"))],
    button: t("deletion.button"),
    className: "form danger",
    submit: async (data) => {
      await send("DELETE", "/v1/auth/users/me", Object.fromEntries(data));
      await logOut();
      goTo("/account/login?because=deletion");
    },
  }));
}
