"""Claims that come too many: a lane beside the tracker, counted and shown, never let in and never dropped unseen.

A report of Remote ID, ADS-B or another system names who it speaks of. Making such a name costs an attacker nothing, so
names are rationed before they cost the tracker anything:

    a name that was let in before       passes, at most `REPEATS_PER_S` a second from one receiver
    a new name                          passes while its transmitter has told fewer than `NAMES_PER_TRANSMITTER` in
                                        `MEMORY_S`, and its receiver fewer than `NEW_PER_S` in the second that runs
    an authorised flight's name         always counts as let in before
    anything else                       is quarantined: counted per receiver, the last ones kept as samples, told as
                                        `Health` with the transmitters that do it

What receivers find odd in a claim's physics (features `doubt_` and a check's name, `sensing.remote_id.trust`) is kept
with its name for `DOUBT_S`, and so is that one name comes from more than `RADIOS_PER_NAME` addresses or one address
gives as many names as it may: `doubted` says it in words, for `Track.doubt`.

While a receiver is flooded, tracks that only its claims support stay tentative (`flooded`): people see them, and nobody
is woken by them, until another kind of sensor bears them out.
"""

from __future__ import annotations

from msgspec import Struct
from msgspec.structs import replace

from skysentry.events import Detection, Health, HealthState, Position, Scan, health
from skysentry.tracking.intake.batch import Listener, claim_of

SECOND_NS = 1_000_000_000
# New names that one receiver may bring in a second: a thousand drones within five seconds of switching it on.
NEW_PER_S = 200
# Reports of one name in a second from one receiver: Remote ID tells 1 to 4 a second on each of three radios, ADS-B 5.
REPEATS_PER_S = 20
# Names of one radio address while it is remembered: a drone has its serial, a registration and a session's; a bridge
# that relays others sets no transmitter, or is the receiver itself.
NAMES_PER_TRANSMITTER = 4
MEMORY_S = 60
# What is remembered at most: names let in (all tracks of claims, twice), and transmitters.
MOST_NAMES, MOST_TRANSMITTERS = 8_000, 8_000
# Samples kept of each receiver, and told in one sentence.
SAMPLES, TOLD = 32, 3
# A claim that was odd stays in doubt for this long after it was last found so: longer than between two of its places.
DOUBT_S = 15
# One aircraft has up to three radios of its own (Wi-Fi, Bluetooth 4 and 5), and one may have changed its address.
RADIOS_PER_NAME = 4
ODD = {
    "jump": "it jumps further than anything flies",
    "speed": "its places do not fit the speed it tells",
    "stamp": "its clock is wrong or runs back, as in a recording sent again",
    "counter": "two senders count under one address",
    "power": "it is louder than it could be from where it says to be",
    "slope": "its power does not change with the range it tells",
    "reach": "it says to be further away than can be heard",
    "operator": "its operator says to be further away than a control link reaches",
    "names": "it changes its name",
    "radio": "its radio tells other names too",
}
# A receiver is flooded, and stays so for FLOOD_S, once it had to quarantine this many in each of so many seconds in a
# row: a thousand drones are all let in after five.
FLOOD_PER_S, FLOOD_RUN_S, FLOOD_S = 50, 6, 10
# Told once in this time while it lasts, and at once when it begins.
QUIET_NS = 10 * SECOND_NS
# After so long without any it is told that it is over.
CALM_NS = 60 * SECOND_NS
MOST_LANES = 1_000


class Sample(Struct, array_like=True):
    """One quarantined claim, for people to look at."""

    time_ns: int
    detection: str
    scheme: str
    value: str
    transmitter: str
    lat_deg: float | None
    lon_deg: float | None


class Lane(Struct):
    """The quarantine of one receiver: totals, the count of the second that runs, and the last samples."""

    total: int = 0
    second: int = 0
    new: int = 0
    held: int = 0
    run: int = 0
    flood_until_s: int = 0
    told_ns: int = -QUIET_NS
    told_total: int = 0
    calm: bool = True
    transmitters: dict[str, int] = {}
    samples: list[Sample] = []


