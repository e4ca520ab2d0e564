"""How things move, what a sensor measures of them, and where it can: the mathematics of one object and one look.

Knows nothing else of `tracking`. Read `motion` first (state, models, Kalman letters), then `measure`.

    motion        five models that interact: predict, mix, moments
    measure       what a measurement says of a state, at the time of emission; the columns of rows and looks
    coverage      probability of detection over the edge of what a sensor covers
    first_state   what one detection alone says of a new object
    outline       the coarse gate: one short row a track
"""
