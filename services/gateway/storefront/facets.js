// Filters with how many products each would leave, and chips for those that are on.

import { element } from "./dom.js";
import { count, money, readable } from "./format.js";
import { entry } from "./navigation.js";
import { changed, filtersOf, has, refine, without, withoutFilters } from "./search-state.js";
import { t } from "./texts.js";

const FEW = 8;
const WIDE = "(min-width: 60.01rem)";

/** The filters beside the products. */
export function filters(search, { categories, brands, prices, ratings, inStock, attributes }, currency) {
  const groups = [
    group("filter.category", "category", categories.map(({ categoryId, name, count: hits }) => choice(search, { name: "category", value: categoryId, text: readable(name), hits }))),
    group("filter.stock", "stock", inStock ? [choice(search, { name: "inStock", value: true, text: t("filter.stock.only"), hits: inStock })] : []),
    group("filter.price", "price", prices.map((range) => priceChoice(search, range, currency))),
    group("filter.rating", "rating", ratings.map(({ from, count: hits }) => choice(search, { name: "ratingMin", value: from, text: ratingText(from), hits }))),
    group("filter.brand", "brand", brands.map(({ value, count: hits }) => choice(search, { name: "brand", value, text: value, hits }))),
    ...attributes.map(({ code, name, unit, values }) => group(null, `attribute-${code}`, values.map(({ value, count: hits }) => choice(search, { name: "attribute", value: `${code}:${value}`, text: valueText(value, unit), hits })), name)),
  ].filter(Boolean);
  if (!groups.length) return null;
  const node = element("details", { className: "filters", open: entry().isOpen ?? matchMedia(WIDE).matches },
    element("summary", {}, t("filters"), filtersOf(search).length ? ` (${filtersOf(search).length})` : ""), ...groups);
  return element("aside", { "aria-label": t("filters") }, element("h2", { className: "hidden" }, t("filters")), node);
}

const ratingText = (rating) => t("filter.rating.from", { rating, count: Number(rating) });
const valueText = (value, unit) => (["true", "false"].includes(value) ? t(value === "true" ? "yes" : "no") : unit ? `${value} ${unit}` : value);

/** A filter's choices: those that are on, and the first few; the others behind a button. */
function group(title, id, choices, name = title && t(title)) {
  if (!choices.length) return null;
  const isShown = (each, place) => place < FEW || each.firstChild.checked || each.firstChild.id === entry().focus;
  const hidden = choices.filter((each, place) => !isShown(each, place));
  hidden.forEach((each) => (each.hidden = true));
  const more = hidden.length ? element("button", { type: "button", className: "more", onclick: () => {
    hidden.forEach((each) => (each.hidden = false));
    hidden[0].querySelector("input").focus();
    more.remove();
  } }, t("filter.more", { number: count(hidden.length) })) : null;
  return element("fieldset", { id: `filter-${id}` }, element("legend", {}, name), ...choices, more);
}

function choice(search, { name, value, text, hits }) {
  const isOn = has(search, name, value);
  return box(`${name}-${value}`, text, hits, isOn, () => changed(search, { [name]: isOn && name !== "brand" && name !== "attribute" ? null : value }));
}

function priceChoice(search, { from, to, count: hits }, currency) {
  const isOn = Number(search.get("priceMin")) === from && search.has("priceMin") && (search.get("priceBelow") ?? "") === (to === null ? "" : String(to));
  return box(`price-${from}`, priceText(from, to, currency), hits, isOn, () => changed(search, isOn ? { priceMin: null, priceBelow: null } : { priceMin: from, priceBelow: to }));
}

function priceText(from, to, currency) {
  const amount = (value) => money(String(value), currency);
  if (to === null) return t("price.least", { price: amount(from) });
  return t("price.range", { from: amount(from ?? 0), to: amount(to) });
}

function box(id, text, hits, checked, next) {
  const input = element("input", { type: "checkbox", id: `filter-${id}`, defaultChecked: checked });
  input.addEventListener("change", () => refine(next(), input.id));
  return element("label", { className: "tick" }, input, element("span", {}, text, " ", element("small", {}, count(hits))));
}

/** The filters that are on, each with a button that takes it off. */
export function chips(search, facets, currency) {
  const on = filtersOf(search);
  if (!on.length) return null;
  const chip = ([name, value]) => {
    const text = textOf(name, value, facets, currency);
    return element("button", { type: "button", "aria-label": t("filter.remove", { text }), onclick: () => refine(without(search, name, value), "found") }, text, element("span", { "aria-hidden": "true" }, " ×"));
  };
  const all = element("button", { type: "button", onclick: () => refine(withoutFilters(search), "found") }, t("filter.none"));
  return element("div", { className: "chips on", role: "group", "aria-label": t("filter.on") }, on.map(chip), on.length > 1 ? all : null);
}

function textOf(name, value, facets, currency) {
  if (name === "category") return readable(facets?.categories.find(({ categoryId }) => String(categoryId) === value)?.name ?? t("filter.category"));
  if (name === "inStock") return t("filter.stock.only");
  if (name === "ratingMin") return ratingText(value);
  if (name === "price") return value[0] || value[1] ? priceText(value[0] ?? 0, value[1], currency) : "";
  if (name !== "attribute") return value;
  const [code, ...rest] = value.split(":");
  const known = facets?.attributes.find((each) => each.code === code);
  return `${known?.name ?? code}: ${valueText(rest.join(":"), known?.unit)}`;
}
