"""Fits models from a configuration, and assembles the content of a bundle."""
