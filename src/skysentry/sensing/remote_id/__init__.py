"""What drones say of themselves by law: packets of Remote ID to scans. Every claim is evidence, none is truth.

Read `receiver` first. `rf` weighs what DroneID claims with `place`, `sender` and `trust` too.

    receiver      the stage: who is known, what each packet adds, scans
    read          packets of each kind of link to a sender and its messages
    sender        what one transmitter has said of itself, put together from its frames
    place         a claim of a place to a measurement; what is a copy of what was said before
    trust         how likely what it says is true: plain physics, in nats
    radio         one radio that tells several names
    health        what a sensor brought, and what of it was damaged or odd
"""
