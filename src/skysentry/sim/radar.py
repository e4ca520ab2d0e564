"""A three-dimensional surveillance radar: echo against noise, a horizon, and clutter that stays.

Mean signal to noise ∝ σ/R⁴, drawn anew each look from an exponential (Swerling 1); a detection where it passes the
threshold, so the probability is exp(−threshold/mean). What is below the horizon of an Earth of 4/3 radius, or below the
mask of woods and houses around the radar, is not seen. Slow echoes fall into the filter that takes out the ground.
Range, azimuth and elevation are wrong by their declared floors, growing as the signal weakens, plus one bias of azimuth
for the whole run. Clutter is uniform in range and azimuth, as thermal noise is, plus patches that keep their place.
Left out: rotation within a look, ambiguities, multipath, merging of close echoes. It tells nothing of classes.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from skysentry.events import Detection, RangeAzEl, Scan, scan_id
from skysentry.geo import MEAN_RADIUS_M, Array
from skysentry.sim.hearing import named
from skysentry.sim.posts import Post
from skysentry.sim.world import World

# Air bends the ray so that over an Earth of this radius it is straight (ITU-R P.310).
BENT_RADIUS_M = 4.0 / 3.0 * MEAN_RADIUS_M
# 12.8 dB give one false alarm in 10^8 cells, as many as such a radar has in a look.
THRESHOLD_DB = 12.8
# Echoes with less radial speed than this are 15 dB down in the filter.
NOTCH_MPS, NOTCH_DB = 2.0, 15.0
SIGMA_RANGE_M, SIGMA_AZ_DEG, SIGMA_EL_DEG, SIGMA_DOPPLER_MPS = 10.0, 0.4, 0.6, 0.5
# Angles are measured within the floor down to this ratio; below, the error grows as 1/√SNR.
GOOD_DB = 25.0
# Noise is detected where the antenna looks, which is low; what moves on the ground (roads, trees in the wind) lies
# within a beam's width over the mask. A clutter map leaves a tenth of the false plots to such patches.
CLUTTER_EL_DEG, PATCH_EL_DEG = 15.0, 1.5
PATCHES, PATCH_SHARE, PATCH_SIZE_M = 3, 0.1, 200.0
CLUTTER_MPS = 6.0


class Radar:
    """One radar of a site. Traits of its post: `reach_m` (half of all looks at 1 m²), `instrumented_m`
    (no range gate beyond), `mask_deg`, `ground_m`."""

    def __init__(self, post: Post, world: World) -> None:
        assert post.believed is not None, "a radar has a position"
        self.post, self.world, self.rotation = post, world, post.believed.rotation
        self.reach_m = post.traits["reach_m"]
        self.instrumented_m = post.traits["instrumented_m"]
        self.mask_deg, self.ground_m = post.traits["mask_deg"], post.traits["ground_m"]
        self.period_s = post.sensor.period_s
        self.bias_deg = post.heading_error_deg
        self.height_m = (post.sensor.position.alt_m or 0.0) - self.ground_m if post.sensor.position else 0.0
        self.echo_db = 10.0 * np.log10(np.array([flyer.echo_m2 for flyer in world.flyers]))
        places = post.chance.uniform(0.0, 1.0, (PATCHES, 2))
        self.patches = [(1_000.0 + 7_000.0 * float(far), 360.0 * float(turn)) for far, turn in places]

    def look(self, begin_s: float) -> Iterator[tuple[Post, float, Scan]]:
        """Yield the scan of the period that begins now, with its post and true time; none without power."""
        time_s = begin_s + self.post.phase_s
        draws = self.post.chance.standard_normal((len(self.world.flyers), 4))
        fades = self.post.chance.standard_exponential(len(self.world.flyers))
        clutter = self._clutter()
        if not self.post.powered(time_s):
            return
        found = self._echoes(time_s, draws, fades) + clutter
        # A plot list is ordered by range, so that its order tells nothing of what is an echo.
        found.sort(key=lambda one: one.measurement.range_m if isinstance(one.measurement, RangeAzEl) else 0.0)
        time_ns = self.post.stamp_ns(time_s)
        scan = scan_id(self.post.sensor.id, time_ns)
        yield (
            self.post,
            time_s,
            Scan(
                id=scan,
                time_ns=time_ns,
                received_ns=time_ns,
                sensor=self.post.sensor.id,
                time_sigma_ns=round(self.post.sensor.clock_sigma_s * 1e9),
                detections=tuple(named(scan, found)),
            ),
        )

    def _echoes(self, time_s: float, draws: Array, fades: Array) -> list[Detection]:
        which = self.world.present(time_s)
        if not which:
            return []
        times = np.full(len(which), time_s)
        place, velocity = self.world.at(which, times)
        enu = (place - self.post.place_m) @ self.rotation.T
        rate_mps = (velocity @ self.rotation.T * enu).sum(-1) / np.sqrt((enu * enu).sum(-1))
        seen = self.world.alive(which, times)
        return [
            echo
            for column, index in enumerate(which)
            if seen[column]
            and (echo := self._echo(enu[column], float(rate_mps[column]), index, draws[index], float(fades[index])))
        ]

    def _echo(self, enu: Array, rate_mps: float, index: int, errors: Array, fade: float) -> Detection | None:
        """Return the plot of one flyer, or `None` where it is hidden or too weak."""
        east, north, up = enu.tolist()
        range_m, flat_m = math.hypot(east, north, up), math.hypot(east, north)
        # Refraction lifts what is seen by the difference of the true and the bent Earth's drop.
        lift_m = flat_m**2 / 2.0 * (1.0 / MEAN_RADIUS_M - 1.0 / BENT_RADIUS_M)
        el_deg = math.degrees(math.atan2(up + lift_m, flat_m))
        coverage = self.post.sensor.coverage
        if not coverage.min_m <= range_m <= self.instrumented_m:
            return None
        if el_deg < self.mask_deg or el_deg > coverage.el_deg[1]:
            return None
        above_m = up + self.height_m + flat_m**2 / (2.0 * MEAN_RADIUS_M)
        if flat_m > horizon_m(self.height_m, above_m):
            return None
        half_db = THRESHOLD_DB - 10.0 * math.log10(math.log(2.0))
        mean_db = half_db + self.echo_db[index] - 40.0 * math.log10(range_m / self.reach_m)
        mean_db -= NOTCH_DB if abs(rate_mps) < NOTCH_MPS else 0.0
        snr_db = float(mean_db) + 10.0 * math.log10(fade + 1e-12)
        if snr_db < THRESHOLD_DB:
            return None
        weak = max(1.0, 10.0 ** ((GOOD_DB - snr_db) / 20.0))
        sigmas = (SIGMA_RANGE_M, SIGMA_AZ_DEG * weak, SIGMA_EL_DEG * weak, SIGMA_DOPPLER_MPS)
        off = [sigma * error for sigma, error in zip(sigmas, errors.tolist(), strict=True)]
        az_deg = math.degrees(math.atan2(east, north)) + self.bias_deg
        return _plot((range_m + off[0], az_deg + off[1], el_deg + off[2], rate_mps + off[3]), sigmas, snr_db)

    def _clutter(self) -> list[Detection]:
        """Return false plots: a Poisson number, part of it in patches."""
        chance = self.post.chance
        plots = []
        for _ in range(int(chance.poisson(self.post.sensor.false_per_scan))):
            range_m, az_deg = float(chance.uniform(500.0, self.instrumented_m)), float(chance.uniform(0.0, 360.0))
            top_deg = CLUTTER_EL_DEG
            if chance.random() < PATCH_SHARE:
                top_deg = self.mask_deg + PATCH_EL_DEG
                range_m, az_deg = self.patches[int(chance.integers(PATCHES))]
                range_m += PATCH_SIZE_M * float(chance.standard_normal())
                az_deg += math.degrees(PATCH_SIZE_M / range_m) * float(chance.standard_normal())
            el_deg = float(chance.uniform(self.mask_deg, top_deg))
            rate_mps = CLUTTER_MPS * float(chance.standard_normal())
            snr_db = THRESHOLD_DB + 4.3 * float(chance.standard_exponential())
            weak = max(1.0, 10.0 ** ((GOOD_DB - snr_db) / 20.0))
            sigmas = (SIGMA_RANGE_M, SIGMA_AZ_DEG * weak, SIGMA_EL_DEG * weak, SIGMA_DOPPLER_MPS)
            plots.append(_plot((range_m, az_deg, el_deg, rate_mps), sigmas, snr_db))
        return plots


def horizon_m(height_m: float, other_m: float) -> float:
    """Return how far two heights above a smooth Earth of 4/3 radius see each other."""
    return math.sqrt(2.0 * BENT_RADIUS_M) * (math.sqrt(max(height_m, 0.0)) + math.sqrt(max(other_m, 0.0)))


def _plot(values: tuple[float, float, float, float], sigmas: Sequence[float], snr_db: float) -> Detection:
    range_m, az_deg, el_deg, rate_mps = values
    measured = RangeAzEl(
        range_m=round(max(range_m, 1.0), 1),
        az_deg=round(az_deg % 360.0, 3),
        el_deg=round(max(-90.0, min(90.0, el_deg)), 3),
        sigma_range_m=sigmas[0],
        sigma_az_deg=round(sigmas[1], 3),
        sigma_el_deg=round(sigmas[2], 3),
        doppler_mps=round(rate_mps, 2),
        sigma_doppler_mps=sigmas[3],
    )
    return Detection(id="-", measurement=measured, snr_db=round(snr_db, 1))
