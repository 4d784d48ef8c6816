// Names for what happens here.

/** A random UUID; `crypto.randomUUID` exists on localhost and over HTTPS only, and a preview is opened from anywhere. */
export function uuid() {
  const [a, b, c, d] = crypto.getRandomValues(new Uint16Array(4));
  const text = [...crypto.getRandomValues(new Uint16Array(4)), a, b, (c & 0x0fff) | 0x4000, (d & 0x3fff) | 0x8000];
  const [h1, h2, h3, h4, h5, h6, version, variant] = text.map((part) => part.toString(16).padStart(4, "0"));
  return `${h1}${h2}-${h3}-${version}-${variant}-${h4}${h5}${h6}`;
}
