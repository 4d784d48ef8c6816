// Whom this browser stands for. The tokens are in cookies that no script can read; here is what the shop says of them.

import { answerOf, jsonOf, request } from "./problem.js";
import { lasting } from "./storage.js";

const VIEW = "tanawari.view"; // whom the preview viewed as last; empty for nobody
const CHANGED = "tanawari.changed";
const ONESELF = /^\/(account|preview)(\/|$)/; // pages for oneself
const EARLY = 60_000;
const AWAY = 30_000;

let session = null;
let endsAt = 0;
let renewing = null;
let listener = () => {};

export const userId = () => session?.userId ?? null;
export const isVisitor = () => session?.kind !== "user";
export const isView = () => Boolean(session?.isView);
export const isLoggedIn = () => !isVisitor() && !isView();
export const isWaiting = () => isVisitor() && Boolean(session?.canRefresh); // a session that could not be renewed
export const hasPreview = () => Boolean(session?.preview);
export const hasRole = (role) => Boolean(session?.roles?.includes(role));
export const shoppers = () => session?.preview?.shoppers ?? [];

/** Be told when somebody else is at the browser: `isElsewhere` if another tab did it. */
export function onChange(tell) {
  listener = tell;
}

addEventListener("storage", async ({ key }) => {
  if (key !== CHANGED) return;
  session = null;
  await renew();
  listener({ isElsewhere: true });
});

/** Log in; what the visitor looked at is the user's from now on. */
export const logIn = (email, password) => change("POST", "/session", { email, password });

/** Log out, or as a visitor become another one. */
export const logOut = () => change("DELETE", "/session");

/** View as a shopper, in the preview. */
export const viewAs = (id) => change("POST", "/preview/view", { userId: id });

/** Be oneself again. */
export const stopViewing = () => change("DELETE", "/preview/view");

async function change(method, path, body) {
  await renewing;
  const asked = ask(path, method, body).then(keep);
  renewing = asked.catch(() => {}).finally(() => (renewing = null)); // who asks meanwhile asks as the next one
  await asked;
  lasting.set(VIEW, isView() ? userId() : "");
  lasting.set(CHANGED, `${userId()} ${Date.now()}`); // other tabs hear it
  listener({ isElsewhere: false });
}

/** Learn who this is, or renew what has ended or is about to. All who ask meanwhile wait for the same. */
export async function renew({ force = false } = {}) {
  if (force || !session || endsAt - Date.now() < EARLY) renewing ??= begin({ force }).finally(() => (renewing = null));
  await renewing;
}

async function begin({ force }) {
  if (!session) {
    keep(await ask("/session"));
    if (isVisitor() && !isWaiting()) return openView();
    if (!force && !isWaiting() && endsAt - Date.now() >= EARLY) return;
  }
  try {
    if (isView()) keep(await ask("/preview/view", "POST", { userId: userId() }));
    else if (session.canRefresh) keep(await ask("/session/refresh", "POST"));
    else keep(await ask("/session"));
  } catch {
    keep(await ask("/session")); // the visitor, as whom the page goes on
    if (isWaiting()) endsAt = Date.now() + EARLY + AWAY;
  }
}

/** The preview opens as the shopper of the last time, at first as one whose shelves are full. */
async function openView() {
  const id = lasting.get(VIEW) ?? shoppers()[0];
  if (!id || !hasPreview() || ONESELF.test(location.pathname)) return;
  await ask("/preview/view", "POST", { userId: id }).then(keep, () => {});
}

function keep(next) {
  session = next;
  endsAt = Date.now() + next.expiresIn * 1000;
}

const ask = async (path, method = "GET", body) => answerOf(await request(path, jsonOf(method, body)));
