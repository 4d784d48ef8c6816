"""The HTTP side of every service: application, routes, limits and responses."""
