"""The HTTP side of every service: the application, its routes, their bounds, and how answers look."""
