"""One array: each second its sources, a beam towards each, and the scan that follows (`detector`).

A machine of the place, a dead microphone, the wrong number of channels and what else goes wrong is counted by kind and
told in a `Health`, each kind at most once in 10 s of arrival time.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from msgspec import Struct

from skysentry.events import AnyEvent, Block, Detection, Health, HealthState, Presence, Scan, scan_id
from skysentry.sensing.acoustic.array.beam import beam
from skysentry.sensing.acoustic.array.ear import ArrayEar, ArrayEarState, Cut, hop_of, is_sound, looks_of
from skysentry.sensing.acoustic.array.field import Bins, Spectra, spectra
from skysentry.sensing.acoustic.array.geometry import Geometry, usable
from skysentry.sensing.acoustic.array.source import Source
from skysentry.sensing.acoustic.array.sources import Sources, SourcesState
from skysentry.sensing.acoustic.array.steady import Steady
from skysentry.sensing.acoustic.detector import AcousticDetector
from skysentry.sensing.acoustic.spectrum import Array
from skysentry.site import Sensor, Site

HEALTH_EVERY_NS = 10_000_000_000
MENDS = {
    "microphone": "check that microphone, its cable and its gain; directions are taken without it if it is dead",
    "the sound has": "make `mics` in site.toml and the channels of the device agree",
    "too few": "check the microphones and their cables",
    "a rate": "send 8, 16, 22.05, 32, 44.1 or 48 kHz",
    "an array has": "declare where the microphones are: mics = [[x, y, z], …] in metres",
    "the microphones": "declare where the microphones are: mics = [[x, y, z], …] in metres",
    "several directions": "declare the side that a line of microphones listens to: coverage.az_deg and el_deg",
    "a steady sound": "if it is no machine of the place, look there",
}


class ArrayState(Struct):
    """One array in a snapshot."""

    ear: ArrayEarState
    used: tuple[int, ...] = ()
    sources: SourcesState | None = None
    beams: dict[int, bytes] = {}
    steady: dict[int, Steady] = {}
    told: dict[str, int] = {}
    counts: dict[str, int] = {}


class ArrayOne:
    """One array: its ear, its sources, and a beam for each."""

    def __init__(self, sensor: Sensor, site: Site, inner: AcousticDetector, state: ArrayState | None = None) -> None:
        self.sensor, self.site, self.inner = sensor, site, inner
        self.unusable = usable(sensor)
        state = state or ArrayState(ArrayEarState())
        self.ear = ArrayEar(len(sensor.mics), state.ear)
        self.used, self.sources = state.used, None
        self.beams = {key: np.frombuffer(data, dtype="<f4") for key, data in state.beams.items()}
        self.steady, self.told, self.counts = dict(state.steady), dict(state.told), dict(state.counts)
        if state.sources is not None:
            self.sources = self._tables(state.used, state.sources)

    def state(self) -> ArrayState:
        """Return what to remember."""
        return ArrayState(
            self.ear.state(),
            self.used,
            None if self.sources is None else self.sources.state(),
            {key: data.tobytes() for key, data in self.beams.items()},
            self.steady,
            self.told,
            self.counts,
        )

    def _tables(self, used: tuple[int, ...], state: SourcesState | None = None) -> Sources:
        rate_hz = self.ear.rate_hz
        hop, looks = hop_of(rate_hz), looks_of(rate_hz)
        if hop is None or looks is None:
            raise ValueError(f"a rate of {rate_hz} Hz")
        return Sources(Geometry(self.sensor, self.site.weather, used), rate_hz, hop, looks, state)

    def hear(self, now_ns: int, block: Block, made: list[AnyEvent]) -> None:
        """Take one block."""
        reason = self._refusal(block)
        if reason is not None:
            self._tell(reason, block, made)
            made += self._own(self.inner.step(now_ns, [block]))
            return
        cuts, wrong = self.ear.hear(block)
        if wrong:
            self._drop_all()
        for fault in wrong:
            self._tell(fault, block, made)
        for cut in cuts:
            self._second(now_ns, cut, block, made)

    def _refusal(self, block: Block) -> str | None:
        """Return why a block has no direction, or `None`."""
        if not is_sound(block):
            return "a block that cannot be read"
        if self.unusable is not None:
            return self.unusable
        if block.shape[1] != len(self.sensor.mics):
            return f"the sound has {block.shape[1]} channels, `mics` has {len(self.sensor.mics)}"
        if hop_of(block.rate_hz) is None:
            return f"a rate of {block.rate_hz:g} Hz cannot be cut into looks"
        return None

    def _second(self, now_ns: int, cut: Cut, block: Block, made: list[AnyEvent]) -> None:
        hop = hop_of(block.rate_hz) or 1
        every = spectra(cut.sound, hop)
        bins = Bins(block.rate_hz, hop) if self.sources is None else self.sources.bins
        band = every[:, bins.k[0] : bins.k[-1] + 1]
        used, faults = self.ear.judge(cut, (band.real**2 + band.imag**2).mean(axis=(1, 2)))
        for fault in faults:
            self._tell(fault, block, made)
        found: list[Source] = []
        if len(used) < 2:
            self._drop_all()
            self._tell("too few microphones are alive for a direction", block, made)
        else:
            if self.sources is None or used != self.used:
                self._drop_all()
                self.used, self.sources = used, self._tables(used)
            found = self.sources.look(band[list(used)])
        heard = list(used) or list(range(len(self.sensor.mics)))
        blocks = [self._mono(cut, heard, hop, block.rate_hz)]
        blocks += [self._beam(one, self._apart(every[heard], one), cut, hop, block.rate_hz) for one in found]
        self._forget(found)
        scans = self.inner.step(now_ns, blocks)
        made += [event for event in scans if isinstance(event, Health) and event.source == self.sensor.id]
        by_name = {event.sensor: event for event in scans if isinstance(event, Scan)}
        if self.sensor.id in by_name:
            made.append(self._scan(by_name, found, cut, block, made))

    def _mono(self, cut: Cut, heard: list[int], hop: int, rate_hz: float) -> Block:
        total = cut.sound[hop:, heard[0]].copy()
        for mic in heard[1:]:
            total += cut.sound[hop:, mic]
        return _block(self.sensor.id, total / np.float32(len(heard)), cut.start_ns, cut.received_ns, rate_hz)

    def _beam(self, one: Source, every: Spectra, cut: Cut, hop: int, rate_hz: float) -> Block:
        """Return the second towards a source; it lags by a hop, for its last frame is not whole yet."""
        geometry = self.sources.geometry  # type: ignore[union-attr]
        delays_s = geometry.places_m @ one.fit.q / geometry.speed_mps
        sound, rest = beam(every, delays_s, rate_hz, self.beams.get(one.key))
        self.beams[one.key] = rest
        start_ns = max(0, cut.start_ns - round(hop * 1e9 / rate_hz))
        return _block(self._name(one.key), sound, start_ns, cut.received_ns, rate_hz)

    def _apart(self, every: Spectra, one: Source) -> Spectra:
        """Return the spectra without what other sources have in the band: a small array hears them in every beam."""
        sources = self.sources
        if sources is None or not sources.others(one):
            return every
        band = sources.bins.k
        apart = every.copy()
        apart[:, band[0] : band[-1] + 1] = sources.alone(one)
        return apart

    def _name(self, key: int) -> str:
        return f"{self.sensor.id}/{key}"

    def _forget(self, found: list[Source]) -> None:
        """Drop the beams of what does not sound now: a beam must not have holes."""
        alive = {one.key for one in found}
        for key in [key for key in self.beams if key not in alive]:
            del self.beams[key]
            self.inner.forget(self._name(key))
        known = alive | {one.key for one in (self.sources.sources if self.sources else [])}
        self.steady = {key: value for key, value in self.steady.items() if key in known}

    def _drop_all(self) -> None:
        self.sources = None
        self._forget([])

    def _scan(
        self, by_name: dict[str, Scan], found: list[Source], cut: Cut, block: Block, made: list[AnyEvent]
    ) -> Scan:
        mono = by_name[self.sensor.id]
        looks = looks_of(block.rate_hz) or 1
        time_ns = cut.start_ns + round((looks - 1) / 2.0 / looks * 1e9)
        told: list[Detection] = []
        for one in found:
            scan = by_name.get(self._name(one.key))
            if scan is not None and scan.detections:
                told += self._directed(one, scan.detections[0], cut, block, made)
        if not told and mono.detections:
            machines = [one for one in found if not self._is_steady(one)]
            if len(machines) == 1:
                told = self._directed(machines[0], mono.detections[0], cut, block, made)
            elif machines or not found:
                told = [msgspec.structs.replace(mono.detections[0], evidence=cut.evidence)]
        name = scan_id(self.sensor.id, time_ns)
        numbered = [msgspec.structs.replace(one, id=f"{name}#{index}") for index, one in enumerate(told)]
        return msgspec.structs.replace(mono, id=name, time_ns=time_ns, detections=tuple(numbered))

    def _is_steady(self, one: Source) -> bool:
        return one.key in self.steady and self.steady[one.key].own

    def _directed(self, one: Source, heard: Detection, cut: Cut, block: Block, made: list[AnyEvent]) -> list[Detection]:
        """Return a detection with its direction; none where it is a machine of the place."""
        direction = self.sources.geometry.direction(one.fit.q, one.fit.information)  # type: ignore[union-attr]
        steady = self.steady.setdefault(one.key, Steady())
        f0_hz = dict(heard.features).get("f0_hz", 0.0)
        if steady.hear(one.fit.q.tolist(), f0_hz):
            where = "" if direction is None else f" from {math.degrees(direction.az) % 360.0:.0f}°"
            self._tell(f"a steady sound{where} at {f0_hz:.0f} Hz is taken for a machine of the place", block, made)
        if steady.own:
            return []
        if direction is None:
            self._tell("several directions are as likely: no direction is told", block, made)
        measurement = Presence(level_db=heard.snr_db) if direction is None else direction.measurement()
        features = (*heard.features, ("array_sigmas", round(one.height, 2)), ("array_source", float(one.key)))
        return [msgspec.structs.replace(heard, measurement=measurement, evidence=cut.evidence, features=features)]

    def _own(self, events: list[AnyEvent]) -> list[AnyEvent]:
        return [event for event in events if isinstance(event, Scan | Health)]

    def _tell(self, reason: str, block: Block, made: list[AnyEvent]) -> None:
        """Count a fault, and tell it if that kind was not told for 10 s."""
        kind = " ".join(reason.split()[:2])
        self.counts[kind] = self.counts.get(kind, 0) + 1
        before_ns = self.told.get(kind)
        if before_ns is not None and 0 <= block.received_ns - before_ns < HEALTH_EVERY_NS:
            return
        self.told[kind] = block.received_ns
        made.append(
            Health(
                id=f"health:{self.sensor.id}:array:{kind}@{block.received_ns}",
                time_ns=block.time_ns,
                received_ns=block.received_ns,
                source=self.sensor.id,
                state=HealthState.DEGRADED,
                reason=reason,
                mend=next((mend for start, mend in MENDS.items() if reason.startswith(start)), "check the array"),
                counts=tuple(sorted(self.counts.items())),
            )
        )


def _block(name: str, sound: Array, start_ns: int, received_ns: int, rate_hz: float) -> Block:
    data = np.ascontiguousarray(sound, dtype="<f4").tobytes()
    return Block(
        id=f"{name}:{start_ns}",
        time_ns=start_ns,
        received_ns=received_ns,
        sensor=name,
        rate_hz=rate_hz,
        dtype="float32",
        shape=(len(sound), 1),
        data=data,
    )
