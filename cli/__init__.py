"""The command `tanawari`: one module for each kind of its commands."""
