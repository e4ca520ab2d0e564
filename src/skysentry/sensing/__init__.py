"""From `Packet` and `Block` to `Scan`: stateful stages, one subject a module."""
