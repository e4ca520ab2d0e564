"""A look that holds directions, ranges or places: corrects the tracks, teaches what is learned of sensors, founds."""

from __future__ import annotations

import numpy as np

from skysentry.events import Scan
from skysentry.site import SensorKind
from skysentry.tracking.births.founding import LEAST_FREE, found_all
from skysentry.tracking.births.seeds import Hit
from skysentry.tracking.evidence.groups import count_directions
from skysentry.tracking.evidence.ledger import column
from skysentry.tracking.filter.correct import HIT, correct_scan
from skysentry.tracking.hits import note_hit, note_hits, take_claim
from skysentry.tracking.intake.batch import Listener, Packed
from skysentry.tracking.models import measure as m
from skysentry.tracking.models.motion import Array
from skysentry.tracking.sky import SECOND_NS, Sky, pairs_room
from skysentry.tracking.tracks.table import Look, alone_until_ns, look_key

LEAST_SHARE = 1e-3
# What no track explains with more than this may be false (`rates`).
LOOSE = 0.5
# Room for `founding.found_all`.
ROOM: Array = np.empty((4, 3, 3))


def correct(sky: Sky, scan: Scan, own: Listener, packed: Packed, look: Array, since_s: float) -> None:
    """Correct, then found tracks with measurements that hold at least a direction."""
    table, found = sky.table, len(packed.kept)
    mapped = own.kind is SensorKind.RADAR and own.placed
    if mapped:
        sky.clutter.weigh(own.id, packed.codes, packed.rows, look)
    elif own.sound:
        sky.hearing.rates.weigh(own, packed.codes, packed.rows)
    # Of this look alone, whatever others needed before: what a flood leaves no room for must not depend on them.
    room = 8 * (table.n + found) + 64
    if room > sky.edge_i.shape[0]:
        sky.edge_i, sky.edge_j, sky.share, sky.hits = pairs_room(2 * room)
    edges = 0
    free = np.ones(found) if not table.n else np.empty(found)
    if table.n:
        of = sky.forks
        edges, hits = correct_scan(
            table.x, table.P, table.w, table.t, table.r, table.own, table.lines, table.n, look,
            packed.codes, packed.rows, packed.claims, sky.edge_i[:room], sky.edge_j, sky.share, sky.kept, free,
            table.masks, table.cloud, sky.hearing.records.counts, table.notes, column(own.kind, own.reports),
            table.calm, scan.time_ns, sky.hits, table.forks, of.x, of.P, of.w, of.ways, of.head, of.some, of.part,
            of.models, of.kept,
        )  # fmt: skip
        if hits:
            note_hits(sky, sky.hits[:hits], packed.kept, scan, own)
        if edges and scan.position is None and not sky.clocks.doubts(own.id):
            sky.registration.note(own, packed, look, table, (sky.edge_i, sky.edge_j, sky.share), edges)
        if own.sound:
            sky.hearing.note(own, look, since_s, table, sky.edge_i, sky.share[:edges], True)
    if own.sound:
        if sky.thin is not None:
            for i, detection, share in sky.thin.direct(table, own, packed, look, free):
                if share > HIT:
                    note_hit(sky, i, detection, share, scan, own)
        loose = packed.rows[free > LOOSE, m.Z].tolist()
        sky.hearing.rates.note(own, float(look[m.L_TIME]), loose)
    if sky.births is not None and own.id in sky.births.listeners:
        _direct(sky, own, packed, look, free, edges, since_s)
    if sky.area is not None:
        sky.area.mask(packed.codes, packed.rows, free)
    keys = look_key(scan.id)
    if mapped:
        sky.clutter.note(own.id, keys, float(look[m.L_TIME]), packed.codes, packed.rows, free)
    if found > 1 or (found and free[0] > LEAST_FREE):
        _found(sky, scan, own, packed, look, free, keys)


def _direct(sky: Sky, own: Listener, packed: Packed, look: Array, free: Array, edges: int, since_s: float) -> None:
    """Weigh the grid of undetected objects with directions, each against clutter and the tracks that explain it."""
    assert sky.births is not None
    _count(sky, packed, look, free, edges, since_s)
    directions, loose = [], []
    for j, detection in enumerate(packed.kept):
        row = packed.rows[j]
        if packed.codes[j] // 8 in (m.BEARING, m.AZ_EL):
            sigma = float(np.sqrt(row[m.R_TRIANGLE]))
            directions.append((row[m.Z], sigma, row[m.DENSITY] / max(free[j], LEAST_SHARE)))
            if free[j] > LEAST_FREE:
                loose.append(Hit(float(look[m.L_TIME]), own.id, float(row[m.Z]), sigma, detection.id))
    if directions or not packed.kept:
        bearings = np.array(directions).reshape(-1, 3)
        sky.births.heed(own, look, since_s, bearings, 1.0, loose)


def _count(sky: Sky, packed: Packed, look: Array, free: Array, edges: int, since_s: float) -> None:
    """Learn from directions how many objects tracks stand for."""
    table = sky.table
    if table.n:
        count_directions(
            table.lines, table.r, table.notes, table.n, look, packed.codes, packed.rows, free,
            sky.edge_i, sky.edge_j, sky.share, edges, since_s,
        )  # fmt: skip


def _found(sky: Sky, scan: Scan, own: Listener, packed: Packed, look: Array, free: Array, keys: int) -> None:
    """Start tracks, with keys from `keys` on, of what no track explains, as far as this sensor may."""
    table, kept = sky.table, packed.kept
    which, second = np.empty(len(kept), np.int64), scan.received_ns // SECOND_NS
    most = sky.budget.room(own, second, table)
    table.grow(min(len(kept), most))
    flooded = own.reports and sky.quarantine.flooded(own.id, scan.received_ns)
    one = Look(scan.id, scan.time_ns, own.id, own.period_s, own.reports, kept, flooded)
    wanted = found_all(
        packed.codes, packed.rows, free, which, most, look, sky.prior_alt_m, table.n,
        table.x, table.P, table.w, table.t, table.r, table.lines, table.own, table.evidence, table.told,
        table.notes, table.masks, table.cloud, table.forks, table.alone, table.calm, table.key, keys,
        alone_until_ns(scan.time_ns, own.period_s), ROOM,
    )  # fmt: skip
    if not wanted:
        return
    granted = min(wanted, most)
    sky.budget.spend(own, second, granted)
    if granted < wanted:
        reason = "more new objects than can be followed"
        sky.complaints.add(own.id, reason, "a flood of false reports?", wanted - granted)
    first = table.follow(one, granted)
    for i, j in enumerate(which[:granted].tolist(), first):
        detection = kept[j]
        if detection.class_llr:
            sky.classifier.hear(table.lives[i], table.evidence[i], detection, 1.0, own.id, scan.time_ns)
        if detection.identity is not None:
            take_claim(sky, i, table.lives[i], detection.identity)
    if sky.area is not None:
        for i, (e, n) in enumerate(packed.rows[which[:granted], m.CENTRE : m.CENTRE + 2].tolist(), first):
            if sky.area.depth_m(e, n) >= 0.0:
                table.lives[i].custody = sky.area.first(e, n, scan.received_ns)
