"""Facts, in order."""
