"""Live radio from a device that SoapySDR knows: RTL-SDR, HackRF, Pluto, USRP.

    soapy:///?driver=rtlsdr&rate=2.4e6&centre=2.44e9&gain=30
    soapy:///?driver=hackrf&rate=20e6&bands=2.4e9-2.4835e9,4.9e9-6e9&retune=0.01

SoapySDR's Python binding comes from the system (Debian: `python3-soapysdr soapysdr-module-all`; the environment must
see the system's packages), so it is imported when the link runs; where it is absent the link is `lost`, and its mend
says so. Reading blocks, so it is done in a thread of its own; an overflow of the device is counted (`overflows`).
Not tried on hardware: the tests use a device of their own with SoapySDR's calls (API 0.8: `setupStream`, `readStream`).
"""

from __future__ import annotations

import asyncio
import importlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np

from skysentry.errors import ConfigError, LinkError
from skysentry.runtime.links.address import Address
from skysentry.runtime.links.inlet import Inlet
from skysentry.runtime.links.iq import BLOCK_S, DEVICE_KEYS, Emit, IqContent, Tuning, say_coverage
from skysentry.runtime.links.stream import persistently, ticking

PACKAGE = "apt-get install python3-soapysdr soapysdr-module-all"
# SOAPY_SDR_OVERFLOW and SOAPY_SDR_TIMEOUT of SoapySDR/Errors.h.
OVERFLOW, TIMEOUT = -4, -1
READ_US = 500_000
# So many reads in a row without a sample: the device is gone.
SILENT_READS = 10


class SoapyLink:
    """One device: tunes, hops and reads."""

    def __init__(self, address: Address, inlet: Inlet, tuned: Tuning) -> None:
        if (tuned.centre_hz is None) == (tuned.hops is None):
            raise ConfigError("a device has to be told one of centre and bands", where=inlet.sensor.id, hint="centre=")
        query = parse_qs(urlsplit(address.url).query)
        self.address, self.inlet, self.tuned = address, inlet, tuned
        self.device = {key: query[key][-1] for key in sorted(DEVICE_KEYS) if key in query}

    async def run(self, emit: Emit) -> None:
        """Give events until cancelled."""
        await ticking(self.inlet, emit, lambda: persistently(self.address, self.inlet, self._attempt))

    async def _attempt(self) -> bool:
        try:
            soapy: Any = importlib.import_module("SoapySDR")
        except ImportError:
            raise LinkError(f"SoapySDR is not installed: {PACKAGE}") from None
        try:
            device = await asyncio.to_thread(self._open, soapy)
        except RuntimeError as error:
            raise LinkError(str(error)) from None
        stream = device.setupStream(soapy.SOAPY_SDR_RX, soapy.SOAPY_SDR_CF32)
        device.activateStream(stream)
        self.inlet.opened(str(self.address))
        say_coverage(self.inlet, self.tuned)
        try:
            return await self._listen(soapy, device, stream)
        finally:
            device.deactivateStream(stream)
            device.closeStream(stream)

    def _open(self, soapy: Any) -> Any:
        device, receive = soapy.Device(self.device), soapy.SOAPY_SDR_RX
        device.setSampleRate(receive, 0, self.tuned.rate_hz)
        if self.tuned.gain_db is not None:
            device.setGain(receive, 0, self.tuned.gain_db)
        return device

    async def _listen(self, soapy: Any, device: Any, stream: Any) -> bool:
        hops, content = self.tuned.hops, IqContent(self.inlet, self.tuned)
        centres = (self.tuned.centre_hz,) if hops is None else hops.centres_hz
        dwell_s, retune_s = (BLOCK_S, 0.0) if hops is None else (hops.dwell_s, hops.retune_s)
        tuned = None
        while True:
            for centre_hz in centres:
                if centre_hz != tuned:
                    device.setFrequency(soapy.SOAPY_SDR_RX, 0, centre_hz)
                    tuned = centre_hz
                    await self._read(device, stream, int(retune_s * self.tuned.rate_hz))
                data = await self._read(device, stream, int(dwell_s * self.tuned.rate_hz))
                content.block(data, centre_hz)

    async def _read(self, device: Any, stream: Any, count: int) -> bytes:
        # Shielded: a thread that reads must have ended before its stream is closed.
        reading = asyncio.ensure_future(asyncio.to_thread(self._fill, device, stream, count))
        try:
            return await asyncio.shield(reading)
        except asyncio.CancelledError:
            await asyncio.wait([reading])
            raise

    def _fill(self, device: Any, stream: Any, count: int) -> bytes:
        """Return so many samples; raises `LinkError` where none come."""
        held, done, silent = np.zeros(count, np.complex64), 0, 0
        while done < count:
            got = int(device.readStream(stream, [held[done:]], count - done, timeoutUs=READ_US).ret)
            if got > 0:
                done, silent = done + got, 0
                continue
            silent += 1
            if got == OVERFLOW:
                self.inlet.count("overflows")
            elif got != TIMEOUT:
                raise LinkError(f"the device says error {got}")
            if silent >= SILENT_READS:
                raise LinkError("the device gives no samples")
        return held.tobytes()
