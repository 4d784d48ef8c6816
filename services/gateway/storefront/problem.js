// Requests as they are, each with its time; and errors in words for a shopper.

import { known, language, t } from "./texts.js";

const SECONDS = 10;
const TOO_MANY = 429;
const NO_CONTENT = 204;

/** An answer that is an error, whose `errors` name fields; or none at all: its `status` is 0 and its `kind` says why. */
export class Problem extends Error {
  constructor(status, { type, title, detail, errors, kind, said } = {}) {
    super(title ?? kind ?? said ?? String(status));
    Object.assign(this, { status, type, detail, kind, said, errors: errors ?? [] });
  }
}

/** A complaint of the page's own, in the shopper's language. */
export const complaint = (said) => new Problem(0, { said });

/** Ask, and wait no longer than some seconds. */
export async function request(path, options = {}, seconds = SECONDS) {
  try {
    return await fetch(path, { ...options, signal: AbortSignal.timeout(seconds * 1000) });
  } catch (error) {
    throw away(error);
  }
}

/** The JSON of a success, null if it has none; a Problem otherwise. */
export async function answerOf(response) {
  if (response.status === NO_CONTENT) return null;
  let said = null;
  try {
    said = await response.json();
  } catch (error) {
    if (response.ok) throw away(error);
  }
  if (!response.ok) throw new Problem(response.status, said ?? {});
  return said;
}

/** A module; one that does not come is a Problem of the connection, and stays away until the page is loaded anew. */
export async function brought(module) {
  try {
    return await module;
  } catch (error) {
    throw error instanceof TypeError ? Object.assign(away(error), { isModule: true }) : error;
  }
}

function away({ name }) {
  if (name === "TimeoutError" || name === "AbortError") return new Problem(0, { kind: "late" });
  return new Problem(0, { kind: navigator.onLine ? "unreachable" : "offline" });
}

/** The options of a request with a JSON body. */
export function jsonOf(method, body) {
  return body === undefined ? { method } : { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}

/** What a shopper is told of an error. The shop's own details are English; elsewhere the kind of problem has a text. */
export function explain(error) {
  if (!(error instanceof Problem)) {
    console.error(error); // a mistake of the page's
    return t("problem.page");
  }
  const { status, kind, said, detail, type } = error;
  if (said) return said;
  if (kind) return t(`problem.${kind}`);
  if (status === TOO_MANY) return t("problem.busy");
  if (status >= 500) return t("problem.shop");
  if (language === "en" && detail) return detail;
  return known(`problem.${type?.split(":").at(-1)}`) ?? t("problem.refused");
}
