"""Money as whole numbers."""
