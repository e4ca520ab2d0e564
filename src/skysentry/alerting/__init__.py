"""From `Track`, zones and `Order` to `Alert`."""
