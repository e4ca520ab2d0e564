"""Receivers of Remote ID on a serial port (a pty stands in) and behind a real MQTT broker (mosquitto)."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from skysentry.errors import ConfigError
from skysentry.events import AnyEvent, Health, HealthState, LinkKind, Packet
from skysentry.runtime.links import open_link
from skysentry.runtime.links.mqtt import one_line
from skysentry.sensing.remote_id.receiver import RemoteIdReceiver
from skysentry.site import Sensor, SensorKind, Site
from skysentry.wire import mavlink, mavlink_odid, mqtt
from skysentry.wire.remote_id import BasicId, Location, encode_pack

BROKER = shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin")
# Under CI it must be there, and `broker` fails where it is not.
needs_broker = pytest.mark.skipif(
    BROKER is None and os.environ.get("CI") != "true",
    reason="mosquitto is not installed: apt-get install mosquitto, or make system-test-packages",
)
REPORT = (
    b'{"mac":"60:60:1f:0a:0b:0c","rssi":-55,"drone_lat":50.450000,"drone_long":30.520000,"drone_altitude":181,'
    b'"pilot_lat":50.449000,"pilot_long":30.521000,"basic_id":"1581F5FKD229400"}'
)
PASSWORD = "a long secret"


def sensor(link: str, kind: SensorKind = SensorKind.REMOTE_ID) -> Sensor:
    return Sensor(id="rid", kind=kind, link=link)


class Heard(list[AnyEvent]):
    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self if isinstance(event, kind)]

    async def until(self, met: Callable[[Heard], object]) -> None:
        async with asyncio.timeout(10.0):
            while not met(self):
                await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(given: Sensor) -> AsyncIterator[Heard]:
    heard = Heard()
    task = asyncio.create_task(open_link(given, time.time_ns).run(heard.append))
    try:
        yield heard
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def run(test: Awaitable[None]) -> None:
    asyncio.run(asyncio.wait_for(test, 30.0))  # type: ignore[arg-type]


@contextlib.contextmanager
def port() -> Iterator[tuple[int, str]]:
    ours, theirs = os.openpty()
    name = os.ttyname(theirs)
    os.close(theirs)
    try:
        yield ours, name
    finally:
        with contextlib.suppress(OSError):
            os.close(ours)


def connected(heard: Heard) -> list[Health]:
    return [h for h in heard.of(Health) if h.state is HealthState.OK and h.reason.startswith("connected")]


def lost(heard: Heard) -> list[Health]:
    return [h for h in heard.of(Health) if h.state is HealthState.LOST]


def test_reports_on_a_serial_port_become_a_detection_and_rubbish_a_count() -> None:
    async def check() -> None:
        with port() as (ours, name):
            async with running(sensor(f"serial://{name}?baud=115200")) as heard:
                await heard.until(connected)
                os.write(ours, b"ets Jul 29 2019 12:21:46 rst:0x1\r\n" + REPORT + b"\r\n" + REPORT[:40])
                await heard.until(lambda h: h.of(Packet))
                os.write(ours, REPORT[40:] + b'\r\n{"heartbeat":"Device is active and running."}\r\n')
                await heard.until(lambda h: len(h.of(Packet)) == 3)
            packets = heard.of(Packet)
            assert [p.link for p in packets] == [LinkKind.REMOTE_ID_JSON] * 3
            assert [p.data for p in packets[:2]] == [REPORT] * 2
            receiver = RemoteIdReceiver(Site())
            scans = receiver.step(packets[-1].received_ns, packets)
            found = scans[0].detections[0]  # type: ignore[union-attr]
            assert found.identity.value == "1581F5FKD229400"
            assert found.identity.transmitter == "60:60:1f:0a:0b:0c"
            assert (found.measurement.lat_deg, found.measurement.alt_m) == (50.45, 181.0)
            assert found.identity.operator.lat_deg == 50.449
            assert receiver._sensors["rid"].damaged == 0

    run(check())


def test_bytes_that_a_terminal_would_eat_reach_mavlink(tmp_path: Path) -> None:
    """0x03, 0x0D, 0x11, 0x13 and 0x7F are control characters of a port that is not raw."""
    eaten = BasicId(id_type=3, ua_type=2, uas_id="03040d0a1113117f1a1c03040d0a1113")
    pack = encode_pack([eaten, Location(lat_deg=50.45, lon_deg=30.52)])
    payload = b"\0\0" + bytes(range(1, 7)).ljust(20, b"\0") + pack[1:]
    frame = mavlink.frame(mavlink_odid.FORMS[12_915], 12_915, payload)

    async def check() -> None:
        with port() as (ours, name):
            async with running(sensor(f"serial://{name}?baud=57600&form=mavlink")) as heard:
                await heard.until(connected)
                os.write(ours, b"\xfe\x09\x00\x01\x01\x00" + bytes(11) + frame[:20])
                os.write(ours, frame[20:])
                await heard.until(lambda h: h.of(Packet))
            (packet,) = heard.of(Packet)
            assert (packet.link, packet.data) == (LinkKind.MAVLINK_ODID, frame)
            (scan,) = RemoteIdReceiver(Site()).step(packet.received_ns, [packet])
            assert scan.detections[0].identity.value == eaten.uas_id  # type: ignore[union-attr]
            assert scan.detections[0].identity.transmitter == "01:02:03:04:05:06"  # type: ignore[union-attr]

    run(check())


def test_a_port_that_is_pulled_out_is_told_and_taken_again(tmp_path: Path) -> None:
    name = tmp_path / "port"

    async def check() -> None:
        with port() as (ours, first):
            name.symlink_to(first)
            async with running(sensor(f"serial://{name}")) as heard:
                await heard.until(connected)
                os.close(ours)
                await heard.until(lost)
                name.unlink()
                with port() as (again, second):
                    name.symlink_to(second)
                    await heard.until(lambda h: len(connected(h)) == 2)
                    os.write(again, REPORT + b"\n")
                    await heard.until(lambda h: h.of(Packet))

    run(check())


def test_a_file_is_no_serial_port(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(REPORT)

    async def check() -> None:
        async with running(sensor(f"serial://{tmp_path}/file")) as heard:
            await heard.until(lost)
        assert "is no serial port" in lost(heard)[0].reason

    run(check())


@contextlib.contextmanager
def broker(folder: Path) -> Iterator[int]:
    """A broker that lets only `node` in, with the password."""
    assert BROKER is not None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number = free.getsockname()[1]
    subprocess.run(
        [str(shutil.which("mosquitto_passwd")), "-b", "-c", str(folder / "users"), "node", PASSWORD], check=True
    )
    (folder / "users").chmod(0o644)
    user = "user root\n" if os.geteuid() == 0 else ""
    (folder / "conf").write_text(f"listener {number} 127.0.0.1\npassword_file {folder / 'users'}\n{user}")
    process = subprocess.Popen([BROKER, "-c", str(folder / "conf")], stderr=subprocess.DEVNULL)
    try:
        for _ in range(500):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", number), 0.1):
                break
            time.sleep(0.01)
        yield number
    finally:
        process.terminate()
        process.wait()


async def publish(number: int, topic: str, *payloads: bytes) -> None:
    """Publish at quality 0 with bytes of our own, and wait until the broker has answered a ping after them."""
    reader, writer = await asyncio.open_connection("127.0.0.1", number)
    writer.write(mqtt.connect("publisher", 30, "node", PASSWORD))
    assert (await reader.readexactly(4))[3] == 0
    for payload in payloads:
        body = len(topic).to_bytes(2, "big") + topic.encode() + payload
        size = bytes((len(body),)) if len(body) < 128 else bytes((len(body) % 128 + 128, len(body) // 128))
        writer.write(b"\x30" + size + body)
    writer.write(mqtt.PINGREQ_BYTES)
    assert await reader.readexactly(2) == b"\xd0\x00"
    writer.close()


@needs_broker
def test_reports_of_a_real_broker_with_a_password_that_is_told_to_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RID_PASSWORD", PASSWORD)
    spread = REPORT.replace(b",", b",\n  ")

    async def check(number: int) -> None:
        link = f"mqtt://127.0.0.1:{number}/rid/%23?user=node&password_env=RID_PASSWORD"
        async with running(sensor(link)) as heard:
            await heard.until(connected)
            await publish(number, "rid/gate", REPORT, spread, b"rubbish")
            await publish(number, "other/gate", REPORT)
            await publish(number, "rid/roof", REPORT)
            await heard.until(lambda h: len(h.of(Packet)) >= 3)
        assert [p.data for p in heard.of(Packet)] == [REPORT] * 3
        assert PASSWORD not in repr(list(heard))

    with broker(tmp_path) as number:
        run(check(number))


@needs_broker
def test_a_wrong_password_is_told_and_put_right_without_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("wrong one\n")

    async def check(number: int) -> None:
        async with running(sensor(f"mqtt://127.0.0.1:{number}/rid?user=node&password_file={file}")) as heard:
            await heard.until(lost)
            assert "refuses" in lost(heard)[0].reason
            file.write_text(PASSWORD + "\n")
            await heard.until(connected)
            await publish(number, "rid", REPORT)
            await heard.until(lambda h: h.of(Packet))
        assert PASSWORD not in repr(list(heard))
        assert "wrong one" not in repr(list(heard))

    with broker(tmp_path) as number:
        run(check(number))


def test_a_password_that_is_not_there_is_told_by_the_name_of_its_place() -> None:
    async def check() -> None:
        async with running(sensor("mqtt://127.0.0.1/rid?user=node&password_env=NOT_SET_ANYWHERE")) as heard:
            await heard.until(lost)
        assert "NOT_SET_ANYWHERE" in lost(heard)[0].reason

    run(check())


def test_a_peer_that_speaks_no_mqtt_is_lost_and_harms_nothing() -> None:
    async def check() -> None:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"\xff" * 100)
            await reader.read()
            writer.close()

        server = await asyncio.start_server(handle, "127.0.0.1", 0)
        number = server.sockets[0].getsockname()[1]
        async with running(sensor(f"mqtt://127.0.0.1:{number}/rid")) as heard:
            await heard.until(lost)
        assert "MQTT" in lost(heard)[0].reason
        server.close()

    run(check())


@pytest.mark.parametrize(
    ("link", "hint"),
    [
        ("mqtt://node:s3kr1t@broker/rid", "password_file"),
        ("mqtt://broker", "mqtt://127.0.0.1"),
        ("mqtt://broker/#", "%23"),
        ("mqtt://broker/rid?password=s3kr1t", "password_env"),
        ("serial:///dev/ttyUSB0?baud=fast", "baud=115200"),
        ("serial:///dev/ttyUSB0?form=morse", "mavlink"),
        ("serial://ttyUSB0", "three slashes"),
    ],
)
def test_a_wrong_url_is_refused_with_a_hint_and_without_its_secret(link: str, hint: str) -> None:
    with pytest.raises(ConfigError) as error:
        open_link(sensor(link), time.time_ns)
    assert hint in str(error.value) + str(error.value.hint)
    assert "s3kr1t" not in str(error.value)


def test_mavlink_is_for_remote_id() -> None:
    with pytest.raises(ConfigError, match="mavlink"):
        open_link(sensor("serial:///dev/ttyUSB0?form=mavlink", SensorKind.RADAR), time.time_ns)


def test_a_text_over_several_lines_is_one() -> None:
    assert one_line(b'{"a": 1,\n "b": [2,\n3]}') == b'{"a":1,"b":[2,3]}'
    assert one_line(b'{"a":1}\n{"b":2}') == b'{"a":1}\n{"b":2}'
