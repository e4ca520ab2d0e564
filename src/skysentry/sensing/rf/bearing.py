"""A direction finder's line (KrakenSDR) → `Scan` with a `Bearing`, clockwise from true north.

The array's front points to `heading_deg` of the site. The confidence of KrakenSDR (0–99, the height of the peak) is no
sigma; `sigma_deg` takes `BEST_DEG` at 99 and grows with 1 / √confidence. Both are beliefs: a five-element array of
0.3 wavelengths gives 2–5° in the open, and streets and masts bend directions by more, which no single line can know.
RSSI goes with it as a feature alone: a transmitter's power is unknown by 20 dB, a factor of ten in range, so no range
is made of it.
"""

from __future__ import annotations

import math

from skysentry.events import Bearing, Detection, ObjectClass, Scan, scan_id
from skysentry.site import Sensor
from skysentry.wire.krakensdr import Doa

BEST_DEG, FULL_CONFIDENCE = 4.0, 99.0
# Below this the peak is not above the others.
LEAST_CONFIDENCE = 3.0
# Something transmits at the tuned frequency: it may be anything, so it says little and of no drone.
OTHER_NATS = 0.5


def scan(doa: Doa, sensor: Sensor, received_ns: int) -> Scan:
    """Return the look that a line tells; without a detection where it tells nothing apart."""
    key = scan_id(sensor.id, doa.time_ns)
    found: tuple[Detection, ...] = ()
    if doa.confidence >= LEAST_CONFIDENCE:
        sigma_deg = BEST_DEG * math.sqrt(FULL_CONFIDENCE / min(doa.confidence, FULL_CONFIDENCE))
        found = (
            Detection(
                id=f"{key}#0",
                measurement=Bearing(bearing_deg=(doa.bearing_deg + sensor.heading_deg) % 360.0, sigma_deg=sigma_deg),
                class_llr=((ObjectClass.OTHER, OTHER_NATS),),
                features=(("centre_hz", doa.centre_hz), ("rssi_db", doa.rssi_db), ("confidence", doa.confidence)),
            ),
        )
    return Scan(
        id=key,
        time_ns=doa.time_ns,
        received_ns=received_ns,
        sensor=sensor.id,
        time_sigma_ns=round(sensor.clock_sigma_s * 1e9),
        detections=found,
    )
