"""Talk to WhatsApp; know no database."""
