"""What comes in, before any track is asked: which looks are taken, and their numbers as rows for the kernels.

Knows `models`. Read `batch` first: what a sensor (`Listener`) and a look (`Packed`) are from here on.

    roster        the sensors that speak: declared, moving, unknown
    duplicates    each look counts once
    quarantine    claims that come too many
    batch, read   scans to rows: laid side by side in Python, read in compiled code
    complaints    what went wrong with a source, told as `Health`
"""
