// What the shop says, in the language of the page: the server chose it, and wrote it into the document.

export const language = document.documentElement.lang;
const { default: texts } = await import(`./texts-${language}.js`);
const plurals = new Intl.PluralRules(language);

/** Take in the texts of a part of the shop, which come with it. */
export const learn = (more) => Object.assign(texts, more);

/** A text, with values for its places: `t("cart.few", { left: 3 })`. Where it has plural forms, `count` chooses one. */
export function t(key, values = {}) {
  const found = texts[key];
  const form = typeof found === "string" ? found : found[plurals.select(values.count)] ?? found.other;
  return form.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** A text that may not be there, such as one for a code that the shop made. */
export const known = (key, values) => (Object.hasOwn(texts, key) ? t(key, values) : null);
