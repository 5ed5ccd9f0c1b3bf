"""Messages: accepted, sent, followed."""
