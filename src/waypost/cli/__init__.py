"""The shell's edge."""
