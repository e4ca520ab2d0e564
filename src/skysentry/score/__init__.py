"""Truth against tracks and alerts."""
