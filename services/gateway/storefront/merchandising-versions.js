// A change is of what is shown: it says which version that is, and what somebody else has changed since is shown first.

import { change } from "./api.js";
import { complaint } from "./problem.js";
import { t } from "./texts.js";

const OUTDATED = 412;
const changed = new Map(); // the version that a change made here led to, by the thing's address and the version before

/** The version of something shown here, with what was changed here since: it may be shown twice. */
function latest(place, version) {
  const next = changed.get(`${place} ${version}`);
  return next ? latest(place, next) : version;
}

/** Change the thing at a place, which is `shown`; `renew(said)` shows it as it is if it has changed meanwhile, which is a complaint. */
export async function changeShown(method, place, { shown, body, path = place, versionIn = (answer) => answer?.version, renew }) {
  const version = latest(place, shown.version);
  try {
    const answer = await change(method, path, body, version);
    const made = versionIn(answer);
    if (made > version) changed.set(`${place} ${version}`, made);
    return answer;
  } catch (error) {
    if (error.status !== OUTDATED) throw error;
    await renew(t("thing.outdated"));
    throw complaint(t("thing.outdated"));
  }
}
