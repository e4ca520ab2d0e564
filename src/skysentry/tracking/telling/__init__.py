"""Tracks as events: what is told of them, in which numbers and words, and of which nothing new is to be told.

Knows `tracks` and what these know. Read `publish` first.

    publish       a track as an event
    show          from the working frame to what is published: place, covariance, classes
    strength      the number of objects as it is told
    explain       one sentence of why a track is
    calm          tracks in order, which Python need not be asked of
"""
