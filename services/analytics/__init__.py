"""User actions: collects them, keeps each user's history, and computes popularity."""
