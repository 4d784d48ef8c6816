"""Composes the shelves of a page from rankings and rules, for the batch job and the API."""
