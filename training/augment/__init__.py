"""Sounds and what happens to them on the way; written apart from `skysentry.sim`, which tests what is trained here."""
