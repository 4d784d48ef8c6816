"""A folder per group of assets; `definitions.py` loads them all."""
