"""Other trackers on the same scenarios, for comparison in the same run by the same judge."""
