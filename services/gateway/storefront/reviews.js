// What shoppers say of a product, and what one who bought it says oneself.

import { change, get } from "./api.js";
import { element, say } from "./dom.js";
import { day } from "./format.js";
import { choice, field, form } from "./forms.js";
import { later, more, notice } from "./page-states.js";
import { complaint, explain } from "./problem.js";
import { starsOf } from "./product-details.js";
import { act } from "./reports.js";
import { isLoggedIn } from "./session.js";
import { t } from "./texts.js";

const LIMIT = 10;
const STARS = [5, 4, 3, 2, 1];
const LONGEST = 2_000;

/** The reviews of a product, and for who is logged in a button to write one; `changed` is called when that has changed them. */
export function reviews(product, changed) {
  const ask = (cursor) => get(`/v1/products/${product.id}/reviews?${new URLSearchParams({ limit: LIMIT, ...(cursor && { cursor }) })}`);
  const draw = () => later(() => ask(), (first) => list(first, ask), { lines: 2 });
  const box = element("div", {}, draw());
  const own = element("div", { className: "own" });
  if (isLoggedIn()) own.append(button(product, own, () => {
    box.replaceChildren(draw());
    changed();
  }));
  return element("section", { className: "reviews", "aria-labelledby": "reviews" }, element("h2", { id: "reviews" }, t("reviews")), box, own);
}

function list(first, ask) {
  if (!first.items.length) return element("p", {}, t("reviews.none"));
  const items = element("ul", { role: "list" }, first.items.map(review));
  const add = (page) => {
    const added = page.items.map(review);
    items.append(...added);
    return added;
  };
  return [items, more({ first, ask, add }).node];
}

function review({ rating, text, submittedAt }) {
  const stars = element("p", { className: "stars" }, starsOf(rating), element("span", { className: "hidden" }, t("review.stars", { rating })), element("span", {}, day(submittedAt)));
  return element("li", {}, stars, text && element("p", { className: "description" }, text));
}

/** Whether one may write is asked when one wants to: most shoppers do not. */
function button(product, own, done) {
  const node = element("button", { className: "again", type: "button" }, t("review.write"));
  const again = () => {
    own.replaceChildren(node);
    node.focus();
  };
  node.addEventListener("click", async () => {
    if (node.ariaBusy === "true") return;
    node.ariaBusy = "true";
    const path = `/v1/products/${product.id}/reviews/mine`;
    try {
      const { canReview, review: known } = await get(path);
      if (!canReview) return own.replaceChildren(element("p", {}, t("review.buyers")));
      const { id: productId, name: productName } = product;
      act("REVIEW_START", { productId, productName });
      own.replaceChildren(writing(path, known, own, () => {
        again();
        done();
      }));
      own.querySelector("input:checked, input").focus();
    } catch (error) {
      own.replaceChildren(notice(explain(error), again));
    }
    node.ariaBusy = "false";
  });
  return node;
}

function writing(path, known, own, done) {
  const node = form({
    fields: [
      known?.isHidden ? element("p", {}, t("review.hidden")) : null,
      choice({ name: "rating", legend: t("review.rating"), options: STARS.map((rating) => [String(rating), [starsOf(rating), ` ${t("review.stars", { rating })}`]]), value: String(known?.rating ?? "") }),
      field({ name: "text", label: t("review.text"), lines: 4, value: known?.text ?? "", maxLength: LONGEST }),
    ].filter(Boolean),
    button: t("review.save"),
    submit: async (data) => {
      if (!data.get("rating")) throw complaint(t("review.rating.none"));
      await change("PUT", path, { rating: Number(data.get("rating")), text: data.get("text").trim() || null });
      done();
      say(t("review.saved"));
    },
  });
  const remove = element("button", { className: "again", type: "button" }, t("cart.remove"));
  remove.addEventListener("click", async () => {
    try {
      await change("DELETE", path);
      done();
      say(t("review.removed"));
    } catch (error) {
      own.querySelector(".note")?.remove();
      own.prepend(notice(explain(error), () => {
        remove.focus();
        remove.click();
      }));
    }
  });
  if (known && !known.isHidden) node.querySelector(".row").append(remove);
  return node;
}
