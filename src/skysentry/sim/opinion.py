"""What a sensor's classifier says of what it senses: log-likelihood ratios that are noisy, imperfect and sluggish.

A matrix holds the mean of each class's ratio for each true cause; classes that sound or look alike get much the same.
Real classifiers err in runs, so the noise about those means is correlated in time. It is written from what is known of
confusions (a piston drone sounds like a motorcycle and a light aircraft, a far bird looks like a quadcopter), not from
any classifier that is part of this system.
"""

from __future__ import annotations

from skysentry.events import ObjectClass
from skysentry.geo import Array

C = ObjectClass
SPOKEN = (C.MULTIROTOR, C.FIXED_WING_PISTON, C.JET, C.HELICOPTER, C.AEROPLANE, C.GROUND_SOURCE)
# Rows: what it is. Columns: SPOKEN.
HEARD: dict[ObjectClass, tuple[float, ...]] = {
    C.MULTIROTOR: (3.0, 0.5, -1.0, -0.5, -0.5, 1.0),
    C.FIXED_WING_ELECTRIC: (1.5, 0.5, -0.5, -1.0, 0.0, 0.5),
    C.FIXED_WING_PISTON: (0.0, 3.2, -0.5, 1.0, 2.2, 1.8),
    C.JET: (-1.0, -0.5, 3.0, 0.5, 2.0, 0.0),
    C.HELICOPTER: (-0.5, 1.2, 0.0, 3.2, 1.0, 0.8),
    C.AEROPLANE: (-1.0, 1.5, 1.5, 0.5, 3.0, 0.5),
    C.GROUND_SOURCE: (0.3, 1.4, -0.5, 0.3, 0.5, 2.4),
}
LOOKED_AT = (C.MULTIROTOR, C.FIXED_WING_ELECTRIC, C.AEROPLANE, C.BIRD)
SEEN: dict[ObjectClass, tuple[float, ...]] = {
    C.MULTIROTOR: (3.0, 0.8, -1.0, 1.0),
    C.BIRD: (1.0, 0.8, -0.5, 2.6),
    C.AEROPLANE: (-1.0, 1.0, 3.5, -1.0),
    C.OTHER: (0.2, 0.2, 0.0, 0.6),
}
NOISE_NATS = 0.9
# A classifier that errs goes on erring for about this long.
NOISE_TAU_S = 4.0
# Weak signals say less: full weight from this many dB over the threshold.
FULL_DB = 10.0

Ratios = tuple[tuple[ObjectClass, float], ...]


def ratios(means: tuple[float, ...], classes: tuple[ObjectClass, ...], over_db: float, noise: Array) -> Ratios:
    """Return the ratios in nats for a signal `over_db` above its threshold, with standard noise [shape=(classes,)]."""
    weight = min(1.0, 0.35 + max(over_db, 0.0) / FULL_DB)
    return tuple(
        (kind, round(weight * mean + NOISE_NATS * float(one), 2))
        for kind, mean, one in zip(classes, means, noise, strict=True)
    )
