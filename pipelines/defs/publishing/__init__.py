"""From a bundle to what shoppers see, and back."""
