// Whom the preview views as. The token is in a cookie that no script can read; here is only the id, and until when.

const KEY = "tanawari.session";
const EARLY = 60_000;

let session = JSON.parse(localStorage.getItem(KEY) ?? "null");

export const isVisitor = () => !session || session.userId.startsWith("anon:");
export const userId = () => session?.userId ?? null;

/** View as a household, or without an id as a new visitor. */
export async function viewAs(id = null) {
  const response = await fetch("/preview/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(id === null ? {} : { userId: id }),
  });
  if (!response.ok) throw new Error((await response.json()).detail ?? response.statusText);
  session = await response.json();
  localStorage.setItem(KEY, JSON.stringify(session));
}

/** Renew the session that has ended, or is about to; begin one where there is none. */
export async function renew({ force = false } = {}) {
  if (force || !session || Date.parse(session.expiresAt) - Date.now() < EARLY) await viewAs(userId());
}

/** Households worth a look. */
export async function suggestions() {
  const response = await fetch("/preview/session");
  return response.ok ? (await response.json()).households : [];
}
