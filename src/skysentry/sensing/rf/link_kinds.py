"""What a look at the radio band says: which kinds of link are there, and how likely each class of flyer makes it.

    kind                 told by                                                   says
    analogue video       line_score (`link_cycles`)                                drone-ish: FPV; also old cameras
    digital downlink     prefix_score of 15 kHz, and no LTE frame                  drone
    control link         narrow packets that keep a maker's period, not slots      drone; also models and toys
    unnamed              a region of the spectrum that none of these and no
                         known service explains                                    `other`, with its features
    Wi-Fi, LTE, Bluetooth  prefix_score of 312.5 kHz; frame_score; slots of 625 µs  nothing: they are everywhere

The score of a kind becomes a log-likelihood ratio by `SLOPE` (score − threshold), between `LEAST_NATS` and the cap of
the kind. The caps say how often such a link is there without a drone, which no recording here can: they are beliefs.
Thresholds are above what 300 looks at noise reached (0.1 s at 20 Msps, simulated: prefix 4.1, line 8.1, no rhythm) and
most looks at simulated services; `bench.rf_links` says how often they are passed.

Limits: an LTE cell in time division in a band where a drone could be is told by its frame alone; a drone link that
repeats exactly after 10 ms would be taken for LTE unless the receiver says that it is tuned to a band without licence.
"""

from __future__ import annotations

from msgspec import Struct

from skysentry.events import ObjectClass
from skysentry.sensing.rf.link_bursts import Region, Rhythm

# Strong bursts of Wi-Fi and of packets reach 30; video at −12 dB in the band 600.
VIDEO_LEAST = 40.0
DOWNLINK_LEAST = 4.5
WIFI_LEAST = 5.0
LTE_FRAME_LEAST = 5.0
# n · kept² of a period by chance is exponential: eight periods exceed 9 once in a thousand looks with packets.
RHYTHM_LEAST, KEPT_LEAST = 9.0, 0.6
# Slow links send nine packets in a look; they keep the period all but exactly, which chance does not.
FEW_LEAST, FEW_KEPT = 6.5, 0.85
# Slots by as much as a period: what keeps both keeps slots (Bluetooth's are a divisor of 20 and 10 ms).
SLOTTED_LEAST = 0.6
# A region without a name must be seen well: receivers ripple by a decibel.
UNNAMED_DB = 3.0
UNNAMED_HZ = 500e3
SLOPE, LEAST_NATS = 0.25, 0.7
CAPS = {"analogue_video": 2.5, "digital_downlink": 3.0, "control_link": 1.5, "unnamed": 1.0}
# Bands without licence, where no cell of LTE is (centre of the receiver, Hz).
FREE_HZ = ((2.4e9, 2.4835e9), (5.15e9, 5.925e9))
# Fixed wings carry the same links, but nine small drones of ten are multirotors: the classifier's prior says that;
# what speaks here is the likelihood, and that differs little.
CLASSES = ((ObjectClass.MULTIROTOR, 1.0), (ObjectClass.FIXED_WING_ELECTRIC, 0.8))


class Look(Struct, frozen=True):
    """What was measured in one look."""

    line_name: str
    line: float
    prefix: float
    wifi: float
    frame: float
    regions: tuple[Region, ...]
    rhythm: Rhythm
    centre_hz: float | None = None


class Found(Struct, frozen=True):
    """A link: its kind, how far it stands above what chance gives, and where in the band."""

    name: str
    nats: float
    score: float
    region: Region | None = None


def _nats(name: str, score: float, least: float) -> float:
    return min(CAPS[name], LEAST_NATS + SLOPE * (score - least))


def unlicensed(centre_hz: float | None) -> bool:
    """Whether a receiver is tuned to a band without cells."""
    return centre_hz is not None and any(low <= centre_hz <= high for low, high in FREE_HZ)


def is_lte(look: Look) -> bool:
    """Whether OFDM of 15 kHz is a cell's."""
    return look.frame > LTE_FRAME_LEAST and not unlicensed(look.centre_hz)


def judge(look: Look) -> list[Found]:
    """Return the links of a look, drones' first; services that are everywhere are none."""
    strongest = look.regions[0] if look.regions else None
    found = []
    if look.line > VIDEO_LEAST:
        found.append(Found("analogue_video", _nats("analogue_video", look.line, VIDEO_LEAST), look.line, strongest))
    if look.prefix > DOWNLINK_LEAST and not is_lte(look):
        nats = _nats("digital_downlink", look.prefix, DOWNLINK_LEAST)
        found.append(Found("digital_downlink", nats, look.prefix, strongest))
    if not found and controls(look):
        score = look.rhythm.packets * look.rhythm.kept**2
        found.append(Found("control_link", _nats("control_link", score, FEW_LEAST), score, None))
    if not found and strongest is not None and unexplained(look, strongest):
        found.append(Found("unnamed", CAPS["unnamed"], strongest.power_db, strongest))
    return found


def controls(look: Look) -> bool:
    """Whether narrow packets keep the period of a control link, and not Bluetooth's slots."""
    rhythm = look.rhythm
    score = rhythm.packets * rhythm.kept**2
    many = rhythm.kept > KEPT_LEAST and score > RHYTHM_LEAST
    few = rhythm.kept > FEW_KEPT and score > FEW_LEAST
    cell = look.prefix > DOWNLINK_LEAST and is_lte(look)
    return (many or few) and rhythm.slotted < SLOTTED_LEAST and not cell


def is_service(look: Look) -> bool:
    """Whether Wi-Fi, LTE or Bluetooth is there."""
    slots = look.rhythm.slotted > SLOTTED_LEAST and look.rhythm.packets * look.rhythm.slotted**2 > RHYTHM_LEAST
    return look.wifi > WIFI_LEAST or (look.prefix > DOWNLINK_LEAST and is_lte(look)) or slots


def unexplained(look: Look, region: Region) -> bool:
    """Whether a region is strong, wide, and no service's."""
    return region.power_db > UNNAMED_DB and region.width_hz > UNNAMED_HZ and not is_service(look)
