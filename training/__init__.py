"""Makes the weights that `skysentry.sensing.acoustic` ships. Torch lives only here; running never needs it."""
