"""Lands topics in schema `raw`."""
