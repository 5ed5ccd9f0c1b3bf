"""Waypost: a self-hosted WhatsApp messaging API with honest accounting."""
