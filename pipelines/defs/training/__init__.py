"""From the marts to the champion: what is learned, how good it is, and whether it may be used."""
