"""Measures Waypost, each number beside another of the same run; `make bench` writes RESULTS.md."""
