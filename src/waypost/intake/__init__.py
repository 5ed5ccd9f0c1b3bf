"""What devices tell us, whatever their transport."""
