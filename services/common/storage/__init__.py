"""A service's own database, its migrations, and an optional cache."""
