"""Complete Journey as a shop, with simulated browsing, and the steps of `tanawari demo`."""
