// Where a visit came from: the page before it, and the campaign that the address of its first page names.

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

/** Keep it for the tab, once something may be reported: the first page may end before anything is. */
export const keepOrigin = () => ofTab.set(NAME, JSON.stringify(origin));

/** An address that names the campaign, too, for what loads anew before it may be kept. */
export function withCampaign(address) {
  for (const mark of MARKS) if (origin[`utm${mark}`]) address.searchParams.set(`utm_${mark.toLowerCase()}`, origin[`utm${mark}`]);
  return address;
}

/** What every action says of it, with the page that it happens on. */
export const whence = () => ({ pageUrl: location.origin + location.pathname, ...origin });
