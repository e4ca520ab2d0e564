"""One scan against all tracks: the hot path, all compiled.

Knows `models`, `intake`, `evidence` and `tracks`. Read `correct` first.

    correct       predict, gate, weigh, associate, correct, existence
    update        one track and its measurements: what its models say of them, all corrected at once
    forks         what sound alone follows: which models it was in lately, kept apart for a while
    associate     which measurement came from which track: loopy belief propagation
    fix           measurements that are a place, by closed forms
"""
