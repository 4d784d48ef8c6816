// Register, confirm, log in, choose a new password.

import { send } from "/storefront/api.js";
import { bringCart } from "/storefront/cart.js";
import { announce, element } from "/storefront/dom.js";
import { field, form } from "/storefront/forms.js";
import { goTo } from "/storefront/navigation.js";
import { act } from "/storefront/reports.js";
import { hasPreview, isLoggedIn, isWaiting, logIn } from "/storefront/session.js";

const LONG = "A long one, such as a sentence. All characters are allowed.";
const BECAUSE = { password: "Your password is changed. Log in with the new one.", deletion: "Your account is deleted." };
const email = (more) => field({ name: "email", label: "Email address", type: "email", autocomplete: "username", autocapitalize: "off", spellcheck: false, ...more });
const password = (more) => field({ name: "password", label: "Password", type: "password", autocomplete: "current-password", ...more });
const newPassword = (more) => password({ label: "New password", autocomplete: "new-password", hint: LONG, ...more });
const code = (value) => field({ name: "code", label: "Code from the mail", value, autocomplete: "one-time-code", autocapitalize: "off", spellcheck: false });
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

const inMails = () => (hasPreview() ? element("p", {}, link("/preview/mails", "Open the preview's mails")) : null);

function lookIntoMails(node, text) {
  replace(node, ...[element("h1", {}, "Look into your mails"), element("p", {}, text), inMails()].filter(Boolean));
}

/** What a mail's link brought in its fragment; it leaves the address, so that no history keeps it. */
function fromMail() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (location.hash) history.replaceState(null, "", location.pathname);
  return { address: given.get("email") ?? "", given: given.get("code") ?? "" };
}

export async function loginPage(note) {
  if (isLoggedIn()) return page("You are logged in", element("p", {}, link("/account", "To your account")));
  const away = isWaiting() ? "You are logged in, but this cannot be checked at the moment. You can go on as a visitor." : null;
  const node = form({
    fields: [email(), password()],
    button: "Log in",
    submit: async (data) => {
      bringCart();
      await logIn(data.get("email"), data.get("password"));
      goTo(location.pathname === "/account/login" ? "/" : location.pathname);
    },
  });
  const said = note ?? BECAUSE[new URLSearchParams(location.search).get("because")] ?? away;
  const more = element("p", { className: "more" }, link("/account/register", "Create an account"), " · ", link("/account/reset", "Forgot your password?"));
  return page("Log in", said && element("p", {}, said), node, more);
}

export async function registerPage() {
  act("USER_REGISTER_START", {});
  const node = form({
    fields: [email({ autocomplete: "email" }), password({ autocomplete: "new-password", hint: LONG })],
    button: "Create the account",
    submit: async (data) => {
      await send("POST", "/v1/auth/registrations", here(data, "email", "password"));
      lookIntoMails(node, `A mail is on its way to ${data.get("email")}. Open its link to finish.`);
    },
  });
  return page("Create an account", node, element("p", { className: "more" }, "You have one? ", link("/account/login", "Log in")));
}

/** Confirm an address by the code in a mail: of a registration, or of a change. */
async function confirm(title, path, after) {
  const { address, given } = fromMail();
  const node = form({
    fields: [email({ value: address, readOnly: Boolean(given) }), given ? element("input", { type: "hidden", name: "code", value: given }) : code("")],
    button: "Confirm",
    submit: async (data) => {
      await send("POST", path, here(data, "email", "code"));
      replace(node, element("h1", {}, "Your address is confirmed"), element("p", {}, after()));
    },
  });
  return page(title, given && element("p", {}, "One step is left: confirm that this is your address."), node);
}

export const confirmPage = () => confirm("Confirm your address", "/v1/auth/registrations/confirm", () => link("/account/login", "Log in"));
export const emailPage = () => confirm("Confirm your new address", "/v1/auth/email-changes/confirm", () => link("/account", "To your account"));

export async function resetPage() {
  const { address, given } = fromMail();
  if (!given) {
    const node = form({
      fields: [email({ value: address })],
      button: "Send a mail",
      submit: async (data) => {
        await send("POST", "/v1/auth/password-resets", here(data, "email"));
        lookIntoMails(node, `If ${data.get("email")} has an account, a mail is on its way. Open its link to choose a new password.`);
      },
    });
    return page("Choose a new password", element("p", {}, "We send you a link."), node);
  }
  const node = form({
    fields: [email({ value: address, readOnly: true }), newPassword({ name: "newPassword" })],
    button: "Set the password",
    submit: async (data) => {
      await send("POST", "/v1/auth/password-resets/confirm", { ...here(data, "email", "newPassword"), code: given });
      replace(node, element("h1", {}, "Your password is changed"), element("p", {}, link("/account/login", "Log in")));
    },
  });
  return page("Choose a new password", node);
}
