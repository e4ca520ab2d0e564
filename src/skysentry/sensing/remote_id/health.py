"""How each Remote ID sensor does: what it brought, what of it was damaged or odd, told as `Health`."""

from __future__ import annotations

from msgspec import Struct

from skysentry.events import Health, HealthState, health

# Of the packets since the last telling. Weak but usable signals lose one in ten.
DEGRADED_SHARE = 0.2


class Counts(Struct, kw_only=True):
    """What one sensor brought since the start, and when its next `Health` is due."""

    packets: int = 0
    messages: int = 0
    bad_checksum: int = 0
    damaged: int = 0
    no_place: int = 0
    several_ids: int = 0
    jumps: int = 0
    evicted: int = 0
    signed: int = 0
    told_ns: int | None = None
    due_ns: int | None = None
    # What was last told: trouble, packets, and whether that was bad.
    told: tuple[int, int] = (0, 0)
    told_packets: int = 0
    degraded: bool = False
    last_time_ns: int = -1
    same_time: int = 0


def trouble(counts: Counts) -> tuple[int, int]:
    """Return what a person should hear of: damage, and what does not fit together."""
    return counts.bad_checksum + counts.damaged, counts.several_ids + counts.jumps + counts.evicted


def health_of(sensor: str, time_ns: int, counts: Counts) -> Health:
    """Return the health of a sensor and note that it was told."""
    bad, doubtful = trouble(counts)
    new_bad, new_packets = bad - counts.told[0], counts.packets - counts.told_packets
    degraded = new_bad > DEGRADED_SHARE * new_packets
    counts.told_ns, counts.due_ns, counts.told = time_ns, None, (bad, doubtful)
    counts.told_packets, counts.degraded = counts.packets, degraded
    reason = f"Remote ID: {bad} of {counts.packets} packets or their messages damaged"
    if doubtful:
        reason += f", {doubtful} claims that do not fit together"
    names = ("packets", "messages", "bad_checksum", "damaged", "no_place", "several_ids", "jumps", "evicted", "signed")
    return health(
        sensor,
        time_ns,
        HealthState.DEGRADED if degraded else HealthState.OK,
        reason,
        "check antenna, distance and interference" if degraded else "",
        tuple((name, getattr(counts, name)) for name in names),
        part="remote_id",
    )
