"""The bundle: one trained model set as immutable files, its validation, and the champion in use."""
