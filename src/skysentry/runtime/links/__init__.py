"""Live sources: bytes from sockets to events."""
