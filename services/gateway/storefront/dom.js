// Building the page: text goes in as text, so nothing that a service says can become markup.

/** An element with properties (or attributes, where there is no such property) and children. */
export function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name in node) node[name] = value;
    else node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return node;
}

/** A line drawing of one path. */
export function icon(size, path) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", `0 0 ${size} ${size}`);
  svg.setAttribute("aria-hidden", "true");
  const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
  line.setAttribute("d", path);
  svg.append(line);
  return svg;
}

let news;

/** Tell screen readers something that others see. */
export function announce(text) {
  const announcer = document.getElementById("announcer");
  announcer.textContent = ""; // the same again is news, too
  clearTimeout(news);
  news = setTimeout(() => (announcer.textContent = text), 50);
}

let silence;

/** Tell everybody something for a while, without taking the keyboard away from where it is. */
export function say(text) {
  const said = document.getElementById("said");
  said.textContent = text;
  clearTimeout(silence);
  silence = setTimeout(() => (said.textContent = ""), 8_000);
}

/** A part of a page that is made anew only when what it shows has changed: `part.show(values)` calls `make(values)`. */
export function part(make, tag = "div", properties = {}) {
  const node = element(tag, properties);
  let shown;
  const show = (values) => {
    const next = JSON.stringify(values);
    if (next === shown) return;
    shown = next;
    node.replaceChildren(...[make(values)].flat().filter(Boolean));
  };
  return { node, show };
}
