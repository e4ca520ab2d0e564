"""The error tree, by culprit. Each error says what, where, and how to mend it.

`exit_code` is what the command line returns: 2 for what a person gave by hand, 4 for recorded state that cannot be
used, 1 for the rest. Bytes from a wire never end the program: a codec raises `DecodeError`, the stage that called it
counts it and says so in a `Health` event.
"""

from __future__ import annotations


class SkysentryError(Exception):
    """Root of all errors that skysentry raises on purpose.

    `where` names the place (file, line, field, address), `hint` the mend; both are optional.
    """

    exit_code = 1

    def __init__(self, message: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        text = f"{self.where}: {self.message}" if self.where else self.message
        return f"{text}\nhint: {self.hint}" if self.hint else text


class InputError(SkysentryError):
    """A file, option or value that a person gave cannot be used."""

    exit_code = 2


class ConfigError(InputError):
    """A site file or zone file is wrong; `where` is `file:line`."""


class FormatError(InputError):
    """The content of a file is damaged, or is not what it was said to be."""


class AmbiguousFormatError(InputError):
    """The content of a file fits several formats or none; the hint names the option that decides."""


class DecodeError(SkysentryError):
    """Bytes from a wire do not follow their specification. Counted, never believed."""


class StateError(SkysentryError):
    """A snapshot or store was written by something that this version does not understand."""

    exit_code = 4


class LinkError(SkysentryError):
    """A live source or a delivery target cannot be reached."""
