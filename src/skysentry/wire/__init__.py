"""Pure codecs, bytes to fields and back. No state, no clock; each module docstring is its specification."""
