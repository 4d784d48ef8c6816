// The audit trail: who changed what, the latest first.

import { element } from "./dom.js";
import { time } from "./format.js";
import { field, form } from "./forms.js";
import { filled, list, panel, tag } from "./merchandising-things.js";
import { known, t } from "./texts.js";

const KINDS = ["display", "banner", "campaign", "experiment", "generation"];

export function draw() {
  const rows = element("div", {});
  const show = (wish) => rows.replaceChildren(list({ path: "/v1/audit", wish, none: t("trail.none"), row }));
  show();
  const node = form({
    fields: [
      field({ name: "kind", label: t("trail.kind"), options: [["", t("trail.all")], ...KINDS.map((kind) => [kind, t(`trail.${kind}`)])], value: "" }),
      field({ name: "userId", label: t("trail.user"), hint: t("trail.user.hint") }),
    ],
    button: t("moderation.show"),
    submit: (data) => show(filled(data)),
  });
  return [element("div", {}, panel(t("trail.choose"), node)), element("div", {}, panel(t("part.trail"), rows))];
}

function row({ changedAt, userId, service, kind, subject, change, before, after }) {
  const names = Object.keys(after ?? before ?? {});
  const differing = names.flatMap((name) => [element("dt", {}, name), element("dd", {}, [before, after].map((each) => each && written(each[name])).filter((each) => each !== null).join(" → "))]);
  return element("li", {},
    element("p", { className: "what" }, tag(known(`trail.${change}`) ?? change, change !== "DELETED"), ` ${t(`trail.${kind}`)} ${subject}`),
    element("p", { className: "meta" }, `${time(changedAt)} · ${userId ?? service}`),
    names.length ? element("details", {}, element("summary", { "aria-label": `${t("trail.fields")}: ${t(`trail.${kind}`)} ${subject}` }, t("trail.fields")), element("dl", { className: "fields" }, differing)) : null);
}

const written = (value) => (value === null || value === undefined ? "–" : typeof value === "object" ? JSON.stringify(value) : String(value));
