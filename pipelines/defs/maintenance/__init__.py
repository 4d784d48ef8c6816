"""Maintenance of the platform."""
