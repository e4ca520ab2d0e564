"""Directions of sound: several microphones at known places, whose samples are taken together.

Knows the detector of one microphone, which says of the mean and of each beam what is a drone. Read `detector` first
(the stage), then `one_array` (a second's way through the files), then `sources`.

    detector      the stage: blocks of all arrays in, scans with directions out, snapshot and restore
    one_array     one array: each second its sources, a beam towards each, the scan that follows
    ear           blocks to whole seconds of all microphones; which of them can be used
    field         spectra of a second at all microphones, the noise they share, steering
    sources       what sounds around the array: found, followed, dropped
    source        one thing that sounds, from second to second
    fit           its slowness in one second, by maximum likelihood
    sky_map       where something new sounds from: the power from every direction
    geometry      where the microphones are, and what a slowness says of a direction
    beam          the sound from one direction
    steady        a machine of the place, told from a drone that stays
"""
