// Amounts, numbers and times as the language writes them.

import { language } from "./texts.js";

const decimals = new Intl.NumberFormat(language, { maximumFractionDigits: 3 });
const number = new Intl.NumberFormat(language);
const dateAndTime = new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" });
const date = new Intl.DateTimeFormat(language, { dateStyle: "medium" });

/** An amount in its currency, with the decimals it is written with: they are those of the currency. Without one, a number. */
export function money(amount, currency) {
  if (amount === null || amount === undefined) return "";
  const digits = (String(amount).split(".")[1] ?? "").length;
  const decimals = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  const style = /^[A-Z]{3}$/.test(currency) ? { style: "currency", currency } : {};
  return new Intl.NumberFormat(language, { ...style, ...decimals }).format(Number(amount));
}

/** A number, such as how many were found. */
export const count = (value) => number.format(value);

/** A number with its decimals, such as a rating or a length. */
export const decimal = (value) => decimals.format(value);

/** A time, and a day, as the shopper's clock has it. */
export const time = (text) => (text ? dateAndTime.format(new Date(text)) : "");
export const day = (text) => (text ? date.format(new Date(text)) : "");

const SHOUTED = /^(?=[^a-z\u0080-\uffff]*$)(?:.*[A-Z]{4}|.*[A-Z]{2}\S*\s.*[A-Z]{2})/s;

/** A name from a shop that writes in capitals, in ordinary letters: "PAPER TOWELS"; "LED", "H&M" and "メンズTシャツ" are left alone. */
export const readable = (text) => (SHOUTED.test(text) ? text.charAt(0) + text.slice(1).toLowerCase() : text);
