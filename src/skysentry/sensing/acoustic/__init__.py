"""From sound to `Scan`."""
