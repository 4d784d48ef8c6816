// Calls of the gateway: with a session, renewed once when it has ended.

import { answerOf, jsonOf, Problem, request } from "./problem.js";
import { renew } from "./session.js";
import { ofTab } from "./storage.js";
import { uuid } from "./uuid.js";

export { Problem };
const UNAUTHORIZED = 401;
const CONFLICT = 409;
const TOO_MANY = 429;
const TRIES = 4;
const PATIENCE = 5;
const LONG = 20;
const underWay = new Map();

/** Ask with a session; when the shop does not know it any more, once again with a new one. */
async function ask(path, options, seconds) {
  await renew();
  const response = await request(path, options, seconds);
  if (response.status !== UNAUTHORIZED) return response;
  await renew({ force: true });
  return request(path, options, seconds);
}

/** The JSON at an address; what the page can do without gets only a moment: `get(path, { seconds: 2 })`. */
export async function get(path, { seconds } = {}) {
  return answerOf(await ask(path, {}, seconds));
}

/** Send JSON, and give the answer's. */
export async function send(method, path, body) {
  return answerOf(await ask(path, jsonOf(method, body), LONG));
}

/**
 * Send what must have one effect: it has an `Idempotency-Key`, which it keeps, in this tab, until it is answered.
 * The same change asked for while it is under way is the same one. What the shop cannot take is sent again soon.
 * With a version it is a change of that version alone.
 */
export function change(method, path, body, version) {
  const what = [method, path, JSON.stringify(body), ...(version ? [version] : [])].join(" ");
  const basis = version ? { "If-Match": `"${version}"` } : {};
  if (!underWay.has(what)) underWay.set(what, settle(what, method, path, body, basis).finally(() => underWay.delete(what)));
  return underWay.get(what);
}

async function settle(what, method, path, body, basis, tries = TRIES) {
  const name = `tanawari.change ${what}`;
  const key = ofTab.get(name) ?? uuid();
  ofTab.set(name, key);
  const { headers, ...options } = jsonOf(method, body);
  const [response, error] = await ask(path, { ...options, headers: { ...headers, ...basis, "Idempotency-Key": key } }, LONG).then((answer) => [answer], (problem) => [null, problem]);
  const pause = Number(response?.headers.get("Retry-After") ?? 1);
  const isRunning = response?.status === CONFLICT && response.headers.has("Retry-After"); // the first of two that are the same
  const isOpen = isRunning || isBusy(response);
  if (!isOpen) ofTab.remove(name);
  if (!isOpen || tries <= 1 || pause > PATIENCE) {
    if (error) throw error;
    return answerOf(response);
  }
  await new Promise((resolve) => setTimeout(resolve, pause * 1000));
  return settle(what, method, path, body, basis, tries - 1);
}

/** Whether the shop did not answer, or cannot take it now. */
const isBusy = (response) => response === null || response.status === TOO_MANY || response.status >= 500;

/** Send the report that `body` gives once there is a session, unless it is null: somebody else is here by now. It outlives the page; while the shop cannot take it, again a little later. */
export async function report(path, body, tries = TRIES) {
  await renew().catch(() => {});
  const said = body();
  if (said === null) return;
  const response = await ask(path, { keepalive: true, ...jsonOf("POST", said) }).catch(() => null);
  if (!isBusy(response) || tries <= 1) return;
  const seconds = Number(response?.headers.get("Retry-After") ?? 2);
  setTimeout(() => report(path, body, tries - 1), seconds * 1000);
}
