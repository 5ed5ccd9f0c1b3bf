"""Files that accounts keep with us, to be sent or as they were received."""
