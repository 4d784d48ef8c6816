"""The recommendation API: it serves from memory, follows the users' actions, and can score but not train."""
