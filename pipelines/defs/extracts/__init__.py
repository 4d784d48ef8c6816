"""Extracts of the marts, which analysts can open without production access."""
