"""From a configuration to fitted models, and from these to what a bundle holds."""
