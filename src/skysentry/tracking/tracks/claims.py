"""What tracks say they are, held against what others see: claims in doubt, and things that say nothing.

Once a second each shown track is reviewed:

    in doubt     what it claims to be does not fit its class (P below `FITS` over the classes that carry such a claim);
                 sensors that should sense it do not (`UNSEEN_NATS` against, nothing for it); the same name is told
                 from two places further apart than both places' uncertainty; or its receivers find it odd, or too
                 many addresses tell it, or its address too many names (`quarantine`)
    silent       it tells nothing although receivers that live (a look within `LIVES_S`) reach its place: named with the
                 site's prior of who is equipped. Where no receiver reaches, nothing is said of it.

A claim in doubt lowers no threat: its time of agreement starts anew. Aircraft with a crew that send no ADS-B where it
would be heard become unlikelier by that prior, as slowly as other evidence fades.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from skysentry.events import ObjectClass
from skysentry.site import SensorKind, Site
from skysentry.tracking.evidence.ledger import BALANCES, CODED, FOR, KINDS, WORDS, nats_tenths, rounded
from skysentry.tracking.intake.batch import Listener, claim_of
from skysentry.tracking.intake.quarantine import Quarantine
from skysentry.tracking.models.coverage import detectable
from skysentry.tracking.models.measure import L_MAX, L_ORIGIN, L_PD
from skysentry.tracking.models.motion import Indices
from skysentry.tracking.models.outline import O_MEAN, O_ONE, O_TIME
from skysentry.tracking.tracks.classify import FADE_S, INDEX
from skysentry.tracking.tracks.table import Life, Table

SECOND_NS = 1_000_000_000
C = ObjectClass
# What carries such a claim. A transponder may sit in a large drone; a jet with Remote ID is none.
DRONES = (C.MULTIROTOR, C.FIXED_WING_ELECTRIC, C.FIXED_WING_PISTON, C.HELICOPTER, C.OTHER)
AIRCRAFT = (C.AEROPLANE, C.HELICOPTER, C.JET, C.FIXED_WING_PISTON, C.BALLOON, C.OTHER)
CREWED = [INDEX[C.AEROPLANE.value], INDEX[C.HELICOPTER.value]]
# A claim whose classes are less likely than this together does not fit.
FITS = 0.2
# Misses that speak against a claim: twenty to one, with less than one nat for it from the same sensors.
UNSEEN_NATS, SEEN_NATS = 3.0, 1.0
# One name at two places: a relay or a delayed report is hundreds of metres off at most.
APART_M = 500.0
# A receiver that has sent nothing for this long may be dead, and its silence says nothing.
LIVES_S = 60.0
# Reach is asked again after this: at 50 m/s a tenth of a receiver's reach.
REACH_S = 5
# The share of a receiver's own probability of detection that counts as reached.
REACHED = 0.5
SPOKEN = {
    SensorKind.REMOTE_ID: ("Remote ID", "drones"),
    SensorKind.ADSB: ("ADS-B", "aircraft"),
    SensorKind.RF: ("radio", "drones"),
}
SPEAKING = frozenset(WORDS.index(word) for word in ("radio", "claims"))
NAMED = 2


class Claims:
    """Reviews the tracks of one site."""

    def __init__(self, site: Site, known: Mapping[str, Listener]) -> None:
        placed = [own for own in known.values() if own.placed]
        self.receivers = [own for own in placed if own.kind in SPOKEN]
        self.watchers = [own for own in placed if own.kind in (SensorKind.RADAR, SensorKind.CAMERA)]
        equipped = site.equipped
        self.shares = {
            SensorKind.REMOTE_ID: equipped.remote_id,
            SensorKind.ADSB: equipped.adsb,
            SensorKind.RF: equipped.radio,
        }
        missing = 0.0 if site.civil_airspace_closed else math.log(max(1.0 - equipped.adsb, 1e-3))
        self.uncrewed_nats = missing * -math.expm1(-REACH_S / FADE_S)

    def review(
        self, now_ns: int, now_s: float, table: Table, grown: Mapping[int, Life], which: Indices,
        changed: Indices, looked: Mapping[str, int], quarantine: Quarantine,
    ) -> None:  # fmt: skip
        """Bring what is told of the claim, silence and support of each shown track in `which` up to date.

        `grown` are those that are not in order. The others claim nothing: only their support changes, of those in
        `changed`, and, where there are receivers, their silence.
        """
        asks = round(now_s) % REACH_S == 0
        if changed.shape[0]:
            _support(table, changed)
        if self.receivers:
            shown = _to_ask(table, grown, which, asks)
        else:
            shown = [(i, life) for i, life in grown.items() if life.track_id]
        if not shown:
            return
        apart = self._told_twice(now_s, table, shown)
        tenths = rounded(table.notes, np.array([i for i, _ in shown], np.int64))
        for (i, life), said in zip(shown, tenths, strict=True):
            if life.quarantined:
                life.quarantined = life.claimed and any(quarantine.flooded(name, now_ns) for name in life.seen)
            if life.identity is not None:
                life.silence = ""
                life.doubt = (
                    apart.get(i)
                    or misfit(life)
                    or quarantine.doubted(claim_of(life.identity)[1], now_ns)
                    or self._unseen(now_ns, now_s, table, i, life, said, looked)
                )
                if life.doubt:
                    life.agreed_s = 0.0
            else:
                life.doubt = ""
                if self.receivers and (asks or not life.silence):
                    life.silence = self._silence(now_ns, now_s, table, i, looked)
            life.tail = _tail(life, said) if life.doubt or life.quarantined else BALANCES[said]

    def _told_twice(self, now_s: float, table: Table, shown: list[tuple[int, Life]]) -> dict[int, str]:
        """Return a doubt for each row whose name another row has too, far away."""
        rows: dict[tuple[int, int], list[int]] = {}
        for i, life in shown:
            if life.identity is not None:
                rows.setdefault(claim_of(life.identity), []).append(i)
        doubts: dict[int, str] = {}
        for same in rows.values():
            if len(same) < 2:
                continue
            at = [_place(table, i, now_s) for i in same]
            for k, i in enumerate(same):
                gap_m = max(math.dist(at[k][:2], other[:2]) for other in at)
                if gap_m > APART_M + 3.0 * sum(sorted([place[3] for place in at])[-2:]):
                    doubts[i] = f"the same name is told {gap_m / 1000.0:.1f} km away"
        return doubts

    def _unseen(
        self, now_ns: int, now_s: float, table: Table, i: int, life: Life, said_by: bytes,
        looked: Mapping[str, int],
    ) -> str:  # fmt: skip
        """Return who should sense what a claim alone says is there, and does not."""
        if not life.claimed:
            return ""
        tenths, told = nats_tenths(said_by), [k for k in range(KINDS) if k not in SPEAKING]
        against = -sum([tenths[KINDS + k] for k in told]) / 10.0
        if against < UNSEEN_NATS or sum([tenths[k] for k in told]) > 10.0 * SEEN_NATS:
            return ""
        names = [own.id for own in self._reaching(self.watchers, now_ns, _place(table, i, now_s), looked)]
        if not 0 < len(names) <= NAMED:
            names = [WORDS[k] for k in told if -tenths[KINDS + k] >= 5]
        return f"{' and '.join(names)} should sense it and {'does' if len(names) == 1 else 'do'} not"

    def _silence(self, now_ns: int, now_s: float, table: Table, i: int, looked: Mapping[str, int]) -> str:
        """Return what a track could tell where it is and does not; an aircraft would, by the site's prior."""
        near = self._reaching(self.receivers, now_ns, _place(table, i, now_s), looked)
        kinds = {own.kind for own in near}
        if table.notes[i, FOR + WORDS.index("radio")] > SEEN_NATS:
            kinds.discard(SensorKind.RF)
        if SensorKind.ADSB in kinds:
            table.evidence[i, CREWED] += self.uncrewed_nats
        words = [
            f"no {word} ({self.shares[kind]:.0%} of {of} here send it)"
            for kind, (word, of) in SPOKEN.items()
            if kind in kinds
        ]
        return ", ".join(words)

    def _reaching(
        self, sensors: list[Listener], now_ns: int, at: tuple[float, float, float, float], looked: Mapping[str, int]
    ) -> list[Listener]:  # fmt: skip
        """Return the sensors that live and cover a place."""
        oldest_ns = now_ns - round(LIVES_S * SECOND_NS)
        out = []
        for own in sensors:
            look = own.look
            if looked.get(own.id, 0) < oldest_ns or abs(look[L_ORIGIN] - at[0]) > look[L_MAX] + at[3]:
                continue
            if detectable(look, at[0], at[1], at[2], at[3]) > REACHED * look[L_PD]:
                out.append(own)
        return out


