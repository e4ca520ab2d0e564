"""The table of the tracking benchmark: `make bench-tracking`, or `python -m bench.tracking`.

    SKYSENTRY_TRACKING_SCENARIOS    names, with commas            all of `bench.scenarios`, and mixed
    SKYSENTRY_TRACKING_FIRST        the first seed                101: seeds 1 to 99 are for tuning
    SKYSENTRY_TRACKING_SEEDS        seeds of each scenario        5
    SKYSENTRY_TRACKING_SITE_SEEDS   seeds of site                 20
    SKYSENTRY_TRACKING_PEER_SEEDS   seeds of site for Stone Soup  20 (half a minute each)
    SKYSENTRY_TRACKING_SECONDS      length                        each scenario's own
    SKYSENTRY_TRACKING_PROCESSES    at a time, for quality        2
    SKYSENTRY_TRACKING_SPEED        0 leaves out speed and memory

Quality is taken in several processes; then, with nothing else of this program running, speed, memory and start in one.
"""
