"""Which sensors are not what they are declared to be, in words: "I am blind here".

Three kinds, told by `Faults`, which waits, limits the rate and takes back: `reach` by direction, `false rate`, and
`sight`, the record of a sensor of light. A sensor that was named must come back by a quarter before it is absolved, so
that one at a limit does not chatter. A reach that the wind alone explains is no fault, but people want to know it.
"""

from __future__ import annotations

import math

import numpy as np

from skysentry.tracking.evidence.masks import Records
from skysentry.tracking.learned.acuity import Acuity
from skysentry.tracking.learned.faults import Faults
from skysentry.tracking.learned.rates import Rates
from skysentry.tracking.learned.reaches import Network
from skysentry.tracking.models.measure import L_MAX
from skysentry.tracking.models.motion import Array

WINDS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")
# Reach below and above which a sensor is named, and how surely, in sigmas; false hits over the declared, and how many
# must have been counted; the share of the declared Pd that is left; by how much one that was named must come back.
SHORT, FAR, SURELY = 0.5, 1.5, 2.0
NOISY, LEAST_FALSE = 5.0, 5.0
BLIND = 0.5
BACK = 1.25
# From this log of their factor on all microphones are named: below it tells nobody to change a file.
ALL = 0.15


def judge(faults: Faults, networks: list[Network], acuity: Acuity, rates: Rates, records: Records) -> None:
    """Blame and clear sensors by what was learned of them."""
    for network in networks:
        if not network.names:
            continue
        sigma = np.sqrt(network.shown[..., 1])
        for name, own, mean, unsure in zip(network.names, network.listeners, network.shown[..., 0], sigma, strict=True):
            _reach(faults, name, float(own.look[L_MAX]), mean, unsure)
    _all(faults, acuity)
    ratio, counted = _overs(rates)
    for name, times, hits in zip(rates.names, ratio, counted, strict=True):
        bad = hits > LEAST_FALSE and times > NOISY / (BACK if _named(faults, name, "false rate") else 1.0)
        words = f"reports {times:.0f} times as much that is not there as declared"
        _say(faults, name, "false rate", times if bad else 0.0, words, "find what makes noise, or set false_per_scan")
    for name, share in zip(records.names, records.shares(), strict=True):
        if share >= BLIND and not faults.found:
            continue
        bad = share < BLIND * (BACK if _named(faults, name, "sight") else 1.0)
        words = f"sees {100.0 * share:.0f} % of what it should of objects that others see"
        _say(faults, name, "sight", share if bad else 0.0, words, "look at the sensor, or set its pd and coverage")


def _all(faults: Faults, acuity: Acuity) -> None:
    """Judge how far and how surely all microphones hear."""
    for kind, log, words, mend in (
        ("reach of microphones", acuity.reach, "times as far as declared", "set coverage.max_m"),
        ("pd of microphones", acuity.pd, "times as much of what is near as declared", "set pd"),
    ):
        bad = abs(log) > ALL / (BACK if _named(faults, "tracker", kind) else 1.0)
        times = math.exp(log)
        _say(faults, "tracker", kind, times if bad else 0.0, f"all microphones hear {times:.1f} {words}", mend)


def _overs(rates: Rates) -> tuple[list[float], list[float]]:
    """Return false hits over the declared, and how many were counted, of each sensor of sound, if there is one."""
    if not rates.names:
        return [], []
    return (rates.rates() / rates.declared).tolist(), rates.counts.sum(axis=1).tolist()


def _reach(faults: Faults, name: str, declared_m: float, mean: Array, sigma: Array) -> None:
    """Judge a reach by octants: `mean` and `sigma` of the log of the factor [shape=(OCTANTS,)]."""
    named = _named(faults, name, "reach")
    slack, relief = (0.0, math.log(BACK)) if named else (SURELY, 0.0)
    short = np.flatnonzero(mean + slack * sigma < math.log(SHORT) + relief)
    far = np.flatnonzero(mean - slack * sigma > math.log(FAR) - relief)
    which = short if short.size >= far.size else far
    if not which.size:
        faults.clear(name, "reach")
        return
    worst = int(which[np.argmax(np.abs(mean[which]))])
    factor = math.exp(float(mean[worst]))
    where = "all round" if which.size == len(WINDS) else f"in the {WINDS[worst]}"
    words = f"hears to about {declared_m * factor:,.0f} m of the declared {declared_m:,.0f} m {where}"
    faults.blame(name, "reach", factor, words, "set coverage.max_m, or look at the microphone")


def _named(faults: Faults, name: str, kind: str) -> bool:
    return f"{kind}:{name}" in faults.found


def _say(faults: Faults, name: str, kind: str, size: float, words: str, mend: str) -> None:
    if size > 0.0:
        faults.blame(name, kind, size, words, mend)
    else:
        faults.clear(name, kind)
