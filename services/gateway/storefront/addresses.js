// The address book: a card for each address, and one form to add or change one.

import { element } from "/storefront/dom.js";
import { field, form, tick } from "/storefront/forms.js";

const PREFECTURES =
  "北海道 青森県 岩手県 宮城県 秋田県 山形県 福島県 茨城県 栃木県 群馬県 埼玉県 千葉県 東京都 神奈川県 新潟県 富山県 石川県 福井県 山梨県 長野県 岐阜県 静岡県 愛知県 三重県 滋賀県 京都府 大阪府 兵庫県 奈良県 和歌山県 鳥取県 島根県 岡山県 広島県 山口県 徳島県 香川県 愛媛県 高知県 福岡県 佐賀県 長崎県 熊本県 大分県 宮崎県 鹿児島県 沖縄県".split(" ");
const LINES = ["postalCode", "countryArea", "city", "streetAddress", "building"];

/** The panel with the addresses of `profileNow()`; `save` stores a changed profile. */
export function addressBook(panel, profileNow, save) {
  const all = () => profileNow().address?.addresses ?? [];
  const box = element("div", {});
  const store = async (addresses) => {
    await save({ address: { addresses } });
    list("Saved.");
  };
  const list = (said = "", isBack = Boolean(said)) => {
    const add = element("button", { className: "again", type: "button", onclick: () => edit(null) }, "Add an address");
    const cards = all().map((address) => card(address, { edit, remove: () => store(all().filter(({ id }) => id !== address.id)) }));
    box.replaceChildren(
      cards.length ? element("ul", { className: "addresses", role: "list" }, cards) : element("p", {}, "No address yet."),
      element("div", { className: "row" }, add, element("p", { className: "done", role: "status" }, said)),
    );
    if (isBack) add.focus();
  };
  const edit = (address) => {
    const others = all().filter(({ id }) => id !== address?.id);
    const node = addressForm(address, async (filled) => {
      const rest = filled.isDefault ? others.map((each) => ({ ...each, isDefault: false })) : others;
      await store([filled, ...rest]); // the form's is the first: an error names it
    });
    const cancel = element("button", { className: "again", type: "button", onclick: () => list("", true) }, "Cancel");
    node.querySelector(".row").append(cancel);
    box.replaceChildren(node);
    node.querySelector("input").focus();
  };
  list();
  return panel("Addresses", box);
}

/** Where an address is, in one line. */
export const linesOf = (address) => LINES.map((name) => address[name]).filter(Boolean).join(" ");

function card(address, { edit, remove }) {
  const button = (text, act) => element("button", { className: "again", type: "button", "aria-label": `${text} the address of ${address.name}`, onclick: act }, text);
  return element("li", {},
    element("p", {}, element("b", {}, address.name), address.isDefault ? element("span", { className: "tag" }, "Default") : null),
    element("p", {}, linesOf(address)),
    element("div", { className: "row" }, button("Change", () => edit(address)), button("Remove", remove)));
}

function addressForm(address, submit) {
  const input = (name, label, more) => field({ name, label, value: address?.[name] ?? "", ...more });
  return form({
    fields: [
      input("name", "Name", { autocomplete: "shipping name" }),
      input("countryCode", "Country", { value: address?.countryCode ?? "JP", autocomplete: "shipping country", maxLength: 2, hint: "Two letters, such as JP." }),
      input("postalCode", "Postal code", { autocomplete: "shipping postal-code", hint: "Such as 100-0001." }),
      input("countryArea", "Prefecture or state", { autocomplete: "shipping address-level1", suggestions: PREFECTURES }),
      input("city", "City", { autocomplete: "shipping address-level2" }),
      input("streetAddress", "Street and number", { autocomplete: "shipping street-address" }),
      input("building", "Building and room", { autocomplete: "shipping address-line2" }),
      input("phone", "Phone number", { type: "tel", autocomplete: "shipping tel" }),
      tick({ name: "isDefault", label: "My default address", checked: address?.isDefault }),
    ],
    button: "Save the address",
    nameOf: (name) => name.replace(/^address\.addresses\.0\./, ""),
    submit: (data) => {
      const texts = [...data].filter(([name, value]) => name !== "isDefault" && value.trim());
      const kept = address ? { id: address.id, label: address.label ?? undefined, cityArea: address.cityArea } : {};
      return submit({ ...kept, ...Object.fromEntries(texts.map(([name, value]) => [name, value.trim()])), isDefault: data.has("isDefault") });
    },
  });
}
