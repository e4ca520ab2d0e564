"""Tracks where sensors stand so far apart that one of them founds: wide clouds of paths.

Knows `heard` and what that knows. Read `thin` first; decision 18 says why.

    apart         where coverage is thin, and where it is so all around
    thin          the wide tracks: how they start, live, are shown and end
    window        what the sensors there said in the last minutes, in bins
    paths         what a path says of those looks
    worlds        the paths of all clouds, moved together
    wide          where the paths have come to now
    unexplained   what they leave over: one object more?
    courses       where things fly to, lately
"""
