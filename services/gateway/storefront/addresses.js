// The address book: a card for each address, and one form to add or change one.

import { element } from "./dom.js";
import { field, form, tick } from "./forms.js";
import { t } from "./texts.js";

const PREFECTURES =
  "北海道 青森県 岩手県 宮城県 秋田県 山形県 福島県 茨城県 栃木県 群馬県 埼玉県 千葉県 東京都 神奈川県 新潟県 富山県 石川県 福井県 山梨県 長野県 岐阜県 静岡県 愛知県 三重県 滋賀県 京都府 大阪府 兵庫県 奈良県 和歌山県 鳥取県 島根県 岡山県 広島県 山口県 徳島県 香川県 愛媛県 高知県 福岡県 佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県 沖縄県".split(" ");
const LINES = ["postalCode", "countryArea", "city", "streetAddress", "building"];

/** The panel with the addresses of `profileNow()`; `save` stores a changed profile. */
export function addressBook(panel, profileNow, save) {
  const all = () => profileNow().address?.addresses ?? [];
  const box = element("div", {});
  const store = async (addresses) => {
    await save({ address: { addresses } });
    list(t("saved"));
  };
  const list = (said = "", isBack = Boolean(said)) => {
    const add = element("button", { className: "again", type: "button", onclick: () => edit(null) }, t("addresses.add"));
    const cards = all().map((address) => card(address, { edit, remove: () => store(all().filter(({ id }) => id !== address.id)) }));
    box.replaceChildren(
      cards.length ? element("ul", { className: "addresses", role: "list" }, cards) : element("p", {}, t("addresses.none")),
      element("div", { className: "row" }, add, element("p", { className: "done", role: "status" }, said)),
    );
    if (isBack) add.focus();
  };
  const edit = (address) => {
    const others = all().filter(({ id }) => id !== address?.id);
    const node = addressForm(address, async (filled) => {
      await store(withOthers(filled, others));
    });
    const cancel = element("button", { className: "again", type: "button", onclick: () => list("", true) }, t("cancel"));
    node.querySelector(".row").append(cancel);
    box.replaceChildren(node);
    node.querySelector("input").focus();
  };
  list();
  return panel(t("addresses.title"), box);
}

/** The addresses of a profile when one is filled in: it is the first, since an error names the first, and there is one default. */
export const withOthers = (filled, others) => [filled, ...(filled.isDefault ? others.map((each) => ({ ...each, isDefault: false })) : others)];

/** Where an address is, in one line. */
export const linesOf = (address) => LINES.map((name) => address[name]).filter(Boolean).join(" ");

function card(address, { edit, remove }) {
  const button = (text, label, act) => element("button", { className: "again", type: "button", "aria-label": t(label, address), onclick: act }, t(text));
  return element("li", {},
    element("p", {}, element("b", {}, address.name), address.isDefault ? element("span", { className: "tag" }, t("addresses.default")) : null),
    element("p", {}, linesOf(address)),
    element("div", { className: "row" }, button("addresses.change", "addresses.change.name", () => edit(address)), button("cart.remove", "addresses.remove.name", remove)));
}

/** A form for an address, or for a new one: `submit(address)` stores it. */
export function addressForm(address, submit) {
  const input = (name, label, more) => field({ name, label, value: address?.[name] ?? "", ...more });
  return form({
    fields: [
      input("name", t("address.name"), { autocomplete: "shipping name" }),
      input("countryCode", t("address.country"), { value: address?.countryCode ?? "JP", autocomplete: "shipping country", maxLength: 2, hint: t("address.country.hint") }),
      input("postalCode", t("address.code"), { autocomplete: "shipping postal-code", hint: t("address.code.hint") }),
      input("countryArea", t("address.area"), { autocomplete: "shipping address-level1", suggestions: PREFECTURES }),
      input("city", t("address.city"), { autocomplete: "shipping address-level2" }),
      input("streetAddress", t("address.street"), { autocomplete: "shipping street-address" }),
      input("building", t("address.building"), { autocomplete: "shipping address-line2" }),
      input("phone", t("name.phone"), { type: "tel", autocomplete: "shipping tel" }),
      tick({ name: "isDefault", label: t("address.default"), checked: address?.isDefault }),
    ],
    button: t("address.save"),
    nameOf: (name) => name.replace(/^address\.addresses\.0\./, ""),
    submit: (data) => {
      const texts = [...data].filter(([name, value]) => name !== "isDefault" && value.trim());
      const kept = address ? { id: address.id, label: address.label ?? undefined, cityArea: address.cityArea } : {};
      return submit({ ...kept, ...Object.fromEntries(texts.map(([name, value]) => [name, value.trim()])), isDefault: data.has("isDefault") });
    },
  });
}
