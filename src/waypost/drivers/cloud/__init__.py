"""Official numbers: the WhatsApp Cloud API."""
