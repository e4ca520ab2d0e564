"""From radio samples to `Scan`."""
