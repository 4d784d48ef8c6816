"""From the marts to files that analysts can open without touching production."""
