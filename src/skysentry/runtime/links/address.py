"""The URL of a link, checked: what a person wrote in site.toml either works as it says or is refused with a hint.

A link that listens does so on 127.0.0.1 unless an address of another interface is written out: whoever can reach the
port can speak as that sensor. A name is refused there, for what it resolves to may change.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import parse_qsl, unquote, urlsplit

from msgspec import Struct

from skysentry.errors import ConfigError

LISTENING = ("udp", "rtp", "tcp-listen", "node", "iq-udp", "pcap-listen")
# The ports that Mode S receivers, rtl_tcp and KrakenSDR use, the one that a node looks for, of brokers and cameras.
DEFAULT_PORTS = {
    "beast": 30005, "sbs": 30003, "avr": 30002, "node": 7900, "mqtt": 1883, "mqtts": 8883, "rtl-tcp": 1234,
    "kraken": 8081, "rtsp": 554,
}  # fmt: skip
RADIO = ("rtl-tcp", "iq-tcp", "iq-udp", "kraken", "soapy")
SCHEMES = (
    "udp", "rtp", "tcp", "tcp-listen", "node", "beast", "sbs", "avr", "http", "https", "file", "serial", "mqtt",
    "mqtts", "alsa", "rtsp", "pcap", "pcap-listen", *RADIO,
)  # fmt: skip
MQTT_QUERY = ("user", "password_env", "password_file")
# What USB bridges of microcontrollers start with.
DEFAULT_BAUD = "115200"
SERIAL_FORMS = ("json", "mavlink")
# The length of MQTT text is two bytes.
MAX_TOPIC = 65_535
LOOPBACK = "127.0.0.1"


class Address(Struct, frozen=True):
    """A checked URL. `host` and `port` are empty and 0 for files; `path` is that of a file or port, or a topic."""

    url: str
    scheme: str
    host: str = ""
    port: int = 0
    path: str = ""
    query: dict[str, str] = {}

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
        hint = "use a tunnel, e.g. ssh or VPN"
        if parts.scheme in ("mqtt", "mqtts"):
            hint = "?user=NAME&password_file=/run/secrets/mqtt, or &password_env=VARIABLE"
        raise ConfigError("a link takes no user name or password", where=where, hint=hint)
    if parts.scheme == "file":
        return _file(url, parts.netloc, parts.path, where)
    if parts.scheme == "serial":
        return _serial(url, parts.netloc, parts.path, parts.query, where)
    if parts.scheme == "soapy":
        return Address(url, "soapy")
    if parts.scheme == "alsa":
        return _card(url, parts.netloc, parts.path, where)
    if parts.scheme in LISTENING:
        host = _own_address(host, where)
    port = port or DEFAULT_PORTS.get(parts.scheme, 0)
    if parts.scheme not in ("http", "https") and port == 0 and parts.scheme not in LISTENING:
        raise ConfigError(f"{url!r} has no port", where=where, hint=f"{parts.scheme}://{host or LOOPBACK}:7800")
    if not host:
        raise ConfigError(f"{url!r} has no host", where=where, hint=f"{parts.scheme}://{LOOPBACK}:{port or 80}")
    if parts.scheme in ("mqtt", "mqtts"):
        return _mqtt(Address(url, parts.scheme, host, port), parts.path, parts.query, where)
    return Address(url, parts.scheme, host, port)


def _serial(url: str, netloc: str, path: str, query: str, where: str) -> Address:
    given = {"baud": DEFAULT_BAUD, "form": "json", **_query(query, ("baud", "form"), where)}
    if netloc or not path or "\0" in unquote(path):
        raise ConfigError(
            f"{url!r} names no port", where=where, hint="three slashes: serial:///dev/ttyUSB0?baud=115200"
        )
    if not given["baud"].isdecimal() or given["form"] not in SERIAL_FORMS:
        hint = f"?baud=115200&form={' or '.join(SERIAL_FORMS)}"
        raise ConfigError(f"{url!r} has a wrong speed or form", where=where, hint=hint)
    return Address(url, "serial", path=unquote(path), query=given)


def _mqtt(address: Address, path: str, query: str, where: str) -> Address:
    topic, given = unquote(path).removeprefix("/"), _query(query, MQTT_QUERY, where)
    if "#" in address.url:
        raise ConfigError(f"{address.url!r}: # begins a fragment of a URL", where=where, hint="write %23 for #")
    if not topic or "\0" in topic or len(topic.encode()) > MAX_TOPIC:
        raise ConfigError(f"{address.url!r} has no topic", where=where, hint="mqtt://127.0.0.1/remoteid/%23")
    return Address(address.url, address.scheme, address.host, address.port, topic, given)


def _query(query: str, known: tuple[str, ...], where: str) -> dict[str, str]:
    given = dict(parse_qsl(query, keep_blank_values=True))
    if strange := sorted(set(given) - set(known)):
        raise ConfigError(f"a link knows no {strange[0]!r}", where=where, hint=f"one of {', '.join(known)}")
    return given


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
