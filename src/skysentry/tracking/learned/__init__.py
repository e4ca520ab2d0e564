"""What sensors turn out to be, found out while they run.

Knows `heard`, for clouds tell of reaches, and what that knows. One subject a file, in any order; `faults` is where
findings are told.

    registration, align      where a sensor really points
    clocks                   whether its clock is right
    clutter                  where a radar sees what is not there
    rates                    how often sensors of sound hear what is not there
    hearing                  the networks of `reaches` (how far each hears) and `acuity` (how far all of them do)
    ailing                   which of them are blind, in words
    faults                   told as `Health`: when it is named, changes, heals
"""
