// Calls to the gateway: with a session, renewed once when it has ended, and errors that say what they are.

import { renew } from "/storefront/session.js";

export class Problem extends Error {
  constructor(status, title) {
    super(title);
    this.status = status;
  }
}

/** The JSON at an address. */
export async function get(path) {
  await renew();
  let response = await fetch(path);
  if (response.status === 401) {
    await renew({ force: true });
    response = await fetch(path);
  }
  if (!response.ok) {
    const problem = await response.json().catch(() => ({}));
    throw new Problem(response.status, problem.title ?? "The shop does not answer");
  }
  return response.json();
}

const TRIES = 4;

/** Send a report that outlives the page; while the shop cannot take it, again a little later. */
export async function report(path, body, tries = TRIES) {
  const options = { method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await fetch(path, options).catch(() => null);
  if (response !== null && response.status < 500) return;
  const seconds = Number(response?.headers.get("Retry-After") ?? 2);
  if (tries > 1) setTimeout(() => report(path, body, tries - 1), seconds * 1000);
}
