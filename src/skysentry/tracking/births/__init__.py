"""Where new tracks begin.

Knows `models`, `intake`, `evidence` and `tracks`. Measurements that hold a place found at once: `founding`. Directions
and "heard" do not; they raise the expected number of undetected objects over the ground (`field`) until something there
is believed (`seeds`).
"""
