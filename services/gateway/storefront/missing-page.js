// The page for an address that means nothing.

export { missing as missingPage } from "./page-states.js";
