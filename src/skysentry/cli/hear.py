"""Pictures and clips of sound files for `skysentry info`: where a detection is, seen and heard.

The picture: time to the right, frequency upwards to 7.5 kHz, a bar on top for each second: red where something flies,
yellow where a machine on the ground is told by name. The clip: the seconds of a detection and five on both sides, as
WAV. What may be speech is silent in it (`sensing.acoustic.speech`).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from skysentry.cli import png
from skysentry.errors import InputError
from skysentry.events import Block, Detection, ObjectClass, Presence, Scan
from skysentry.formats import ReadOptions, mcap, read, wav
from skysentry.runtime import pipeline
from skysentry.sensing.acoustic.clip import Clipper, without_speech
from skysentry.sensing.acoustic.sonogram import MOST_HZ, mono_16k, seconds_a_frame, sonogram
from skysentry.sensing.acoustic.spectrum import Array
from skysentry.site import KeepSound, Site

SECOND_NS = 1_000_000_000
# A minute is 1,920 columns, a screen's width.
SHOWN_S = 60.0
LEFT, TOP, BOTTOM = 56, 14, 22
RED, YELLOW, GREY = (230, 60, 50), (240, 200, 60), (60, 60, 60)
AROUND_S = 5.0


def draw(path: Path, options: ReadOptions, at_s: float, picture: Path) -> str:
    """Write a picture of the minute from `at_s` on; return what it shows."""
    blocks, scans = [], []
    first_ns = round(at_s * SECOND_NS) + options.start_ns
    last_ns = first_ns + round(SHOWN_S * SECOND_NS)
    front = pipeline.front(Site())
    for block in _sound(path, options):
        if block.time_ns >= last_ns:
            break
        # The detector hears from the beginning: what it believes of a second hangs on those before.
        scans += [scan for scan in front.step(block.received_ns, [block]) if isinstance(scan, Scan)]
        if block.time_ns >= first_ns:
            blocks.append(block)
    if not blocks:
        raise InputError("no sound there", where=f"{path} at {at_s:g} s", hint="choose another --at")
    image = _picture(mono_16k(blocks), at_s, blocks[0].time_ns, scans)
    _write(picture, png.encode(image))
    heard = sum(bool(scan.detections) and scan.time_ns > first_ns for scan in scans)
    return f"{picture}: {image.shape[1] - LEFT} columns, {heard} seconds with detections"


def clip(path: Path, options: ReadOptions, detection: str, output: Path) -> str:
    """Write the clip of a detection; return what it holds. Raises `InputError` where there is none to be had."""
    sensor, time_ns = _named(detection)
    if options.sensor is None:
        options = ReadOptions(format=options.format, sensor=sensor, rate_hz=options.rate_hz, start_ns=options.start_ns)
    clipper = Clipper(KeepSound(before_s=AROUND_S, after_s=AROUND_S))
    found = Detection(id=detection, measurement=Presence())
    look = Scan(id=detection, time_ns=time_ns, received_ns=time_ns, sensor=sensor, detections=(found,))
    cuts, wished = [], False
    for block in _sound(path, options):
        if block.sensor != sensor or block.time_ns > time_ns + 2 * round(AROUND_S * SECOND_NS):
            continue
        due = not wished and block.received_ns >= time_ns
        wished = wished or due
        cuts += clipper.take([block, look] if due else [block])
    cuts += clipper.end()
    if not cuts or not len(cuts[0].samples):
        hint = "the sound must hold that time; --start says when a file without a clock begins"
        raise InputError(f"no sound of {detection}", where=str(path), hint=hint)
    clean = without_speech(cuts[0])
    if clean is None:
        raise InputError("all of it may be speech", where=str(path), hint="nothing is written")
    wav.write(output, clean.samples, clean.rate_hz)
    silent = f", {clean.silenced_s:.1f} s silent that may be speech" if clean.silenced_s else ""
    return f"{output}: {len(clean.samples) / clean.rate_hz:.1f} s from {clean.start_ns} ns on{silent}"


def _sound(path: Path, options: ReadOptions) -> Iterator[Block]:
    for part in mcap.segments(path):
        yield from (event for event in read(part, options) if isinstance(event, Block))


def _named(detection: str) -> tuple[str, int]:
    """Return sensor and time in the id of a detection or of its scan."""
    sensor, _, rest = detection.partition("#")[0].rpartition("@")
    if not sensor or not rest.isdecimal() or len(rest) > 19:
        raise InputError(f"{detection!r} is no id of a detection", where="--clip", hint="SENSOR@TIME_NS#0")
    return sensor, int(rest)


def _picture(sound: Array, at_s: float, first_ns: int, scans: list[Scan]) -> png.Pixels:
    levels = sonogram(sound).T[::-1]
    height, width = levels.shape
    image = np.zeros((TOP + height + BOTTOM, LEFT + width, 3), np.uint8)
    image[TOP : TOP + height, LEFT:] = png.coloured(levels)
    columns = 1.0 / seconds_a_frame()
    for scan in scans:
        left = LEFT + max(0, round((scan.time_ns - first_ns - SECOND_NS) / SECOND_NS * columns))
        right = LEFT + round((scan.time_ns - first_ns) / SECOND_NS * columns)
        if right > LEFT:
            image[2 : TOP - 2, left : right - 1] = _colour(scan)
    for khz in range(1, int(MOST_HZ / 1000) + 1):
        row = TOP + height - round(khz * 1000.0 / MOST_HZ * height)
        image[row, LEFT - 6 : LEFT] = 255
        png.write_text(image, f"{khz}kHz", 4, row - 4)
    for second in range(0, round(width / columns) + 1, 5):
        column = LEFT + round(second * columns)
        image[TOP + height : TOP + height + 5, column : column + 1] = 255
        png.write_text(image, f"{at_s + second:g}s", column + 3, TOP + height + 7)
    return image


def _colour(scan: Scan) -> tuple[int, int, int]:
    if not scan.detections:
        return GREY
    llr = dict(scan.detections[0].class_llr)
    ground = llr.pop(ObjectClass.GROUND_SOURCE, 0.0)
    return RED if max(llr.values(), default=0.0) >= ground else YELLOW


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint="choose another -o") from None
