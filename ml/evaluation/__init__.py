"""How good the recommenders are, on data that they have not seen."""
