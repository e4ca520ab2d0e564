"""The URL of a link, checked: what a person wrote in site.toml either works as it says or is refused with a hint.

A link that listens does so on 127.0.0.1 unless an address of another interface is written out: whoever can reach the
port can speak as that sensor. A name is refused there, for what it resolves to may change.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import unquote, urlsplit

from msgspec import Struct

from skysentry.errors import ConfigError

LISTENING = ("udp", "rtp", "tcp-listen", "node")
# The ports that Mode S receivers use, and the one that a node looks for.
DEFAULT_PORTS = {"beast": 30005, "sbs": 30003, "avr": 30002, "node": 7900, "rtsp": 554}
SCHEMES = ("udp", "rtp", "tcp", "tcp-listen", "node", "beast", "sbs", "avr", "http", "https", "file", "alsa", "rtsp")
LOOPBACK = "127.0.0.1"


class Address(Struct, frozen=True):
    """A checked URL. `host` and `port` are empty and 0 for files, `path` is that of a file."""

    url: str
    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        return self.url


def parse(url: str, where: str) -> Address:
    """Return the address in a URL; raises `ConfigError` naming `where` it was written."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise ConfigError(f"{url!r} is no address: {error}", where=where, hint="see docs/links.md") from None
    if parts.scheme not in SCHEMES:
        raise ConfigError(f"unknown kind of link {url!r}", where=where, hint=f"one of {', '.join(SCHEMES)}")
    if parts.username or parts.password:
        raise ConfigError("a link takes no user name or password", where=where, hint="use a tunnel, e.g. ssh or VPN")
    if parts.scheme == "file":
        return _file(url, parts.netloc, parts.path, where)
    if parts.scheme == "alsa":
        return _card(url, parts.netloc, parts.path, where)
    if parts.scheme in LISTENING:
        host = _own_address(host, where)
    port = port or DEFAULT_PORTS.get(parts.scheme, 0)
    if parts.scheme not in ("http", "https") and port == 0 and parts.scheme not in LISTENING:
        raise ConfigError(f"{url!r} has no port", where=where, hint=f"{parts.scheme}://{host or LOOPBACK}:7800")
    if not host:
        raise ConfigError(f"{url!r} has no host", where=where, hint=f"{parts.scheme}://{LOOPBACK}:{port or 80}")
    return Address(url, parts.scheme, host, port)


def _own_address(host: str, where: str) -> str:
    if host in ("", "localhost"):
        return LOOPBACK
    try:
        ipaddress.ip_address(host)
    except ValueError:
        raise ConfigError(
            f"a link listens on an address, not on the name {host!r}",
            where=where,
            hint=f"{LOOPBACK} for this machine alone, 0.0.0.0 for every network it is in",
        ) from None
    return host


def _card(url: str, netloc: str, path: str, where: str) -> Address:
    if netloc or path in ("", "/"):
        hint = "three slashes: alsa:///hw:1,0?rate=48000&channels=1, or alsa:///default"
        raise ConfigError(f"{url!r} names no sound card", where=where, hint=hint)
    return Address(url, "alsa", path=unquote(path.lstrip("/")))


def _file(url: str, netloc: str, path: str, where: str) -> Address:
    if netloc or not path or "\0" in unquote(path):
        raise ConfigError(f"{url!r} names no file", where=where, hint="three slashes: file:///run/node.jsonl")
    return Address(url, "file", path=unquote(path))
