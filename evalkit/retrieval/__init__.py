"""Tasks that take their context from a corpus run: what is found for an item, and what it is worth."""
