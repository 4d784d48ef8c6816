// Going from page to page without loading anew.

/** Show the page at an address. */
export function goTo(address) {
  history.pushState(null, "", address);
  scrollTo({ top: 0, behavior: "instant" });
  dispatchEvent(new Event("navigate"));
}
