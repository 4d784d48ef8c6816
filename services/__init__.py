"""The transactional side of the store: contracts, what the services share, and the services."""
