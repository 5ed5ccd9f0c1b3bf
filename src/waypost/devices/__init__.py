"""The senders and the pools they share."""
