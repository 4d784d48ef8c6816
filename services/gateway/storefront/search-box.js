// The search box in the page's head.

import { goTo } from "./navigation.js";

const box = document.getElementById("keyword");

/** Show the keyword of the present page. */
export function showKeyword(keyword) {
  box.value = keyword;
}

/** Make the box work. */
export function installSearch() {
  document.getElementById("search").addEventListener("submit", (event) => {
    event.preventDefault();
    const keyword = box.value.trim();
    if (keyword) goTo(`/search?${new URLSearchParams({ q: keyword })}`);
  });
}
