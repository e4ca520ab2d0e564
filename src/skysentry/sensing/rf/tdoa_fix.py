"""A place from differences of arrival times: weighted least squares on hyperbolas, with an honest covariance.

    z_i = (|p − s_i| − |p − s_0|) / c,   R = diag(σ_i²) + σ_0² 1 1ᵀ   (the first receiver's error is in all)

Receivers stand nearly in one plane, so height is hardly seen: it has a prior (`UP_M` ± `UP_SIGMA_M`, where small drones
fly), and the covariance says what remains. Gauss–Newton from the best points of a grid; where a second minimum fits
nearly as well (`AMBIGUOUS`) or the place is not sure within `MOST_SIGMA_M`, there is no place: hyperbolas may cross
twice. Where the residuals are beyond chance (echoes, two emitters) there is none either.
Source: Foy, "Position-location solutions by Taylor-series estimation", IEEE Trans. AES 12(2), 1976.
"""

from __future__ import annotations

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

Reals = NDArray[np.float64]

LIGHT_MPS = 299_792_458.0
UP_M, UP_SIGMA_M = 120.0, 150.0
# −2 log likelihood between the best and the second place: less and either may be it.
AMBIGUOUS = 9.0
MOST_SIGMA_M = 1_000.0
# Residuals of k differences beyond this many times k are no chance (1e-4 for two).
MISFIT = 9.0
GRID, STARTS, STEPS = 41, 6, 20
# Places further apart than this are two.
APART_M = 300.0


class Fix(Struct, frozen=True):
    """A place in the frame of the receivers and its covariance [shape=(3, 3)], metres."""

    place: Reals
    cov: Reals


def locate(receivers: Reals, tdoa_s: Reals, cov_s2: Reals, reach_m: float) -> Fix | None:
    """Return the place; `receivers` [shape=(k + 1, 3)], `tdoa_s` (k,) of each but the first, minus the first."""
    if len(tdoa_s) < 3:
        return None
    z, inverse = tdoa_s * LIGHT_MPS, np.linalg.inv(cov_s2 * LIGHT_MPS**2)
    middle = receivers.mean(axis=0)
    axis: Reals = np.linspace(-reach_m, reach_m, GRID)
    east, north = np.meshgrid(axis + middle[0], axis + middle[1])
    grid: Reals = np.stack([east.ravel(), north.ravel(), np.full(east.size, middle[2] + UP_M)], axis=1)
    # The grid is coarse against the sigmas: starts are ranked by a flattened misfit.
    misfit = ((_expect(receivers, grid) - z) ** 2).sum(axis=1)
    found = [
        _descend(receivers, z, np.asarray(inverse, np.float64), start, middle[2])
        for start in _starts(grid, misfit, reach_m)
    ]
    good = sorted((each for each in found if each is not None), key=lambda each: each[0])
    if not good:
        return None
    cost, place, cov = good[0]
    rival = next((c for c, p, _ in good[1:] if np.linalg.norm(p[:2] - place[:2]) > APART_M), np.inf)
    sigma_m = float(np.sqrt(np.linalg.eigvalsh(cov[:2, :2])[-1]))
    if rival - cost < AMBIGUOUS or sigma_m > MOST_SIGMA_M or cost > MISFIT * len(z):
        return None
    return Fix(place, cov)


def _starts(grid: Reals, misfit: Reals, reach_m: float) -> list[Reals]:
    """Return the best points of the grid that are apart from one another."""
    chosen: list[Reals] = []
    for index in np.argsort(misfit, kind="stable"):
        if all(np.linalg.norm(grid[index] - other) > reach_m / 5.0 for other in chosen):
            chosen.append(grid[index])
        if len(chosen) == STARTS:
            break
    return chosen


def _expect(receivers: Reals, places: Reals) -> Reals:
    away = np.linalg.norm(places[:, None, :] - receivers[None], axis=2)
    return np.asarray(away[:, 1:] - away[:, :1])


def _descend(
    receivers: Reals, z: Reals, inverse: Reals, start: Reals, ground_m: float
) -> tuple[float, Reals, Reals] | None:
    """Return the cost, place and covariance of the minimum near a start (Levenberg's damping)."""
    place, damp = start.copy(), 1e-3
    prior = np.array([0.0, 0.0, 1.0 / UP_SIGMA_M**2])
    cost = _cost(receivers, z, inverse, place, ground_m)
    for _ in range(STEPS):
        away = place - receivers
        unit = away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1.0)
        H = unit[1:] - unit[:1]
        normal = H.T @ inverse @ H + np.diag(prior)
        right = H.T @ inverse @ (z - _expect(receivers, place[None])[0])
        right[2] += prior[2] * (ground_m + UP_M - place[2])
        step = np.linalg.solve(normal + damp * np.diag(np.diag(normal) + 1e-12), right)
        trial = _cost(receivers, z, inverse, place + step, ground_m)
        if not np.isfinite(trial):
            return None
        if trial <= cost:
            place, cost, damp = place + step, trial, damp * 0.2
        else:
            damp *= 10.0
    cov = np.linalg.inv(normal + 1e-12 * np.eye(3))
    return (float(cost), place, cov) if np.isfinite(cov).all() else None


def _cost(receivers: Reals, z: Reals, inverse: Reals, place: Reals, ground_m: float) -> float:
    rest = z - _expect(receivers, place[None])[0]
    return float(rest @ inverse @ rest + ((place[2] - ground_m - UP_M) / UP_SIGMA_M) ** 2)
