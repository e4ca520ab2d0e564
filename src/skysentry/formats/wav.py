"""WAV, FLAC, AIFF, OGG and the like: recorded sound ↔ `Block`.

libsndfile (through `soundfile`) reads the container, any rate, channel count and sample type. Blocks are half seconds,
shape (frames, channels): int16 where the file holds 16 bits or less, else float32 with full scale 1.0. `time_ns` is
that of the first sample, counted from `options.start_ns` by the file's own rate (`options.rate_hz` overrides it). A
block is received when it is complete, so `received_ns` is the time of its end. The id is `sensor:n`.

Read lazily: half a second is in memory, however long the file. A file that breaks off or is damaged gives what can be
read and then a `Health` with counts. Left out: cue points, broadcast extension (start time), and files without a
header, which need words for rate and type.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from skysentry.errors import FormatError
from skysentry.events import AnyEvent, Block, Health, HealthState, health
from skysentry.formats import ReadOptions

NAME = "wav"
BLOCK_S = 0.5
# Types whose samples int16 holds exactly; OGG and MP3 decode to floats.
INT16_TYPES = frozenset({"PCM_16", "PCM_S8", "PCM_U8", "ULAW", "ALAW", "IMA_ADPCM", "MS_ADPCM"})
# Beyond these a header is damaged: 1,024 channels is libsndfile's own limit, 10 MHz is no sound card.
MOST_CHANNELS = 1024
MOST_RATE_HZ = 10_000_000
# Magic numbers at byte 0, and the form type at byte 8 where there is one.
MAGIC = (
    (b"RIFF", b"WAVE"),
    (b"RIFX", b"WAVE"),
    (b"RF64", b"WAVE"),
    (b"fLaC", b""),
    (b"OggS", b""),
    (b"FORM", b"AIFF"),
    (b"FORM", b"AIFC"),
    (b".snd", b""),
    (b"caff", b""),
)


def matches(head: bytes, name: str) -> bool:
    """Whether the first bytes are those of a sound file; MP3 is not sniffed, for its magic is too weak."""
    return any(head.startswith(magic) and head[8:].startswith(form) for magic, form in MAGIC)


def read(path: Path, options: ReadOptions) -> Iterator[AnyEvent]:
    """Yield the blocks of a sound file, then a `Health` if it broke off.

    Raises `FormatError` where the file is not sound or its header cannot be used.
    """
    try:
        file = soundfile.SoundFile(str(path))
    except (soundfile.SoundFileError, OSError, TypeError, ValueError) as error:
        raise _not_sound(path, str(error)) from None
    with file:
        if not 0 < file.samplerate <= MOST_RATE_HZ or not 0 < file.channels <= MOST_CHANNELS:
            raise _not_sound(path, f"{file.samplerate} Hz, {file.channels} channels")
        yield from _blocks(file, path, options)


def write(path: Path, samples: NDArray[np.generic], rate_hz: int) -> None:
    """Write samples [shape=(frames,) or (frames, channels)], int16 or float in −1…1, as a 16-bit WAV file."""
    soundfile.write(str(path), samples, rate_hz, format="WAV", subtype="PCM_16")


def _blocks(file: soundfile.SoundFile, path: Path, options: ReadOptions) -> Iterator[AnyEvent]:
    rate_hz = options.rate_hz or float(file.samplerate)
    dtype = "int16" if file.subtype in INT16_TYPES else "float32"
    frames = max(1, round(BLOCK_S * rate_hz))
    sensor = options.sensor_of(path)
    done, number, fault = 0, 0, ""
    while True:
        try:
            samples = file.read(frames, dtype=dtype, always_2d=True)
        except (soundfile.SoundFileError, RuntimeError) as error:
            fault = str(error)
            break
        if not len(samples):
            break
        end_ns = options.start_ns + round((done + len(samples)) * 1e9 / rate_hz)
        yield Block(
            id=f"{sensor}:{number}",
            time_ns=options.start_ns + round(done * 1e9 / rate_hz),
            received_ns=end_ns,
            sensor=sensor,
            rate_hz=rate_hz,
            dtype=dtype,
            shape=samples.shape,
            data=samples.tobytes(),
        )
        done, number = done + len(samples), number + 1
    missing = _missing(file, path, done)
    if fault or missing:
        now_ns = options.start_ns + round(done * 1e9 / rate_hz)
        yield _broke_off(path, sensor, now_ns, done, missing, fault)


def _missing(file: soundfile.SoundFile, path: Path, done: int) -> int:
    """Return how many frames the header promises beyond those read.

    libsndfile shortens a WAV file to what is there; then the size in its `data` chunk still tells.
    """
    promised = file.frames
    if file.format in ("WAV", "WAVEX") and file.subtype in SAMPLE_BYTES:
        promised = max(promised, _promised_wav_bytes(path) // (SAMPLE_BYTES[file.subtype] * file.channels))
    # 2^62 and the like is libsndfile's word for "unknown" (streamed OGG and FLAC).
    return max(0, promised - done) if promised < UNKNOWN_FRAMES else 0


SAMPLE_BYTES = {"PCM_U8": 1, "PCM_16": 2, "PCM_24": 3, "PCM_32": 4, "FLOAT": 4, "DOUBLE": 8, "ULAW": 1, "ALAW": 1}
UNKNOWN_FRAMES = 1 << 60
# A header claims 4 GiB less a little where a recorder streamed and never came back to fill the size in.
STREAMED_BYTES = 0xFFFF_F000
# Chunks before the data: more is damage.
MOST_CHUNKS = 100


def _promised_wav_bytes(path: Path) -> int:
    """Return the size that the `data` chunk of a RIFF file claims, 0 where it is absent or says "unknown"."""
    with path.open("rb") as file:
        if file.read(4) != b"RIFF":
            return 0
        file.seek(12)
        for _ in range(MOST_CHUNKS):
            head = file.read(8)
            if len(head) < 8:
                return 0
            size = int.from_bytes(head[4:], "little")
            if head[:4] == b"data":
                return size if size < STREAMED_BYTES else 0
            file.seek(size + size % 2, 1)
    return 0


def _broke_off(path: Path, sensor: str, now_ns: int, done: int, missing: int, fault: str) -> Health:
    why = f": {fault}" if fault else ""
    return health(
        sensor,
        now_ns,
        HealthState.DEGRADED,
        f"the sound file {path.name} breaks off or is damaged{why}"[:500],
        "copy or record it again; what came before was read",
        (("frames_read", done), ("frames_missing", missing)),
        part="file",
    )


def _not_sound(path: Path, why: str) -> FormatError:
    return FormatError(f"not a sound file that can be read: {why}", where=str(path), hint="WAV, FLAC, AIFF or OGG")