class Quarantine(Struct):
    """All that is remembered of names. `names`: (second last let in, reports in it); `radios`: their new names."""

    names: dict[int, tuple[int, int]] = {}
    radios: dict[str, tuple[int, int]] = {}
    lanes: dict[str, Lane] = {}
    # By name: until which second it is in doubt and why; and the addresses that told it since a second.
    odd: dict[int, tuple[int, str]] = {}
    tellers: dict[int, tuple[int, list[str]]] = {}

    def admit(self, scan: Scan, own: Listener, authorised: frozenset[str]) -> Scan | None:
        """Return the scan without what must wait outside; `None` where nothing is left of it."""
        second = scan.received_ns // SECOND_NS
        kept = [found for found in scan.detections if self._passes(found, second, scan, own, authorised)]
        if len(kept) == len(scan.detections):
            return scan
        return replace(scan, detections=tuple(kept)) if kept else None

    def _passes(self, found: Detection, second: int, scan: Scan, own: Listener, authorised: frozenset[str]) -> bool:
        claim = found.identity
        if claim is None:
            return True
        _, name = claim_of(claim)
        last = self.names.get(name)
        if last is None and claim.value not in authorised and not self._lets_in(claim.transmitter, second, own.id):
            self._hold(found, second, scan, own.id)
            return False
        count = last[1] + 1 if last is not None and last[0] == second else 1
        if count > REPEATS_PER_S:
            self._hold(found, second, scan, own.id)
            return False
        if last is not None and last[0] != second:
            del self.names[name]
        elif last is None and len(self.names) >= MOST_NAMES:
            del self.names[next(iter(self.names))]
        self.names[name] = (second, count)
        words = self._odd(found, name, second)
        if words or name in self.odd:
            self._doubt(name, second, words)
        return True

    def _odd(self, found: Detection, name: int, second: int) -> str:
        """Return what is odd about a claim, in words; empty where nothing is."""
        told = [(value, key[6:]) for key, value in found.features if key.startswith("doubt_")]
        if told:
            return ODD.get(max(told)[1], "it does not fit together")
        claim = found.identity
        if claim is None or not claim.transmitter:
            return ""
        since, tellers = self.tellers.pop(name, (second, []))
        if second - since > MEMORY_S:
            since, tellers = second, []
        if claim.transmitter not in tellers and len(tellers) <= RADIOS_PER_NAME:
            tellers.append(claim.transmitter)
        if len(self.tellers) >= MOST_NAMES:
            del self.tellers[next(iter(self.tellers))]
        self.tellers[name] = (since, tellers)
        if len(tellers) > RADIOS_PER_NAME:
            return f"more than {RADIOS_PER_NAME} transmitters tell the same name"
        since, names = self.radios.get(claim.transmitter, (0, 0))
        if names >= NAMES_PER_TRANSMITTER and second - since <= MEMORY_S:
            return f"its transmitter tells {names} names or more"
        return ""

    def _doubt(self, name: int, second: int, words: str) -> None:
        until, _ = self.odd.get(name, (0, ""))
        if words:
            self.odd.pop(name, None)
            if len(self.odd) >= MOST_NAMES:
                del self.odd[next(iter(self.odd))]
            self.odd[name] = (second + DOUBT_S, words)
        elif second > until:
            del self.odd[name]

    def doubted(self, name: int, now_ns: int) -> str:
        """Return what is odd about a name's claims, in words; empty where nothing is, or was long ago."""
        until, words = self.odd.get(name, (0, ""))
        return words if now_ns <= until * SECOND_NS else ""

    def _lets_in(self, transmitter: str | None, second: int, receiver: str) -> bool:
        """Return whether one more new name may pass, and count it."""
        lane = self._lane(receiver, second)
        radio, names = transmitter or "", 0
        if radio:
            since, names = self.radios.get(radio, (second, 0))
            if second - since > MEMORY_S:
                since, names = second, 0
            if names >= NAMES_PER_TRANSMITTER:
                return False
        if lane.new >= NEW_PER_S:
            return False
        lane.new += 1
        if radio:
            if radio not in self.radios and len(self.radios) >= MOST_TRANSMITTERS:
                del self.radios[next(iter(self.radios))]
            self.radios[radio] = (since, names + 1)
        return True

    def _lane(self, receiver: str, second: int) -> Lane:
        lane = self.lanes.get(receiver)
        if lane is None:
            if len(self.lanes) >= MOST_LANES:
                del self.lanes[next(iter(self.lanes))]
            lane = self.lanes[receiver] = Lane()
        if lane.second != second:
            lane.run = lane.run + 1 if lane.held >= FLOOD_PER_S and second == lane.second + 1 else 0
            lane.second, lane.new, lane.held = second, 0, 0
        return lane

    def _hold(self, found: Detection, second: int, scan: Scan, receiver: str) -> None:
        """Count a claim that must wait outside, and keep it as a sample: the last of each `SAMPLES`."""
        lane = self._lane(receiver, second)
        lane.total += 1
        lane.held += 1
        if lane.held >= FLOOD_PER_S and lane.run >= FLOOD_RUN_S - 1:
            lane.flood_until_s = second + FLOOD_S
        claim, at = found.identity, found.measurement
        assert claim is not None
        radio = claim.transmitter or ""
        if radio in lane.transmitters or len(lane.transmitters) < SAMPLES:
            lane.transmitters[radio] = lane.transmitters.get(radio, 0) + 1
        # Every sample is overwritten in turn: what is shown is what came last.
        if lane.held > SAMPLES and lane.held % SAMPLES:
            return
        place = (at.lat_deg, at.lon_deg) if isinstance(at, Position) else (None, None)
        lane.samples.append(Sample(scan.time_ns, found.id, claim.scheme, claim.value[:60], radio[:40], *place))
        del lane.samples[:-SAMPLES]

    def flooded(self, receiver: str, now_ns: int) -> bool:
        """Return whether a receiver is under a flood of claims now, or was a moment ago."""
        lane = self.lanes.get(receiver)
        return lane is not None and now_ns < lane.flood_until_s * SECOND_NS

    def tell(self, now_ns: int) -> list[Health]:
        """Return what is due of each receiver whose claims were quarantined."""
        told = []
        for receiver, lane in sorted(self.lanes.items()):
            quiet_ns = now_ns - lane.told_ns
            if lane.total == lane.told_total:
                if not lane.calm and quiet_ns >= CALM_NS:
                    lane.calm = True
                    told.append(_over(receiver, lane, now_ns))
                continue
            if quiet_ns < QUIET_NS:
                continue
            lane.calm = False
            told.append(_said(receiver, lane, now_ns))
            lane.told_ns, lane.told_total = now_ns, lane.total
            lane.transmitters.clear()
        return told