def _to_ask(table: Table, grown: Mapping[int, Life], which: Indices, asks: bool) -> list[tuple[int, Life]]:
    """Return the shown tracks that may say anything new, where receivers would hear them."""
    lives = table.lives.made
    pairs = [(i, lives[i]) for i in which.tolist()]
    return [(i, life) for i, life in pairs if life.track_id and (asks or i in grown or not life.silence)]


def _support(table: Table, changed: Indices) -> None:
    """Bring what is told for and against the tracks in order `changed` up to date."""
    lives = table.lives.made
    for i, (said_by,) in zip(changed.tolist(), CODED.iter_unpack(table.said[changed].data), strict=True):
        lives[i].tail = BALANCES[said_by]


def misfit(life: Life) -> str:
    """Return why what a track claims to be is not what it seems to be; empty where it may."""
    if life.identity is None or not life.classes:
        return ""
    aircraft = life.identity.scheme == "icao24"
    fitting = AIRCRAFT if aircraft else DRONES
    if life.identity.scheme == "local" or sum([p for kind, p in life.classes if kind in fitting]) >= FITS:
        return ""
    kind, p = life.classes[0]
    return f"it says {'aircraft' if aircraft else 'drone'}, it seems {kind.replace('_', ' ')} ({p:.2f})"


def _place(table: Table, i: int, now_s: float) -> tuple[float, float, float, float]:
    """Return a track's place now and one sigma of it on an axis when it was last seen."""
    line = table.lines[i]
    lead = now_s - float(line[O_TIME])
    e, n, u = (float(line[O_MEAN + a] + lead * line[O_MEAN + 3 + a]) for a in range(3))
    return e, n, u, math.sqrt(max(float(line[O_ONE]), 0.0) / 3.0)


def _tail(life: Life, said_by: bytes) -> str:
    """Return the end of the sentence: quarantine, doubt, and the balance of evidence."""
    told = BALANCES[said_by]
    parts = ["quarantined: one of a flood of claims"] if life.quarantined else []
    if life.doubt:
        parts.append(f"in doubt: {life.doubt}")
    if told:
        parts.append(told)
    return "; ".join(parts)
