// Moderation: reviews as they came, hidden with a reason, or shown again.

import { change, get } from "./api.js";
import { element } from "./dom.js";
import { time } from "./format.js";
import { field, form } from "./forms.js";
import { changing, filled, list, panel, productNames, tag } from "./merchandising-things.js";
import { complaint } from "./problem.js";
import { starsOf } from "./product-details.js";
import { t } from "./texts.js";

const REVIEWS = "/v1/reviews";
const WHICH = ["", "false", "true"];

export function draw() {
  const rows = element("div", {});
  const names = new Map();
  const prepare = async (items) => (await productNames(items.map(({ productId }) => productId))).forEach((name, id) => names.set(id, name));
  const show = (wish) => rows.replaceChildren(list({ path: REVIEWS, wish, none: t("moderation.none"), prepare, row: (review) => row(review, names.get(review.productId)) }));
  show();
  const node = form({
    fields: [
      field({ name: "hidden", label: t("moderation.which"), options: WHICH.map((which) => [which, t(`moderation.which.${which || "all"}`)]), value: "" }),
      field({ name: "sku", label: t("moderation.product"), hint: t("moderation.product.hint") }),
    ],
    button: t("moderation.show"),
    nameOf: (name) => name.replace(/\.\d+$/, ""), // the shop takes several numbers
    submit: async (data) => {
      const { sku, ...wish } = filled(data);
      if (!sku) return show(wish);
      const [product] = (await get(`/v1/products?${new URLSearchParams({ sku })}`)).items;
      if (!product) throw complaint(t("moderation.product.none"));
      return show({ ...wish, productId: product.id });
    },
  });
  return [element("div", {}, panel(t("moderation.choose"), node)), element("div", {}, panel(t("part.reviews"), rows))];
}

function row(first, productName) {
  const place = `${REVIEWS}/${first.reviewId}`;
  const name = t("moderation.of", { user: first.userId });
  return changing(first, (now, button, set) => {
    const moderate = async (isHidden, reason) => set(await change("PATCH", place, { isHidden, reason }));
    const done = ({ isHidden, reason, by, at }) => element("li", {}, [t(isHidden ? "moderation.hidden" : "moderation.shown", { by, time: time(at) }), reason].filter(Boolean).join(" — "));
    return [
      element("p", { className: "stars" }, starsOf(now.rating), element("span", { className: "hidden" }, t("review.stars", { rating: now.rating })), now.isHidden ? tag(t("moderation.which.true"), false) : null),
      now.text && element("p", { className: "description" }, now.text),
      element("p", { className: "meta" }, element("a", { href: `/products/${now.productId}` }, productName ?? t("product.unnamed", { id: now.productId })), ` · ${name} · ${time(now.submittedAt)}`),
      now.moderations.length ? element("ul", { className: "meta" }, now.moderations.map(done)) : null,
      now.isHidden ? element("div", { className: "row" }, button(t("moderation.again"), name, () => moderate(false))) : hiding(name, moderate),
    ];
  });
}

function hiding(name, moderate) {
  const node = form({
    fields: [field({ name: "reason", label: t("moderation.reason"), maxLength: 200 })],
    button: t("decide.hide"),
    submit: (data) => moderate(true, data.get("reason").trim()),
  });
  return element("details", {}, element("summary", { "aria-label": `${t("decide.hide")}: ${name}` }, t("decide.hide")), node);
}
