"""Evaluation of the recommenders on unseen data."""