def _said(receiver: str, lane: Lane, now_ns: int) -> Health:
    """Return the state of one quarantine in words and counts, the busiest transmitters and the last claims by name."""
    new = lane.total - lane.told_total
    busiest = sorted(lane.transmitters.items(), key=lambda one: (-one[1], one[0]))
    by = [f"{_clean(radio) or 'no address'} ({count})" for radio, count in busiest[:TOLD]]
    last = [_clean(sample.value) for sample in lane.samples[-TOLD:]]
    reason = f"{new} claims quarantined, {lane.total} in all: more names than drones; from {', '.join(by)}"
    return health(
        receiver,
        now_ns,
        HealthState.DEGRADED,
        f"{reason}; the last say they are {', '.join(last)}",
        "a flood of false identities? look for the transmitter; what other sensors see is not affected",
        (("quarantined", lane.total), *((f"from {_clean(radio) or 'no address'}", n) for radio, n in busiest)),
        part="quarantine",
    )


def _over(receiver: str, lane: Lane, now_ns: int) -> Health:
    reason = f"no claim quarantined for a minute, {lane.total} in all"
    return health(receiver, now_ns, HealthState.OK, reason, "", (("quarantined", lane.total),), part="quarantine")


def _clean(text: str) -> str:
    """Text that came over the air, printable."""
    return "".join([c if c.isprintable() else "?" for c in text])
