"""One scan against all tracks: the hot path, all compiled.

Knows `models`, `intake`, `evidence` and `tracks`. Read `correct` first.

    correct       predict, gate, weigh, associate, correct, existence
    associate     which measurement came from which track: loopy belief propagation
    fix           measurements that are a place, by closed forms
"""
