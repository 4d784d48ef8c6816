"""The local stack: its parts, their supervision, the retail history and the `tanawari` command."""
