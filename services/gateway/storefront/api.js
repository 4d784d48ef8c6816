// Calls to the gateway: with a session, renewed once when it has ended, and errors that say what they are.

import { renew } from "/storefront/session.js";

const UNAUTHORIZED = 401;
const TOO_MANY = 429;
const TRIES = 4;

export class Problem extends Error {
  constructor(status, title) {
    super(title);
    this.status = status;
  }
}

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
  const response = await ask(path, () => (seconds ? { signal: AbortSignal.timeout(seconds * 1000) } : {}));
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Problem(response.status, problem.title ?? "The shop does not answer");
  }
  return response.json();
}

/** Send the report that `body` gives once there is a session. It outlives the page; while the shop cannot take it, again a little later. */
export async function report(path, body, tries = TRIES) {
  const headers = { "Content-Type": "application/json" };
  const options = () => ({ method: "POST", keepalive: true, headers, body: JSON.stringify(body()) });
  const response = await ask(path, options).catch(() => null);
  const isLater = response === null || response.status === TOO_MANY || response.status >= 500;
  if (!isLater || tries <= 1) return;
  const seconds = Number(response?.headers.get("Retry-After") ?? 2);
  setTimeout(() => report(path, body, tries - 1), seconds * 1000);
}
