"""`skysentry doctor`: what is wrong here, and how to mend it."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import click
import numpy as np

from skysentry import config
from skysentry.errors import SkysentryError
from skysentry.site import Site

# A day of a medium site: 100 sensors and 20 tracks, after compaction.
DISK_BYTES = 5_000_000_000
# A site holds its tracks, kernels and recordings' buffers in a fraction of this.
MEMORY_BYTES = 1_000_000_000


class Finding(NamedTuple):
    """One check: what was looked at, `ok`, `warn` or `fail`, what was found, and the mend."""

    check: str
    state: str
    found: str
    mend: str = ""


@click.command()
@click.argument("site_file", metavar="[SITE.TOML]", required=False, type=click.Path(path_type=Path))
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), default=Path("skysentry-data"))
@click.option("--port", type=click.IntRange(1, 65535), default=8080, show_default=True)
@click.option("--json", "as_json", is_flag=True)
def command(site_file: Path | None, data: Path, port: int, as_json: bool) -> int:
    """Check this machine, and a site file with its links, zones and secrets. Exit code 1 where something fails."""
    findings = [finding for check in _checks(site_file, data, port) for finding in check()]
    for finding in findings:
        if as_json:
            click.echo(json.dumps(finding._asdict()))
        else:
            mend = f"\n        mend: {finding.mend}" if finding.mend else ""
            click.echo(f"{finding.state:<5} {finding.check}: {finding.found}{mend}")
    return 1 if any(finding.state == "fail" for finding in findings) else 0


def _checks(site_file: Path | None, data: Path, port: int) -> list[Callable[[], Iterator[Finding]]]:
    return [
        _python,
        _kernels,
        _ears,
        _screen,
        lambda: _port(port),
        lambda: _disk(data),
        _memory,
        _clock,
        lambda: _site(site_file),
    ]


def _python() -> Iterator[Finding]:
    version = ".".join(map(str, sys.version_info[:3]))
    yield Finding("python", "ok", version)


def _kernels() -> Iterator[Finding]:
    try:
        import numba  # noqa: F401
    except ImportError:
        yield Finding("compiled kernels", "warn", "numba is not installed", "a node does without; a site needs it")
        return
    from skysentry.alerting import arrival
    from skysentry.sensing.rf import kernels as radio
    from skysentry.tracking import kernels

    kernels.warm()
    arrival.warm()
    radio.warm()
    yield Finding("compiled kernels", "ok", "compiled, and they load")


def _ears() -> Iterator[Finding]:
    """Say whether sound can be told apart, and which of its classes stand on simulation alone."""
    from skysentry.sensing.acoustic import bands, net

    try:
        net.log_p(np.zeros((bands.FRAMES, bands.BANDS), dtype=np.float32))
    except Exception as error:  # whatever keeps the library or the weights from loading is the finding
        yield Finding("sound", "fail", f"the nets do not load: {error}", "install again")
        return
    names = ", ".join(name.replace("_", " ") for name in net.UNVALIDATED)
    yield Finding("sound", "ok", f"the nets load; by sound, these classes are simulated, unvalidated: {names}")


def _screen() -> Iterator[Finding]:
    built = (Path(__file__).parent.parent / "web" / "static" / "index.html").is_file()
    mend = "" if built else "make run builds it; without it everything but the map works"
    yield Finding("screen", "ok" if built else "warn", "built" if built else "not built", mend)


def _port(port: int) -> Iterator[Finding]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            yield Finding(
                "port", "fail", f"127.0.0.1:{port}: {error.strerror}", "end what listens there, or use --port"
            )
            return
    yield Finding("port", "ok", f"127.0.0.1:{port} is free")


def _disk(data: Path) -> Iterator[Finding]:
    folder = next((part for part in (data, *data.absolute().parents) if part.is_dir()), Path())
    free = shutil.disk_usage(folder).free
    if not os.access(folder, os.W_OK):
        yield Finding("disk", "fail", f"{folder} is not writable", "choose another --data")
    state = "ok" if free >= DISK_BYTES else "warn"
    mend = "" if state == "ok" else "a day of recording may not fit: free some space or choose another --data"
    yield Finding("disk", state, f"{free / 1e9:.1f} GB free at {folder}", mend)


def _memory() -> Iterator[Finding]:
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES")
    state = "ok" if total >= MEMORY_BYTES else "warn"
    yield Finding("memory", state, f"{total / 1e9:.1f} GB free", "" if state == "ok" else "close other programs")


def _clock() -> Iterator[Finding]:
    mend = "start chrony, ntpd or systemd-timesyncd: 1 s of clock error is 343 m of sound path"
    program = shutil.which("timedatectl")
    if program is None:
        yield Finding("clock", "warn", "nothing here says whether it is in step", mend)
        return
    asked = [program, "show", "-p", "NTPSynchronized", "--value"]
    answer = subprocess.run(asked, capture_output=True, text=True, timeout=5, check=False).stdout.strip()
    state = "ok" if answer == "yes" else "warn"
    yield Finding("clock", state, f"NTP synchronized: {answer or 'unknown'}", "" if state == "ok" else mend)


def _site(site_file: Path | None) -> Iterator[Finding]:
    if site_file is None:
        yield Finding("site", "ok", "none given", "skysentry doctor site.toml checks one")
        return
    try:
        site = config.load(site_file)
    except SkysentryError as error:
        yield Finding("site", "fail", f"{error.where}: {error.message}", error.hint or "")
        return
    yield Finding("site", "ok", f"{site.name}: {len(site.sensors)} sensors, {len(site.zones)} zones")
    yield from _uplink(site) if site.uplink is not None else _beliefs(site)
    yield from _links(site)
    yield from _outputs(site)


def _uplink(site: Site) -> Iterator[Finding]:
    """Check what a node needs: where its site is, and the key."""
    from skysentry.runtime.links.node_key import key_of, site_of

    link = site.uplink.link if site.uplink is not None else ""
    try:
        host, port = site_of(link, "uplink.link")
        key_of(link, "uplink.link")
    except SkysentryError as error:
        yield Finding("uplink", "fail", error.message, error.hint or "")
        return
    try:
        socket.create_connection((host, port), timeout=2.0).close()
    except OSError as error:
        mend = "start the site there; the node keeps what it hears until it is reached"
        yield Finding("uplink", "warn", f"{host}:{port}: {error}", mend)
        return
    yield Finding("uplink", "ok", f"{host}:{port} answers, and the key can be read")


def _beliefs(site: Site) -> Iterator[Finding]:
    if not site.zones:
        yield Finding("zones", "warn", "no zone: nobody would be warned", "add a [[zone]]")
    for sensor in site.sensors:
        measures = not sensor.reports
        if measures and sensor.position is None:
            yield Finding(
                f"sensor {sensor.id}", "fail", "has no position, so what it measures means nothing", "add one"
            )
        elif measures and sensor.position is not None and sensor.position.alt_m is None:
            mend = "add alt_m (metres above the ellipsoid); 0 is assumed"
            yield Finding(f"sensor {sensor.id}", "warn", "has no altitude", mend)
        if sensor.link is None:
            yield Finding(f"sensor {sensor.id}", "warn", "has no link, so it is silent", "docs/links.md")


def _links(site: Site) -> Iterator[Finding]:
    from skysentry.runtime.clock import WallClock
    from skysentry.runtime.links import open_link

    for sensor in site.sensors:
        if sensor.link is None:
            continue
        try:
            open_link(sensor, WallClock())
        except SkysentryError as error:
            yield Finding(f"link {sensor.id}", "fail", error.message, error.hint or "")
            continue
        yield _reach(sensor.id, sensor.link)


def _reach(sensor: str, link: str) -> Finding:
    """Try to connect where the link connects; what only listens is fine as it is."""
    parts = urlsplit(link)
    if parts.scheme in ("udp", "rtp", "tcp-listen", "node", "file", "alsa"):
        return Finding(f"link {sensor}", "ok", f"{link} (listens)")
    port = parts.port or {"http": 80, "https": 443, "rtsp": 554}.get(parts.scheme, 0)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=2.0).close()
    except OSError as error:
        mend = "start the receiver there; `run` keeps trying, so this may also come later"
        return Finding(f"link {sensor}", "warn", f"{link}: {error}", mend)
    return Finding(f"link {sensor}", "ok", f"{link} answers")


def _outputs(site: Site) -> Iterator[Finding]:
    for output in site.outputs:
        if output.kind == "webhook" and not output.url:
            yield Finding("output", "fail", "a webhook has no url", 'url = "http://…"')
        if output.secret_env and not os.environ.get(output.secret_env):
            mend = f"export {output.secret_env}=… before `run`"
            yield Finding("output", "fail", f"{output.secret_env} is not set in the environment", mend)
