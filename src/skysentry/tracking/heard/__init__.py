"""Tracks that only microphones hold: "heard" and "not heard" are no place, so their state is a cloud of particles.

Knows `filter`, `births` and what these know. Read `particles` first. Where sensors stand far apart, see `sparse`.

    particles     how a cloud moves, and what a look says of it
    cloud         which row has which cloud, how they start, how they are kept
    presence      one look of a microphone against all tracks, clouds or not
    chance        chance without a generator, the same on every run
"""
