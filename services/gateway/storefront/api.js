// Calls of the gateway: with a session, renewed once when it has ended.

import { answerOf, jsonOf, Problem } from "/storefront/problem.js";
import { renew } from "/storefront/session.js";

export { Problem };
const UNAUTHORIZED = 401;
const TOO_MANY = 429;
const TRIES = 4;

/** Ask with a session; when the shop does not know it any more, once again with a new one. */
async function ask(path, options = () => ({})) {
  await renew();
  const response = await fetch(path, options());
  if (response.status !== UNAUTHORIZED) return response;
  await renew({ force: true });
  return fetch(path, options());
}

/** The JSON at an address; what the page can do without gets only a moment: `get(path, { seconds: 2 })`. */
export async function get(path, { seconds } = {}) {
  return answerOf(await ask(path, () => (seconds ? { signal: AbortSignal.timeout(seconds * 1000) } : {})));
}

/** Send JSON, and give the answer's. */
export async function send(method, path, body) {
  return answerOf(await ask(path, () => jsonOf(method, body)));
}

/** Send the report that `body` gives once there is a session, unless it is null: somebody else is here by now. It outlives the page; while the shop cannot take it, again a little later. */
export async function report(path, body, tries = TRIES) {
  await renew().catch(() => {});
  const said = body();
  if (said === null) return;
  const response = await ask(path, () => ({ keepalive: true, ...jsonOf("POST", said) })).catch(() => null);
  const isLater = response === null || response.status === TOO_MANY || response.status >= 500;
  if (!isLater || tries <= 1) return;
  const seconds = Number(response?.headers.get("Retry-After") ?? 2);
  setTimeout(() => report(path, body, tries - 1), seconds * 1000);
}
