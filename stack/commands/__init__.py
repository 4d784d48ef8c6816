"""The commands of `tanawari`, one module for each kind."""
