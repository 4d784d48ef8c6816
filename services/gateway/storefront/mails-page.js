// The preview's mails, as far as auth writes them into a folder: there is no mail server in a demo.

import { get, Problem } from "./api.js";
import { element } from "./dom.js";
import { time } from "./format.js";
import { t } from "./texts.js";

const ADDRESS = /(https?:\/\/\S+)/;
const NOT_FOUND = 404;

export async function mailsPage() {
  const head = element("div", { className: "head" }, element("h1", {}, t("mails.title")), element("p", {}, t("mails.about")));
  const mails = await get("/preview/inbox").catch((error) => {
    if (error instanceof Problem && error.status === NOT_FOUND) return null;
    throw error;
  });
  const nothing = t(mails ? "mails.none" : "mails.off");
  const list = mails?.items.length ? element("ul", { className: "mails", role: "list" }, mails.items.map(mail)) : element("p", { className: "panel" }, nothing);
  const again = element("p", { className: "rest" }, element("button", { className: "again", type: "button", onclick: () => location.reload() }, t("mails.again")));
  return { title: t("mails.title"), nodes: [head, list, again] };
}

function mail({ to, subject, sentAt, text }) {
  const meta = element("p", { className: "meta" }, t("mails.to", { address: to, time: time(sentAt) }));
  const body = text.split(ADDRESS).map((part) => (ADDRESS.test(part) ? linkOf(part) : part));
  return element("li", { className: "panel mail" }, element("h2", {}, subject), meta, element("p", {}, body));
}

/** The link of a mail, opened at this address: a mail names the shop's public one. */
function linkOf(text) {
  const { pathname, search, hash } = new URL(text);
  return element("a", { href: `${pathname}${search}${hash}` }, text);
}
