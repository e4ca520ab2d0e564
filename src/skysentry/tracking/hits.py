"""A look at a track: who saw it, when, what it says of class and identity."""

from __future__ import annotations

import numpy as np

from skysentry.events import Detection, Identity, Scan
from skysentry.site import SensorKind
from skysentry.tracking.intake import batch
from skysentry.tracking.intake.batch import Listener
from skysentry.tracking.models.motion import Indices
from skysentry.tracking.sky import SECOND_NS, Sky
from skysentry.tracking.tracks.table import Life

MOST_PENDING = 64
# A claim younger than this is borne out by another sensor's look at the same track.
AGREE_NS = 5 * SECOND_NS
# One microphone hears that something is there; a claim is borne out by the motion that more of them follow.
HEARING = 3


def refresh(sky: Sky, detection: Detection, scan: Scan, own: Listener) -> None:
    """A claim without a place keeps the track of that identity alive; it moves and founds none."""
    scheme, value = batch.claim_of(detection.identity)
    for i in np.flatnonzero(sky.table.own[: sky.table.n, scheme] == value):
        life = sky.table.lives[int(i)]
        sky.ask(int(i))
        life.saw(own.id, scan.time_ns)
        life.last_ns = max(life.last_ns, scan.time_ns)
        sky.table.alone[i] = life.alone_ns
        life.identity = detection.identity


def note_hits(sky: Sky, hits: Indices, kept: list[Detection], scan: Scan, own: Listener) -> None:
    """Note the hits of a look (as `correct_scan` has them): in the fewest words where a track is in order."""
    name, time_ns, period_s = own.id, scan.time_ns, own.period_s
    rows = sky.table.lives.made
    sky.news = True
    for i, j, pair, usual in hits.tolist():
        life, detection = rows[i], kept[j]
        if usual and name in life.sensors and len(life.pending) < MOST_PENDING:
            if detection.class_llr:
                share = sky.share.item(pair)
                sky.classifier.hear(life, sky.table.evidence[i], detection, share, name, time_ns)
            life.hits += 1
            life.last_ns = life.seen[name] = time_ns
            life.period_s = period_s
            life.pending.append(detection.id)
        else:
            note_hit(sky, i, detection, sky.share.item(pair), scan, own)


def note_hit(sky: Sky, i: int, detection: Detection, share: float, scan: Scan, own: Listener) -> None:
    """Note a look at a track: who, when, what it says of class and identity."""
    life, time_ns = sky.table.lives.rows[i], scan.time_ns
    if type(life) is not Life:
        life = sky.table.lives[i]
    sky.touched.add(i)
    sky.table.calm[i] = 0
    if detection.class_llr:
        sky.classifier.hear(life, sky.table.evidence[i], detection, share, own.id, time_ns)
    life.hits += 1
    sky.table.alone[i] = life.alone_ns
    # A radio that reads a name out of the air hears the same claim again: it bears out nothing.
    if own.reports or detection.identity is not None:
        life.claim_ns = max(life.claim_ns, time_ns)
    else:
        if life.claim_ns > time_ns - AGREE_NS and (own.kind is not SensorKind.MICROPHONE or _many_hear(life)):
            _agree(sky, i, life, time_ns)
        if life.claimed:
            sky.table.bear_out(life)
    if time_ns > life.last_ns:
        life.last_ns = time_ns
    if time_ns > life.seen.get(own.id, time_ns) and own.id in life.sensors:
        # As `saw` has it: nearly always.
        life.seen[own.id] = time_ns
    else:
        life.saw(own.id, time_ns)
    life.period_s = own.period_s
    if len(life.pending) < MOST_PENDING:
        life.pending.append(detection.id)
    if detection.identity is not None and detection.identity != life.identity:
        take_claim(sky, i, life, detection.identity)


def _agree(sky: Sky, i: int, life: Life, time_ns: int) -> None:
    """Another sensor than those of claims has seen what claimed to be there just now."""
    since_ns = 0 if life.agreed_ns == 0 else time_ns - life.agreed_ns
    life.agreed_ns = max(life.agreed_ns, time_ns)
    before_s = life.agreed_s
    if not life.doubt:
        life.agreed_s += min(max(since_ns, 0), AGREE_NS) / SECOND_NS
    sky.classifier.trust(sky.table.evidence[i], life.identity, before_s, life.agreed_s)


def take_claim(sky: Sky, i: int, life: Life, identity: Identity) -> None:
    """Let a track have an identity, unless it has another of that scheme."""
    scheme, value = batch.claim_of(identity)
    if sky.table.own[i, scheme] in (0, value):
        sky.table.own[i, scheme] = value
        life.identity = identity


def _many_hear(life: Life) -> bool:
    """Return whether enough microphones hear a track that their pattern is a motion of its own."""
    return len(life.seen) > HEARING
