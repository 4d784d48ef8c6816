"""What is served: one trained model set as immutable files, whether it may be used, and which one is in use."""
