"""From sound to `Scan`: what one microphone hears, and in `array` where it comes from.

    Block ─ear─▶ spectrum ─▶ comb, broad, net ─llr, fuse─▶ ratios of classes ─detector─▶ Scan

Read `detector` first (the stage: what a scan says and when it says it), then `ear`, then what it asks. One microphone:

    detector      the stage: blocks in, one scan per second of sound and microphone out, snapshot and restore
    ear           blocks of any rate, size and channel count to whole seconds, each measured
    spectrum      a second to power spectra, the floor under them, their levels
    comb          a harmonic comb and its fundamental through time, without training
    broad         the net that has heard what sounds are like: kinds of sound, every second
    bands         levels of a second in bands of equal ratio: what the other net sees
    net           the net that sees lines: kinds of sound, asked where something may fly
    families      kinds of sound by six families
    llr           what the comb says of classes
    fuse          what all of them say, added up over seconds, to ratios of classes
    still         for how long a comb has shown no motion

Several microphones at one place, whose samples are taken together:

    array/        directions; what is a drone is asked of `detector`, for the mean and for a beam towards each source

What is kept and shown, which no scan depends on:

    clip          sound around detections, cut out of a ring
    speech        the gate before a disk: which parts may hold speech
    sonogram      arrays for a picture of sound

`array` knows the single microphone's files; they do not know it (import-linter holds them to it).
"""
