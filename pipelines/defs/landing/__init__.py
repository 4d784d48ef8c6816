"""From topics to schema `raw`."""
