"""Seeded, physical scenarios: `Truth`, and what sensors would make of it."""
