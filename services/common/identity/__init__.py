"""Who calls, and what a caller may do: tokens, published keys, policies."""
