"""skysentry: hear, see and receive drones; one track per object; warn the right places in time.

Read `events` (the nouns and the one `Stage` shape), then `runtime.pipeline`, then one stage.
"""

__version__ = "0.1.0"
