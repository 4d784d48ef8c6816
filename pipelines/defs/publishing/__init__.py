"""Publishing of shelves, and rollback."""
