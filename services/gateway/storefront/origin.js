// Where a visit came from: the page before it, and the campaign that the address of its first page names.

import { hasConsent } from "./consent.js";
import { ofTab } from "./storage.js";

const NAME = "tanawari.origin";
const MARKS = ["Source", "Medium", "Campaign", "Term", "Content"];
const LONGEST = 200;

function here() {
  const address = new URLSearchParams(location.search);
  const marks = MARKS.map((mark) => [`utm${mark}`, address.get(`utm_${mark.toLowerCase()}`)?.slice(0, LONGEST)]);
  const given = marks.filter(([, value]) => value);
  const isFromElsewhere = document.referrer && new URL(document.referrer).origin !== location.origin;
  return Object.fromEntries(isFromElsewhere ? [...given, ["referrer", document.referrer.split("?")[0]]] : given);
}

/** What was kept; null if nothing was, or something that is no origin. */
function kept() {
  try {
    const found = JSON.parse(ofTab.get(NAME));
    return found instanceof Object ? found : null;
  } catch {
    return null;
  }
}

const origin = kept() ?? here();
const keep = () => ofTab.set(NAME, JSON.stringify(origin));
if (hasConsent()) keep(); // the first page may end before anything is reported

/** What every action says of it, with the page that it happens on; kept for the tab once something may be reported. */
export function whence() {
  keep();
  return { pageUrl: location.origin + location.pathname, ...origin };
}
