"""What is kept of a track: its row and its history, whether it lives, what it is, what it claims, whose it is.

Knows `models`, `intake` and `evidence`. Read `table` first: every other part of the tracker holds on to its rows.

    table         packed arrays for the kernels, and a `Life` beside each row
    slots         numbers and room for what only some tracks have
    life          tentative → confirmed → coasting → ended
    twins         two tracks of one object
    resume        a track that comes back keeps its id
    classify      what it is: evidence, the site's prior, motion
    claims        what it says it is, held against what others see
    custody       which cell publishes it
"""
