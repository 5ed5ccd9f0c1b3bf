"""Running the drivers of devices."""
