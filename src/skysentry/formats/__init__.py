"""Containers of events and raw data, one module a format, reader and writer together.

What a file is, its content decides; its name only hints. Each module offers

    NAME: str                                              the word after --as (`iq` has several)
    def matches(head: bytes, name: str) -> bool            does the first 4 KiB look like it?
    def read(path, options) -> Iterator[AnyEvent]          in file order, lazily

and raises `FormatError` (what, where as file:line or file:byte, hint) where the content is damaged. A reader that can
go on after damage yields a `Health` with counts at its end instead of stopping.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from msgspec import Struct

from skysentry.errors import AmbiguousFormatError, InputError
from skysentry.events import AnyEvent

HEAD_BYTES = 4096
# In the order they are asked: those with magic numbers first.
MODULES = ("mcap", "pcap", "wav", "beast", "aircraft_json", "sbs", "avr", "sigmf", "jsonl", "iq")


class ReadOptions(Struct, frozen=True, kw_only=True):
    """What a person may say of a file: its format, sensor, rate, the frequency it was tuned to, and when it starts."""

    format: str | None = None
    sensor: str | None = None
    rate_hz: float | None = None
    centre_hz: float | None = None
    start_ns: int = 0

    def sensor_of(self, path: Path) -> str:
        """Return the sensor that a file came from: the one named, else the file's name, short enough for ids."""
        return self.sensor or path.stem[:100] or "file"


def read(path: Path, options: ReadOptions | None = None) -> Iterator[AnyEvent]:
    """Yield the events of a file. Raises `InputError` where it cannot be read, see `sniff` for the rest."""
    options = options or ReadOptions()
    reader: Iterator[AnyEvent] = sniff(path, options).read(path, options)
    return reader


def sniff(path: Path, options: ReadOptions) -> ModuleType:
    """Return the format module for a file, by `options.format` or by its content.

    Raises `AmbiguousFormatError` where none or several fit, `InputError` where the file cannot be opened.
    """
    known = formats()
    _check_file(path)
    if options.format is not None:
        if options.format not in known:
            raise InputError(
                f"unknown format {options.format!r}", where="--as", hint=f"one of {', '.join(sorted(known))}"
            )
        return known[options.format]
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint="check the path") from None
    if not head:
        raise AmbiguousFormatError("the file is empty", where=str(path), hint="nothing to read")
    fits = [module for name, module in known.items() if name == module.NAME and module.matches(head, path.name)]
    if len(fits) == 1:
        return fits[0]
    found = "no known format fits" if not fits else f"fits {', '.join(module.NAME for module in fits)}"
    raise AmbiguousFormatError(
        f"what this file holds is not clear: {found}",
        where=str(path),
        hint=f"say it with --as {{{','.join(sorted(known))}}}",
    )


def formats() -> dict[str, ModuleType]:
    """Return the format modules by the words that `--as` takes."""
    modules = map(_module, MODULES)
    return {name: module for module in modules for name in getattr(module, "SAMPLES", (module.NAME,))}


def _check_file(path: Path) -> None:
    """Refuse pipes and devices: they cannot be looked at and then read from their start."""
    if path.exists() and not path.is_file():
        raise InputError("not a regular file", where=str(path), hint="write it to a file first")


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"skysentry.formats.{name}")
