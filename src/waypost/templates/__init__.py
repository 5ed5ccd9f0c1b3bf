"""Texts with places for variables, kept for later sends."""
