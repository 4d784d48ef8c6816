"""From rankings and rules to the shelves of a page: the same code for the batch and for the API."""
