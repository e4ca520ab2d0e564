"""After how many seconds of its sound a drone is told and confirmed, on recordings that the nets did not learn from.

    python -m bench.acoustic_latency

Each recording of a drone (ten seconds, most of them loud from the first) follows on the recordings of background that
the same nets left out, one ear through all: a drone that comes after quiet. Whole seconds count; a second is measured
when its last sample is there, so where the drone begins within a second, up to one more goes by.
"""

from __future__ import annotations

from bench.acoustic_learned import DEVELOPMENT, LAST, RECORDINGS, combs, left, textures
from skysentry.sensing.acoustic import fuse

LIMITS = {"told": fuse.DETECT_LLR, "confirmed": fuse.CONFIRM_LLR}
LONGEST_S = 10


def heard_on(belief: fuse.Belief | None, name: str, index: int) -> list[fuse.Belief]:
    """Return the belief after each second of a recording that follows on what was heard before."""
    found: list[fuse.Belief] = []
    for log_p, comb, flutters in zip(left(name)[index], combs(index, False), textures(name)[index], strict=False):
        belief = fuse.heard(belief, log_p - log_p.max(), comb, flutters)
        found.append(belief)
    return found


def waits(name: str) -> list[dict[str, int | None]]:
    """Return of each drone that some nets left out after which second it was told, and confirmed."""
    belief, found = None, []
    for index in left(name):
        if RECORDINGS[index].kind == "BACKGROUND":
            belief = heard_on(belief, name, index)[-1]
    for index in left(name):
        if RECORDINGS[index].kind == "DRONE":
            flies = [fuse.flies(one) for one in heard_on(belief, name, index)]
            found.append(
                {
                    what: next((n for n, v in enumerate(flies, start=1) if v >= least), None)
                    for what, least in LIMITS.items()
                }
            )
    return found


def main() -> None:
    drones = [row for name in (*DEVELOPMENT, LAST) for row in waits(name)]
    print(f"Seconds of sound until a drone is told, {len(drones)} recordings after quiet, share of them")
    for what in LIMITS:
        shares = [sum((row[what] or 99) <= n for row in drones) / len(drones) for n in range(1, LONGEST_S + 1)]
        print(f"  {what:10}", "  ".join(f"{n} s: {share:.2f}" for n, share in enumerate(shares, start=1)))


if __name__ == "__main__":
    main()
