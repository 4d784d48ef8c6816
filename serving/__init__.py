"""The recommendation API: it answers from memory, follows what shoppers do, and can score but not train."""
