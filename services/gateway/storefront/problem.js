// Requests as they are, and errors that say what they are.

/** An answer that is an error: its title is the message, `errors` name fields. */
export class Problem extends Error {
  constructor(status, { title, detail, errors } = {}) {
    super(title ?? "The shop does not answer");
    this.status = status;
    this.detail = detail;
    this.errors = errors ?? [];
  }
}

/** The JSON of a success, null if it has none; a Problem otherwise. */
export async function answerOf(response) {
  const said = await response.json().catch(() => null);
  if (!response.ok) throw new Problem(response.status, said ?? {});
  return said;
}

/** The options of a request with a JSON body. */
export function jsonOf(method, body) {
  return body === undefined ? { method } : { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}
