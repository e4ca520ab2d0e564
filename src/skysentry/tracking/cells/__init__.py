"""One sky divided among several trackers, on one machine or many.

Knows the whole tracker, which knows of this the type `Area` only. Read `lattice` first, then `tracks.custody`.

    lattice       the ground in square cells: which looks a cell takes, what it may begin
    handover      what cells tell each other: whole tracks, and whose they are
    divided       the stage of one cell, and a driver that runs all of them on one machine
"""
