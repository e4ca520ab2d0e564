"""HTTP, the event stream, and the built screen."""
