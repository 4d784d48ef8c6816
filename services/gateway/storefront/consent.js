// Whether the shop may learn from what is done here: asked, not assumed. Until somebody says yes, nothing is reported.

import { say } from "./dom.js";
import { lasting } from "./storage.js";
import { t } from "./texts.js";

const NAME = "tanawari.consent";
const YES = "yes";
const NO = "no";
const byId = (id) => document.getElementById(id);

/** Whether the shopper has agreed. */
export const hasConsent = () => lasting.get(NAME) === YES;

/** Whether the shopper has agreed, or refused. */
export const hasAnswered = () => [YES, NO].includes(lasting.get(NAME));

/** Ask who has not answered; let everybody answer anew. `agreed` is called once there is a yes, from now or from before. */
export function installConsent(agreed) {
  const banner = byId("consent");
  const answer = (value) => () => {
    lasting.set(NAME, value);
    look();
    byId("content").focus({ preventScroll: true });
    say(t(`consent.${value}.said`));
  };
  byId("consent-yes").addEventListener("click", answer(YES));
  byId("consent-no").addEventListener("click", answer(NO));
  byId("consent-again").addEventListener("click", () => {
    banner.hidden = false;
    byId("consent-title").focus();
  });
  const look = () => {
    banner.hidden = hasAnswered();
    if (hasConsent()) agreed();
  };
  addEventListener("storage", ({ key }) => key === NAME && look()); // answered in another tab
  look();
}
