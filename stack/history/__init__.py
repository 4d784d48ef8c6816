"""A shop's history as an import folder, and Complete Journey converted to one."""
