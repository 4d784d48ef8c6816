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

/** Send a report that has to outlive the page; a report that is lost is never shown to the shopper. */
export async function report(path, body) {
  const options = { method: "POST", keepalive: true, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  try {
    await fetch(path, options);
  } catch {
    // the shop is away: the page itself will say so
  }
}
