// One's own account: name, addresses, preferences, password, address of mail, data, deletion.

import { get, Problem, send } from "/storefront/api.js";
import { addressBook } from "/storefront/addresses.js";
import { element } from "/storefront/dom.js";
import { field, form, tick } from "/storefront/forms.js";
import { goTo } from "/storefront/navigation.js";
import { isLoggedIn, isView, logOut, stopViewing, userId } from "/storefront/session.js";
import { loginPage } from "/storefront/sign-in-pages.js";
import { SHELVES } from "/storefront/top-page.js";

const ME = "/v1/users/me";
const NOT_FOUND = 404;
const LOCALES = [["", "The shop's language"], ["en", "English"], ["ja", "日本語"]];

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

function panel(title, ...nodes) {
  return element("section", { className: "panel", "aria-label": title }, element("h2", {}, title), ...nodes);
}

export async function accountPage() {
  if (isView()) return viewing();
  if (!isLoggedIn()) return loginPage("Log in to see your account.");
  let profile = await profileOf();
  const save = async (changes) => {
    profile = await send("PATCH", ME, { version: profile.version, ...changes });
    return "Saved.";
  };
  const out = element("button", { className: "again", type: "button", onclick: leave }, "Log out");
  const head = element("div", { className: "head with-button" }, element("div", {}, element("h1", {}, "Your account"), element("p", {}, profile.email ?? "", " · ", element("a", { href: "/orders" }, "Your orders"))), out);
  const columns = [[names(profile, save), addressBook(panel, () => profile, save)], [preferences(profile, save), data()], [credentials(), deletion()]];
  const panels = element("div", { className: "panels" }, ...columns.map((column) => element("div", {}, ...column)));
  return { title: "Your account", nodes: [head, panels] };
}

async function leave() {
  await logOut();
  goTo("/");
}

function viewing() {
  const stop = element("button", { className: "again", type: "button", onclick: async () => { await stopViewing(); goTo("/account"); } }, "Stop viewing");
  const text = `You view as ${userId()}. An account is shown to its owner alone.`;
  return { title: "Account", nodes: [element("section", { className: "panel narrow" }, element("h1", {}, "Account"), element("p", {}, text), stop)] };
}

function names(profile, save) {
  const input = (name, label, more) => field({ name, label, value: profile[name] ?? "", ...more });
  return panel("Name", form({
    fields: [
      input("displayName", "Shown name", { autocomplete: "nickname" }),
      input("lastName", "Family name", { autocomplete: "family-name" }),
      input("firstName", "Given name", { autocomplete: "given-name" }),
      input("phoneNumber", "Phone number", { type: "tel", autocomplete: "tel" }),
    ],
    button: "Save the name",
    submit: (data) => save(Object.fromEntries([...data].map(([name, value]) => [name, value.trim() || null]))),
  }));
}

function preferences({ preferences: { locale, personalisation, shelves } }, save) {
  const hidden = new Set(shelves.optedOut);
  const boxes = Object.entries(SHELVES).map(([value, [title]]) => tick({ name: "shown", value, label: title, checked: !hidden.has(value) }));
  const options = LOCALES.some(([value]) => value === (locale ?? "")) ? LOCALES : [...LOCALES, [locale, locale]];
  return panel("Preferences", form({
    fields: [
      tick({ name: "consent", label: "Personal shelves, made from what I look at and buy", checked: personalisation.consent }),
      element("fieldset", {}, element("legend", {}, "Shelves that I want to see"), ...boxes),
      field({ name: "locale", label: "Preferred language", hint: "For the shop. This preview is in English.", options, value: locale ?? "" }),
    ],
    button: "Save the preferences",
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
    fields: [secret("currentPassword", "Current password"), secret("newPassword", "New password", "new-password")],
    button: "Change the password",
    submit: async (data) => {
      await send("PUT", "/v1/auth/password", Object.fromEntries(data));
      await logOut(); // all sessions have ended
      goTo("/account/login?because=password");
    },
  });
  const move = form({
    fields: [field({ name: "email", label: "New email address", type: "email", autocomplete: "email" }), secret("password", "Password")],
    button: "Change the email address",
    submit: async (data) => {
      await send("POST", "/v1/auth/email-changes", Object.fromEntries(data));
      return "A mail is on its way to the new address.";
    },
  });
  return panel("Password and email", change, element("hr"), move);
}

function data() {
  return panel("Your data", element("p", {}, "Everything that the shop keeps about you, as a file."), form({
    fields: [],
    button: "Download my data",
    submit: async () => {
      const file = new Blob([JSON.stringify(await get(`${ME}/export`), null, 2)], { type: "application/json" });
      const address = URL.createObjectURL(file);
      element("a", { href: address, download: "my-data.json" }).click();
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
      return "The file is on its way.";
    },
  }));
}

function deletion() {
  const text = "Your account and your data are deleted in the whole shop, and orders that were not shipped are cancelled. This cannot be undone.";
  return panel("Delete the account", element("p", {}, text), form({
    fields: [secret("password", "Password")],
    button: "Delete my account",
    className: "form danger",
    submit: async (data) => {
      await send("DELETE", "/v1/auth/users/me", Object.fromEntries(data));
      await logOut();
      goTo("/account/login?because=deletion");
    },
  }));
}
