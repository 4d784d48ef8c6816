// What goes back to the shop, if the shopper agrees: what was done, what was really seen of an answer, and what was clicked in it.

import { report } from "./api.js";
import { hasConsent } from "./consent.js";
import { whence } from "./origin.js";
import { userId } from "./session.js";
import { ofTab } from "./storage.js";
import { uuid } from "./uuid.js";

const SESSION = "tanawari.visit";
const PAUSE = 400;
const PATIENCE = 1_000;
const LONG_ENOUGH = 1_000;
const RIGHT_BUTTON = 2;
const canReport = () => hasConsent() && navigator.cookieEnabled; // without a cookie nobody is here to speak for
let lastAction = Promise.resolve();
const visit = ofTab.get(SESSION) ?? uuid();

/** One action of the shopper, such as `act("PRODUCT_VIEWED", { productId: 7 })`; its id makes sending it again safe. */
export function act(actionType, fields) {
  if (!canReport()) return;
  ofTab.set(SESSION, visit);
  const action = { actionType, eventId: uuid(), timestamp: new Date().toISOString(), sessionId: visit, ...whence(), ...fields };
  const viewer = userId();
  const batch = () => ({ actions: [{ ...action, userId: userId() }], consent: hasConsent(), sentAt: new Date().toISOString() });
  lastAction = report("/v1/actions", () => (hasConsent() && (viewer ?? userId()) === userId() ? batch() : null));
}

/** Wait, not for long, until the shop has the last action: the page asked for next then knows of it. */
export function told() {
  return Promise.race([lastAction, new Promise((resolve) => setTimeout(resolve, PATIENCE))]);
}

/** Do something once the page has been in view for a while, in one piece; gives what calls it off. */
export function dwell(done, milliseconds = LONG_ENOUGH) {
  let timer;
  const start = () => (timer = setTimeout(finish, milliseconds));
  const change = () => (document.hidden ? clearTimeout(timer) : start());
  const stop = () => {
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", change);
  };
  const finish = () => {
    stop();
    done();
  };
  document.addEventListener("visibilitychange", change);
  if (!document.hidden) start();
  return stop;
}

const unsent = new Set();
const flushAll = () => unsent.forEach((impressions) => impressions.flush());
document.addEventListener("visibilitychange", () => document.hidden && flushAll()); // on phones the last that is heard of a page
addEventListener("pagehide", flushAll);

/** Follows one answer: a card counts as shown once half of it has been in view for a second. */
export class Impressions {
  #answer;
  #viewer = userId();
  #seen = [];
  #timer;
  #items = new WeakMap();
  #dwelling = new Map();
  #observer = new IntersectionObserver((entries) => entries.forEach((each) => this.#look(each)), { threshold: 0.5 });

  constructor(answer) {
    this.#answer = answer;
  }

  /** Follow the card of an item of the answer; `displayType` says where it stands. */
  watch(card, displayType, { productId, rank, score, source }) {
    const place = { displayType, productId, rank };
    this.#items.set(card, { ...place, score, source });
    this.#observer.observe(card);
    for (const kind of ["click", "auxclick"]) card.addEventListener(kind, (event) => this.#click(event, card, place)); // the middle button opens too
  }

  #look({ isIntersecting, target }) {
    this.#dwelling.get(target)?.();
    this.#dwelling.delete(target);
    if (isIntersecting) this.#dwelling.set(target, dwell(() => this.#count(target)));
  }

  #count(card) {
    this.#dwelling.get(card)?.();
    this.#dwelling.delete(card);
    this.#observer.unobserve(card);
    const item = this.#items.get(card);
    if (!item) return;
    this.#items.delete(card);
    this.#seen.push(item);
    unsent.add(this);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.flush(), PAUSE);
  }

  #click({ target, button }, card, clicked) {
    if (button === RIGHT_BUTTON || !target.closest("a")) return;
    this.#count(card); // who clicks it has seen it
    this.flush();
    this.#report({ clicked });
  }

  /** Report what was seen since the last time. */
  flush() {
    clearTimeout(this.#timer);
    unsent.delete(this);
    const shown = this.#seen.splice(0);
    if (shown.length) this.#report({ shown });
  }

  /** An answer that serving did not make has no id, and nobody learns from it; nor from whom it was not made for. */
  #report(seen) {
    const { recommendationId } = this.#answer;
    const feedback = { recommendationId, userId: this.#viewer, ...seen };
    if (recommendationId && canReport()) report("/v1/feedback", () => (hasConsent() && this.#viewer === userId() ? feedback : null));
  }
}
