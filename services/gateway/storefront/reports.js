// What goes back to the shop: what the shopper did, what was really seen of an answer, and what was clicked in it.

import { report } from "/storefront/api.js";
import { userId } from "/storefront/session.js";
import { uuid } from "/storefront/uuid.js";

const SESSION = "tanawari.visit";
const PAUSE = 400;
const PATIENCE = 1_000;
const RIGHT_BUTTON = 2;
let lastAction = Promise.resolve();
const visit = sessionStorage.getItem(SESSION) ?? uuid();
sessionStorage.setItem(SESSION, visit);

/** One action of the shopper, such as `act("PRODUCT_VIEWED", { productId: 7 })`; its id makes sending it again safe. */
export function act(actionType, fields) {
  const action = { actionType, eventId: uuid(), timestamp: new Date().toISOString(), sessionId: visit, ...fields };
  const viewer = userId();
  const batch = () => ({ actions: [{ ...action, userId: userId() }], sentAt: new Date().toISOString() });
  lastAction = report("/v1/actions", () => ((viewer ?? userId()) === userId() ? batch() : null));
}

/** Wait, not for long, until the shop has the last action: the page asked for next then knows of it. */
export function told() {
  return Promise.race([lastAction, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
}

/** Follows one answer: a card counts as shown once half of it has been in view. */
export class Impressions {
  #answer;
  #viewer = userId();
  #seen = [];
  #timer;
  #cards = new WeakMap();
  #observer = new IntersectionObserver((entries) => this.#see(entries), { threshold: 0.5 });
  #ended = new AbortController();

  constructor(answer) {
    this.#answer = answer;
    addEventListener("pagehide", () => this.#flush(), { signal: this.#ended.signal });
  }

  /** Follow the card of an item of the answer; `displayType` says where it stands. */
  watch(card, displayType, { productId, rank, score, source }) {
    const place = { displayType, productId, rank };
    this.#cards.set(card, { ...place, score, source });
    this.#observer.observe(card);
    for (const kind of ["click", "auxclick"]) card.addEventListener(kind, (event) => this.#click(event, place)); // the middle button opens too
  }

  end() {
    this.#flush();
    this.#observer.disconnect();
    this.#ended.abort();
  }

  #see(entries) {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      this.#observer.unobserve(target);
      this.#seen.push(this.#cards.get(target));
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#flush(), PAUSE);
  }

  #click({ target, button }, clicked) {
    if (button === RIGHT_BUTTON || !target.closest("a")) return;
    this.#flush();
    this.#report({ clicked });
  }

  /** Report what was seen since the last time. */
  #flush() {
    clearTimeout(this.#timer);
    const shown = this.#seen.splice(0);
    if (shown.length) this.#report({ shown });
  }

  /** An answer that serving did not make has no id, and nobody learns from it; nor from whom it was not made for. */
  #report(seen) {
    const { recommendationId } = this.#answer;
    const feedback = { recommendationId, userId: this.#viewer, ...seen };
    if (recommendationId) report("/v1/feedback", () => (this.#viewer === userId() ? feedback : null));
  }
}
