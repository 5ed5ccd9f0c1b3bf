"""Composition roots: the only rooms that import every feature's `api` and build things."""
