"""From `Scan` to `Track`: one track of every object, whatever sensors say of it.

Read `tracker` (the stage: it cuts time at the grid), then `fusion` (one scan's way, and what a grid instant asks), then
the folder you need: each names its first file. The files here are that way, step by step:

    tracker       the stage: scans in, tracks out, snapshot and restore
    fusion        the tracks of one working frame: takes scans one by one, reports at grid instants
    sky           what is known of that frame: the state, put together from the folders
    looks         a look that holds directions, ranges or places
    audible       a look that says only "heard" or "not heard"
    hits          whom a look was about: who saw which track, when, what it says of class and identity
    tend          once a second: who lives on, what fades, what begins
    whole_second  its compiled part, in one call
    tell          at a grid instant: which tracks are due, how they stand, which end
    kernels       compiles everything into the cache

The folders, in the order in which they build on each other:

    models/       how things move, what a sensor measures of them, and where it can
    intake/       what comes in: which looks are taken, and their numbers as rows
    evidence/     what looks say of a track besides where it is: that it exists, is loud, is several, is masked
    tracks/       what is kept of a track: its row, its life, its class, what it claims, whose it is
    filter/       one scan against all tracks: predict, gate, associate, correct
    births/       where new tracks begin
    heard/        tracks that only microphones hold: clouds of particles
    sparse/       tracks where sensors stand far apart: paths through the last minutes
    learned/      what sensors turn out to be: headings, clocks, clutter, reaches
    telling/      tracks as events: numbers, words, and when
    cells/        one sky divided among several trackers; above all, the files here too

A folder knows those before it only; `filter` and `births` do not know each other, nor do `sparse`, `learned` and
`telling` (import-linter holds them to it).
"""
