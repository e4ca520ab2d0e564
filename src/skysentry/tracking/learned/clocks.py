"""Clocks found out: a look cannot arrive before it was taken, and comes about as late as the looks of others.

The age of a look is its arrival by our clock less its time by the sensor's. A sensor all of whose latest looks have
another age than usual is wrong, or its link is slow:

    ahead     its looks come before they were taken: left out, and corrected once they have been so steadily
    behind    its looks come later than others', each of them: a wrong clock or a slow link, which nothing here tells
              apart. It alone is left out, or blurred by as much where that is little, while others' looks are as usual;
              where many are late, the link is, and their times are believed
    far       later than any message may be (`LATEST_S`): that look is left out at once

One look of the usual age ends it: a message that is late now and then is none of this. What is usual is the running
median over all sensors; only those that the site declares are judged or asked, so invented names move nothing. Left
out: errors below `NOTICED_S`, which the declared sigma of the clock has to cover.
"""

from __future__ import annotations

from msgspec import Struct, structs

from skysentry.events import Scan
from skysentry.tracking.learned.faults import Faults

SECOND_NS = 1_000_000_000
# Half a second is 25 m of flight; networks of sensors differ by less.
NOTICED_S = 0.5
# Messages may come ten seconds late.
LATEST_S = 10.5
# Looks in a row with an unusual age before it is the sensor's: one in ten million, where 15 % are late at random.
LOOKS = 8
# Ages that differ by less than this are one error of a clock.
STEADY_S = 0.3
# The median follows by this with each sensor and second: at once where 400 sensors look, in minutes where one does.
STEP_S = 0.002
# Only while not more than this part of those that speak, three at least, are behind is it the sensor's own fault.
FEW = 0.1
LEAST_SPOKE = 3
# What is behind by more than this, 250 m of flight, does more harm than good; below, it blurs by as much.
HARMS_S = 5.0
MOST_SUSPECTS = 2_000


class ClocksDump(Struct, array_like=True):
    """State of `Clocks`."""

    usual_s: float
    voted: list[str]
    ages: dict[str, list[float]]


class Clocks:
    """The ages of looks, of those sensors only whose looks have an unusual one."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.usual_s = 0.0
        self.voted: set[str] = set()
        self.ages: dict[str, list[float]] = {}

    def correct(self, scan: Scan, spoke: int) -> Scan | None:
        """Return the look, corrected where its clock is ahead, with a wider sigma where behind; `None` to leave it out.

        `spoke` is how many sensors have spoken so far.
        """
        age_s = (scan.received_ns - scan.time_ns) / SECOND_NS
        off_s = age_s - self.usual_s
        if scan.sensor not in self.voted:
            self.voted.add(scan.sensor)
            self.usual_s += STEP_S if off_s > 0.0 else -STEP_S
        if -NOTICED_S < off_s < NOTICED_S:
            if self.ages and self.ages.pop(scan.sensor, None) is not None:
                self.faults.clear(scan.sensor, "clock")
            return scan
        return self._unusual(scan, age_s, spoke)

    def _unusual(self, scan: Scan, age_s: float, spoke: int) -> Scan | None:
        ages = self.ages.get(scan.sensor)
        if ages is None:
            if len(self.ages) >= MOST_SUSPECTS:
                del self.ages[next(iter(self.ages))]
            ages = self.ages[scan.sensor] = []
        ages.append(age_s)
        del ages[:-LOOKS]
        far = age_s > LATEST_S or (age_s < self.usual_s and len(ages) < LOOKS)
        as_said = None if far else scan
        if len(ages) < LOOKS:
            return as_said
        least = sorted(ages)
        ahead_s = self.usual_s - least[0]
        if ahead_s > 0.0:
            return self._ahead(scan, ahead_s, least[LOOKS // 2] - least[0] < STEADY_S)
        if spoke < LEAST_SPOKE or len(self.ages) > max(FEW * spoke, 1.0):
            return as_said
        words = f"its looks come {least[0]:.1f} s after their time, others' {self.usual_s:.1f} s: its clock is behind"
        words += ", or its link is slow; " + ("it is left out" if -ahead_s > HARMS_S else "it weighs less")
        self.faults.blame(scan.sensor, "clock", -ahead_s, words, "check its clock (NTP, GNSS), then its link")
        if -ahead_s > HARMS_S:
            return None
        return structs.replace(scan, time_sigma_ns=max(scan.time_sigma_ns, round(-ahead_s * SECOND_NS)))

    def _ahead(self, scan: Scan, ahead_s: float, steady: bool) -> Scan | None:
        words = f"its clock is {ahead_s:.1f} s ahead: its looks come before they were taken; "
        words += "their time is corrected by it" if steady else "it jumps, so they are left out"
        self.faults.blame(scan.sensor, "clock", ahead_s, words, "check its clock (NTP, GNSS)")
        return structs.replace(scan, time_ns=scan.time_ns - round(ahead_s * SECOND_NS)) if steady else None

    def poll(self) -> None:
        """Let every sensor move the median again: once a second each, so that a flood from one says no more."""
        self.voted.clear()

    def doubts(self, sensor: str) -> bool:
        """Return whether the latest looks of a sensor had an unusual age: they teach nothing of other errors."""
        return sensor in self.ages

    def dump(self) -> ClocksDump:
        """Return the state."""
        return ClocksDump(self.usual_s, sorted(self.voted), self.ages)

    def load(self, dump: ClocksDump) -> None:
        """Take a state."""
        self.usual_s, self.voted, self.ages = dump.usual_s, set(dump.voted), dump.ages
