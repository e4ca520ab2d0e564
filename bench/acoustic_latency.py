"""After how many seconds of its sound a drone is told and confirmed, on recordings that the nets did not learn from.

    python -m bench.acoustic_latency

Each recording of a drone (ten seconds, most of them loud from the first) follows on the recordings of background that
the same nets left out, one ear through all: a drone that comes after quiet. Whole seconds count; a second is measured
when its last sample is there, so where the drone begins within a second, up to one more goes by.
"""

from __future__ import annotations

from bench.acoustic_learned import DEVELOPMENT, LAST, RECORDINGS, beliefs, heard, left
from skysentry.sensing.acoustic import fuse

LONGEST_S = 10


def alone(name: str, index: int) -> list[float]:
    """Return what each second of a recording says by itself: the ratio of what flies."""
    seconds = heard(name, index)
    return [-fuse.MOST_LLR if second.alone is None else fuse.flies(second.alone) for second in seconds]


def waits(name: str) -> list[dict[str, int | None]]:
    """Return of each drone that some nets left out after which second it was told, and confirmed."""
    belief: fuse.Belief | None = None
    found = []
    for index in left(name):
        if RECORDINGS[index].kind == "BACKGROUND":
            belief = beliefs(name, index, False, before=belief)[-1]
    for index in left(name):
        if RECORDINGS[index].kind == "DRONE":
            flies = [fuse.flies(one) for one in beliefs(name, index, False, before=belief)]
            at_once = [max(pair) for pair in zip(flies, alone(name, index), strict=True)]
            told, confirmed = first(at_once, fuse.DETECT_LLR), first(flies, fuse.CONFIRM_LLR)
            found.append({"told": told, "by the chain": first(flies, fuse.DETECT_LLR), "confirmed": confirmed})
    return found


def first(ratios: list[float], least: float) -> int | None:
    """Return after which second a ratio is reached."""
    return next((n for n, ratio in enumerate(ratios, start=1) if ratio >= least), None)


def told_alone() -> dict[str, tuple[int, int]]:
    """Return by kind of recording how many seconds are told by themselves, and of how many."""
    found: dict[str, tuple[int, int]] = {}
    for name in (*DEVELOPMENT, LAST):
        for index in left(name):
            said = alone(name, index)
            told, all_ = found.get(RECORDINGS[index].kind, (0, 0))
            found[RECORDINGS[index].kind] = told + sum(v >= fuse.DETECT_LLR for v in said), all_ + len(said)
    return found


def main() -> None:
    drones = [row for name in (*DEVELOPMENT, LAST) for row in waits(name)]
    print(f"Seconds of sound until a drone is told, {len(drones)} recordings after quiet, share of them")
    for what in drones[0]:
        shares = [sum((row[what] or 99) <= n for row in drones) / len(drones) for n in range(1, LONGEST_S + 1)]
        print(f"  {what:12}", "  ".join(f"{n} s: {share:.2f}" for n, share in enumerate(shares, start=1)))
    print("Seconds told by themselves:", ", ".join(f"{kind} {k} of {n}" for kind, (k, n) in told_alone().items()))


if __name__ == "__main__":
    main()
