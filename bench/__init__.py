"""Measures Waypost beside Kannel and a bare ASGI server; `make bench` writes RESULTS.md."""
