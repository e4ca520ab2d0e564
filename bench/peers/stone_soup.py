"""Stone Soup (dstl, MIT licence) on a single radar: an EKF with one constant-velocity model, tuned on seeds 1 to 3.

Built of its own parts: `MultiMeasurementInitiator`, `UpdateTimeStepsDeleter`, and for association either global nearest
neighbour by Mahalanobis distance (`MultiTargetTracker`) or joint probabilities (`MultiTargetMixtureTracker`). It has no
mixture of motion models for Gaussian states, so one noise has to do for hovering and for turning at 50 m/s.

Tried, one at a time, 120 or 180 s of seeds 1 to 3; mean GOSPA in metres of the seeds that a line has in common:

    noise 2, 5, 12, 30                                162, 149, 139, 138 (7 to 13, 4 to 5, 0, 0 switches)
    delete after 2, 3, 4 looks without a detection    171, 143, 142 (31, 4, 1 switches)
    confirm with 3, 4 detections                      139, 143
    nearest neighbour, joint probabilities            149, 152 (seed 1)
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from bench.scenarios.looks import START_NS
from bench.scenarios.world import FRAME, World
from skysentry.events import AnyEvent, RangeAzEl, Track, TrackEnd, TrackStatus

BEGIN = datetime(2023, 11, 14, tzinfo=UTC).replace(tzinfo=None)
PLACE, VELOCITY = (0, 2, 4), (1, 3, 5)


@dataclass(frozen=True)
class Tuning:
    """What is to be chosen: noise (horizontal, vertical; m²/s³), gate (sigmas), when to confirm and delete (looks)."""

    associate: str = "gnn"
    noise: float = 20.0
    noise_up: float = 0.05
    gate: float = 4.0
    confirm: int = 3
    delete: int = 4
    hold: int = 2
    speed_mps: float = 25.0
    pd: float = 0.9
    clutter: float = 1.5e-3


def track(world: World, tuning: Tuning = Tuning()) -> tuple[list[AnyEvent], float]:
    """Return its tracks as events, published at each look, and the CPU seconds it took."""
    tracker = _tracker(tuning, iter(_feed(world)))
    made: list[AnyEvent] = []
    before: dict[str, Track] = {}
    used_s, last = 0.0, time.process_time()
    for when, tracks in tracker:
        used_s += time.process_time() - last
        shown = {each.id: _event(each, when) for each in tracks}
        made += shown.values()
        made += (_over(before[name], when) for name in sorted(before.keys() - shown.keys()))
        before, last = shown, time.process_time()
    return made, used_s


def _tracker(tuning: Tuning, feed: Iterator[Any]) -> Any:
    from stonesoup.dataassociator.neighbour import GNNWith2DAssignment
    from stonesoup.dataassociator.probability import JPDAwithEHM2
    from stonesoup.deleter.time import UpdateTimeStepsDeleter
    from stonesoup.hypothesiser.distance import DistanceHypothesiser
    from stonesoup.hypothesiser.probability import PDAHypothesiser
    from stonesoup.initiator.simple import MultiMeasurementInitiator
    from stonesoup.measures import Mahalanobis
    from stonesoup.models.transition.linear import CombinedLinearGaussianTransitionModel, ConstantVelocity
    from stonesoup.predictor.kalman import ExtendedKalmanPredictor
    from stonesoup.tracker.simple import MultiTargetMixtureTracker, MultiTargetTracker
    from stonesoup.types.state import GaussianState
    from stonesoup.updater.kalman import ExtendedKalmanUpdater

    noises = (tuning.noise, tuning.noise, tuning.noise_up)
    predictor = ExtendedKalmanPredictor(CombinedLinearGaussianTransitionModel([ConstantVelocity(q) for q in noises]))
    updater = ExtendedKalmanUpdater(None)
    nearest = GNNWith2DAssignment(DistanceHypothesiser(predictor, updater, Mahalanobis(), missed_distance=tuning.gate))
    prior = GaussianState([0.0] * 6, np.diag([0.0, tuning.speed_mps**2, 0.0, tuning.speed_mps**2, 0.0, 4.0]), BEGIN)
    initiator = MultiMeasurementInitiator(
        prior_state=prior, deleter=UpdateTimeStepsDeleter(tuning.hold), data_associator=nearest, updater=updater,
        min_points=tuning.confirm,
    )  # fmt: skip
    deleter = UpdateTimeStepsDeleter(tuning.delete)
    if tuning.associate == "gnn":
        return MultiTargetTracker(initiator, deleter, feed, nearest, updater)
    joint = JPDAwithEHM2(PDAHypothesiser(predictor, updater, tuning.clutter, prob_detect=tuning.pd, prob_gate=0.997))
    return MultiTargetMixtureTracker(initiator, deleter, feed, joint, updater)


def _feed(world: World) -> list[tuple[datetime, set[Any]]]:
    """Return the looks as Stone Soup has them: elevation, bearing (counter-clockwise from east), range.

    One measurement model is shared by all detections of equal sigmas: it keys the cache of predicted measurements.
    """
    from stonesoup.models.measurement.nonlinear import CartesianToElevationBearingRange
    from stonesoup.types.angle import Bearing, Elevation
    from stonesoup.types.detection import Detection

    models: dict[tuple[float, ...], Any] = {}
    looks = []
    for scan in world.scans:
        when = BEGIN + timedelta(microseconds=(scan.time_ns - START_NS) // 1000)
        found = set()
        for z in (detection.measurement for detection in scan.detections):
            assert isinstance(z, RangeAzEl)
            sigmas = (math.radians(z.sigma_el_deg), math.radians(z.sigma_az_deg), z.sigma_range_m)
            if sigmas not in models:
                models[sigmas] = CartesianToElevationBearingRange(
                    ndim_state=6, mapping=PLACE, noise_covar=np.diag(np.square(sigmas)),
                    translation_offset=_stand(world, scan.sensor),
                )  # fmt: skip
            state = [[Elevation(math.radians(z.el_deg))], [Bearing(math.radians(90.0 - z.az_deg))], [z.range_m]]
            found.add(Detection(np.array(state), timestamp=when, measurement_model=models[sigmas]))
        looks.append((when, found))
    return looks


def _stand(world: World, name: str) -> NDArray[np.float64]:
    sensor = world.site.sensor(name)
    assert sensor is not None
    assert sensor.position is not None
    place = sensor.position
    return np.array(FRAME.to_local(place.lat_deg, place.lon_deg, place.alt_m or 0.0)).reshape(3, 1)


def _event(track: Any, when: datetime) -> Track:
    mean = np.asarray(track.state_vector, float).ravel()
    time_ns = START_NS + round((when - BEGIN).total_seconds() * 1e6) * 1000
    lat, lon, alt = FRAME.to_geodetic(*mean[list(PLACE)].tolist())
    east, north, up = mean[list(VELOCITY)].tolist()
    return Track(
        id=f"{track.id}@{time_ns}", time_ns=time_ns, received_ns=time_ns, track_id=track.id,
        status=TrackStatus.CONFIRMED, lat_deg=lat, lon_deg=lon, alt_m=alt, velocity_mps=(east, north, up),
        cov=(0.0,) * 21, existence=1.0, first_ns=time_ns, last_seen_ns=time_ns,
    )  # fmt: skip


def _over(track: Track, when: datetime) -> Track:
    time_ns = START_NS + round((when - BEGIN).total_seconds() * 1e6) * 1000
    return msgspec.structs.replace(
        track, id=f"{track.track_id}@{time_ns}", time_ns=time_ns, received_ns=time_ns, status=TrackStatus.ENDED,
        end=TrackEnd.LOST,
    )  # fmt: skip
