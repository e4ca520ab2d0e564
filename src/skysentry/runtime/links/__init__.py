"""Live sources: one link a sensor, opened by the URL in site.toml (docs/links.md).

    udp://127.0.0.1:7800            datagrams of JSON lines, bound here
    rtp://127.0.0.1:7810?rate=16000&channels=8   sound as RTP datagrams, bound here
    alsa:///hw:1,0?rate=48000&channels=2         a sound card     rtsp://camera/stream   a camera's sound
    tcp://node:7801                 JSON lines, connected to
    tcp-listen://127.0.0.1:7802     JSON lines, from whoever connects here
    node://0.0.0.0:7900?key_file=… Scans of a node that keeps what a cut link holds back, authenticated (docs/node.md)
    file:///run/node.jsonl          JSON lines, as a file or fifo grows
    beast://receiver:30005          Mode S frames     avr://receiver:30002     the same as text
    sbs://receiver:30003            BaseStation lines
    http://receiver/data/aircraft.json   polled
    serial:///dev/ttyUSB0?baud=115200   JSON lines; with &form=mavlink OPEN_DRONE_ID messages
    mqtt://broker/topic/%23   subscribed; mqtts over TLS
    rtl-tcp://receiver:1234?rate=2.4e6&centre=2.44e9     radio samples; iq-tcp, iq-udp: raw ones (`iq`)
    kraken://receiver                    directions of a KrakenSDR, polled
    pcap-listen://127.0.0.1:7805    a capture in monitor mode as it is made; pcap: connected to

`run` ends only by cancellation: what goes wrong with a source is told as `Health` and tried again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from skysentry.errors import ConfigError
from skysentry.events import AnyEvent
from skysentry.runtime.links.address import RADIO, Address, parse
from skysentry.runtime.links.capture import PcapContent
from skysentry.runtime.links.content import AvrContent, BeastContent, Content, JsonContent, MavlinkContent, SbsContent
from skysentry.runtime.links.inlet import Inlet
from skysentry.runtime.links.iq import IqContent, IqUdpLink, RtlTcpLink, tuning
from skysentry.runtime.links.kraken import KrakenLink
from skysentry.runtime.links.mqtt import MqttLink
from skysentry.runtime.links.poll import HttpLink
from skysentry.runtime.links.scans import NodeLink
from skysentry.runtime.links.serial import SerialLink
from skysentry.runtime.links.soapy import SoapyLink
from skysentry.runtime.links.sound import RtpContent, agreed
from skysentry.runtime.links.soundcard import camera, sound_card
from skysentry.runtime.links.stream import FileLink, TcpLink, TcpListenLink, UdpLink
from skysentry.site import Sensor, SensorKind

Emit = Callable[[AnyEvent], None]
SOUND_ONLY = ("rtp", "alsa", "rtsp")
ADSB_ONLY = ("beast", "avr", "sbs", "http", "https")
CAPTURES = ("pcap", "pcap-listen")


class Link(Protocol):
    """A live source of one sensor's events."""

    async def run(self, emit: Emit) -> None:
        """Give events to `emit` as they arrive, until cancelled."""
        ...


def open_link(sensor: Sensor, clock: Callable[[], int]) -> Link:
    """Return the link of a sensor; nothing is opened before `run`.

    `clock` returns nanoseconds since 1970. Raises `ConfigError` where `sensor.link` is absent or cannot be used.
    """
    if sensor.link is None:
        raise ConfigError("the sensor has no link", where=sensor.id, hint='link = "udp://127.0.0.1:7800"')
    address = parse(sensor.link, sensor.id)
    if address.scheme in ADSB_ONLY and sensor.kind is not SensorKind.ADSB:
        raise ConfigError(
            f"{address.scheme}: is for ADS-B, not for {sensor.kind}", where=sensor.id, hint='kind = "adsb"'
        )
    if address.scheme in SOUND_ONLY and sensor.kind not in (SensorKind.MICROPHONE, SensorKind.ARRAY):
        raise ConfigError(
            f"{address.scheme}: is sound, not for {sensor.kind}", where=sensor.id, hint='kind = "microphone"'
        )
    if address.scheme in CAPTURES and sensor.kind is not SensorKind.REMOTE_ID:
        raise ConfigError(
            f"{address.scheme}: is for Remote ID, not for {sensor.kind}", where=sensor.id, hint='kind = "remote_id"'
        )
    if address.query.get("form") == "mavlink" and sensor.kind is not SensorKind.REMOTE_ID:
        raise ConfigError(
            f"mavlink is for Remote ID, not for {sensor.kind}", where=sensor.id, hint='kind = "remote_id"'
        )
    if address.scheme in RADIO and sensor.kind is not SensorKind.RF:
        raise ConfigError(f"{address.scheme}: is radio, not for {sensor.kind}", where=sensor.id, hint='kind = "rf"')
    inlet = Inlet(sensor, clock)
    link: Link
    match address.scheme:
        case "rtp":
            link = UdpLink(address, inlet, RtpContent(inlet, agreed(address, sensor.id)))
        case "alsa":
            link = sound_card(address, inlet)
        case "rtsp":
            link = camera(address, inlet)
        case "node":
            link = NodeLink(address, inlet)
        case "rtl-tcp":
            link = RtlTcpLink(address, inlet, tuning(address, sensor.id))
        case "soapy":
            link = SoapyLink(address, inlet, tuning(address, sensor.id))
        case "kraken":
            link = KrakenLink(address, inlet)
        case "iq-udp":
            link = IqUdpLink(address, inlet, tuning(address, sensor.id))
        case "iq-tcp":
            tuned = tuning(address, sensor.id)
            link = TcpLink(address, inlet, lambda: IqContent(inlet, tuned))
        case "udp":
            link = UdpLink(address, inlet, _content(address, inlet))
        case "pcap-listen":
            link = TcpListenLink(address, inlet, lambda: PcapContent(inlet))
        case "pcap":
            link = TcpLink(address, inlet, lambda: PcapContent(inlet))
        case "tcp-listen":
            link = TcpListenLink(address, inlet, lambda: _content(address, inlet))
        case "file":
            link = FileLink(address, inlet, lambda: _content(address, inlet))
        case "serial":
            link = SerialLink(address, inlet, lambda: _content(address, inlet))
        case "mqtt" | "mqtts":
            link = MqttLink(address, inlet, JsonContent(inlet))
        case "http" | "https":
            link = HttpLink(address, inlet)
        case _:
            link = TcpLink(address, inlet, lambda: _content(address, inlet))
    return link


def _content(address: Address, inlet: Inlet) -> Content:
    kinds: dict[str, Callable[[Inlet], Content]] = {"beast": BeastContent, "sbs": SbsContent, "avr": AvrContent}
    if address.query.get("form") == "mavlink":
        return MavlinkContent(inlet)
    return kinds.get(address.scheme, JsonContent)(inlet)
