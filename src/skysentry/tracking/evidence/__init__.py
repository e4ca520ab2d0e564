"""What looks say of a track besides where it is, as numbers that fade.

Knows `models` and `intake`. Read `ledger` first: the columns that the others write into.

    ledger        for and against a track, in nats, by kind of sensor; `remembered` keeps its words
    masks         sensors of light that miss a track which others see
    loudness      tracks that are heard from further than reaches are declared for
    groups        how many objects a track stands for
    repeats       how much of what a sensor says of class is new
"""
