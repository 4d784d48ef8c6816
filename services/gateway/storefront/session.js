// Whom the preview views as. The token is in a cookie that no script can read; here is only the id, and until when.

const KEY = "tanawari.session";
const EARLY = 60_000;

let session = JSON.parse(localStorage.getItem(KEY) ?? "null");
let renewing = null;
let isOff = false; // without the preview's own login everyone is a visitor

// The cookie is one for all windows: when another one chooses someone, this one views as them too.
addEventListener("storage", ({ key, newValue }) => key === KEY && (session = JSON.parse(newValue)));

export const isVisitor = () => !session || session.userId.startsWith("anon:");
export const userId = () => session?.userId ?? null;

/** View as a shopper, or without an id as a new visitor. */
export async function viewAs(id = null) {
  const response = await fetch("/preview/session", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(id === null ? {} : { userId: id }),
  });
  isOff = response.status === 404;
  if (!response.ok) throw new Error((await response.json()).detail ?? response.statusText);
  keep(await response.json());
}

function keep(next) {
  session = next;
  localStorage.setItem(KEY, JSON.stringify(session));
}

/** Go on as before, or as the first shopper worth a look, whose shelves are full; where there is none, as a new visitor. */
async function begin() {
  try {
    await viewAs(session ? userId() : (await suggestions())[0]);
  } catch (error) {
    if (!isOff) throw error;
    if (!session || !isVisitor()) keep(visitor());
  }
}

/** Someone new, who needs no token. */
function visitor() {
  const digits = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  const id = digits.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  return { userId: `anon:${id}`, expiresAt: new Date().toISOString() };
}

/** Renew the session that has ended, or is about to; begin one where there is none. All who ask meanwhile wait for the same. */
export async function renew({ force = false } = {}) {
  const isDue = !isOff && (force || !session || Date.parse(session.expiresAt) - Date.now() < EARLY);
  if (isDue) renewing ??= begin().finally(() => (renewing = null));
  await renewing;
}

/** Shoppers worth a look. */
export async function suggestions() {
  const response = await fetch("/preview/session");
  return response.ok ? (await response.json()).shoppers : [];
}
