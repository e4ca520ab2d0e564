"""From `Scan` to `Track`."""
