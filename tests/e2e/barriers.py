"""What keeps somebody out of a page: WCAG 2.2 AA as far as axe-core sees it."""

from axe_playwright_python.sync_playwright import Axe

OPTIONS = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "resultTypes": ["violations"],  # to describe all that is well would take a third of the time
}
AXE = Axe().axe_script


def barriers_of(page):
    """The rules that a page breaks, each with some of the places; axe-core is loaded once for a page."""
    if page.evaluate("!self.axe"):
        page.evaluate(AXE)
    found = page.evaluate("(options) => axe.run(document, options).then(({ violations }) => violations)", OPTIONS)
    return [(each["id"], [node["html"][:200] for node in each["nodes"][:3]]) for each in found]
