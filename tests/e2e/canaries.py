"""Texts that say so when a page takes them for anything but text; and answers of the shop that are full of them."""

import re
from urllib.parse import urlsplit

MACHINE = {
    *("id", "parentId", "userId", "paymentId", "requestId", "searchId", "recommendationId", "traceId", "nextCursor"),
    *("code", "displayType", "kind", "mode", "obstacle", "paymentMethod", "placement", "roles", "source", "status"),
    *("type", "version", "currency", "countryCode", "locale", "sentAt"),
    *("image", "images", "productImage", "link", "actionUrl"),
}
"""Fields that no page shows as they are: ids, words with one of a few values, and addresses, which services check."""
NO_TEXT = re.compile(r"[-\d.]*|\d{4}-\d\d-\d\dT.*")
NO_NAME = re.compile(r"v1|me|\d+|[0-9a-f-]{36}")
LETTERS = "Kombu" * 20


def canary(name):
    """What says its name where it was executed, and where it is shown."""
    return (
        f"«{name}» <img src=x onerror=\"self.canary='{name}'\"><script>self.canary='{name}'</script>\"'>"
        f"<svg/onload=\"self.canary='{name}'\">{{{{constructor}}}}${{1}}javascript:self.canary=1"
    )


def full_of_canaries(address, answer):
    """An answer with one in place of each text that is not for the machine; it is called after its place."""
    resource = [each for each in urlsplit(address).path.split("/") if each and not NO_NAME.fullmatch(each)][-1]

    def replace(value, name):
        if isinstance(value, dict):
            return {each: replace(inner, each) for each, inner in value.items()}
        if isinstance(value, list):
            return [replace(each, name) for each in value]
        is_text = isinstance(value, str) and not NO_TEXT.fullmatch(value)
        is_text = is_text or name == "correctedTo"  # null where nothing was typed wrongly
        return f"{canary(f'{resource}.{name}')} {LETTERS}" if is_text and name not in MACHINE else value

    return replace(answer, None)


EXECUTED = """() => {
    const address = /^(href|src|srcset|action|formaction|xlink:href|poster|data|style)$/;
    const isText = (value) => /[<«]|javascript:/.test(value);
    const isFault = ({ name, value }) => name.startsWith("on") || (address.test(name) && isText(value));
    const attributes = [...document.querySelectorAll("*")].flatMap((node) => [...node.attributes]).filter(isFault);
    const nodes = [...document.querySelectorAll("script:not([src]), iframe, object, embed, base")];
    const found = [...attributes.map(({ name, value }) => `${name}=${value}`), ...nodes.map((node) => node.outerHTML)];
    return self.canary ? [`executed: ${self.canary}`, ...found] : found;
}"""
"""What became of them that is no text: executed, or written where it could be."""
SHOWN = """() => {
    const filled = [...document.querySelectorAll("input, textarea")].map(({ value }) => value);
    const all = [document.title, document.body.outerHTML, ...filled].join();
    return [...new Set([...all.matchAll(/«([^»]+)»/g)].map(([, name]) => name))];
}"""
"""The names of those that stand on the page."""
