"""A service's own database, its migrations, and a cache that may be away."""
