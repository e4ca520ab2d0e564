"""Radio: samples in, what transmits out."""
