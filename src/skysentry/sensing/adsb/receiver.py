"""ADS-B receiver: Mode S frames, BaseStation lines and aircraft.json objects into Scans.

Each packet that yields a believed position gives one `Scan` with one `Detection`. A receiver of this kind hears only
those who transmit, so there are no empty scans: its silence says nothing of others. What an aircraft said lately of its
name, category, velocity and accuracy is kept per sensor and address and goes with its next position.

Positions
    Mode S positions are encoded (`wire.cpr`). An even and an odd message close in time are solved together; failing
    that, one message is solved next to the last believed position. The last message of each parity is state here.
    A surface pair needs a place to start from: that of the sensor, or the site's.
Altitude
    `alt_m` is above the ellipsoid where the aircraft says so, or its pressure altitude plus the difference it sent
    within the last minute. With pressure altitude alone, that is taken with a wide sigma: a day's air pressure (12 hPa
    rms) is 100 m, the geoid up to 100 m, and air 10 K off the standard stretches heights by 4 %. The feature
    `pressure_altitude` marks it.
Covariance
    From what the transmitter declares (`report`), plus the distance flown in the latency that is allowed without
    being corrected: 0.6 s for 95 % of messages (EASA CS-ACNS.D.ADSB), so 0.3 s.
Faults
    Anyone can send anything. A position that implies more than 700 m/s against the last one (`jumps`), that is older
    than it (`time_faults`), or that is out of radio sight of a sensor whose place is known (`too_far`) is counted and
    not believed, unless it repeats: five in a row that agree with each other replace what was believed. Two
    transmitters on one address therefore give one path, that of the first, as long as it is heard.
State is bounded per sensor. Where there are too many addresses, those that never gave a position go first, the longest
unheard before others: a flood of invented addresses costs the invented ones.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from skysentry.errors import DecodeError, StateError
from skysentry.events import (
    AnyEvent,
    Detection,
    Health,
    HealthState,
    Identity,
    LinkKind,
    Packet,
    Place,
    Position,
    Scan,
    health,
    scan_id,
)
from skysentry.geo import distance_m
from skysentry.sensing.adsb.report import (
    CLASS_LLR,
    UNSAID,
    Report,
    horizontal_sigma_m,
    of_aircraft,
    of_mode_s,
    of_sbs,
)
from skysentry.site import Site
from skysentry.wire import aircraft_json, mode_s, sbs
from skysentry.wire.cpr import CprPosition, global_position, local_position

SNAPSHOT_VERSION = 1
LINKS = (LinkKind.MODE_S, LinkKind.SBS, LinkKind.AIRCRAFT_JSON)
# One receiver hears 500 aircraft at the most; a collected feed of a continent has some thousands.
MAX_AIRCRAFT = 8_192
MAX_SENSORS = 256
# Pairs: DO-260B allows 10 s in the air; on the surface 50 s, 25 s above 25 kt.
AIR_PAIR_NS, SURFACE_PAIR_NS = 10_000_000_000, 25_000_000_000
# In 300 s nothing flies half a zone (333 km) or taxies one of the surface (83 km).
NEAR_NS = 300_000_000_000
# Faster than anything that carries a transponder; the slack is for stamps of whole seconds and position noise.
MAX_SPEED_MPS, JUMP_SLACK_M = 700.0, 500.0
# The ages in aircraft.json are rounded to 0.1 s and the document is written up to a second late.
LATE_S = 1.0
PERSISTENT = 5
# Radio sight between 15 km height and a mountain of 3 km is 730 km.
MAX_REACH_M = 800_000.0
# aircraft.json keeps positions for a minute; older than this they only drag a track behind.
MAX_AGE_S = 15.0
SAME_POSITION_S = 0.5
VELOCITY_NS = 5_000_000_000
GEO_MINUS_BARO_NS = 60_000_000_000
LATENCY_SIGMA_S = 0.3
# GNSS height: 15 m, and some transponders round to 25 ft or refer to the geoid of an old chart.
GEOMETRIC_SIGMA_M = 30.0
PRESSURE_SIGMA_M, PRESSURE_SIGMA_SHARE = 150.0, 0.04
RECENT_TIMES = 2_048
HEALTH_NS = 10_000_000_000
CALM_NS = 60_000_000_000
# Below one in twenty, damaged frames are what any radio has.
DEGRADED_SHARE = 0.05


class Suspect(Struct):
    """Positions in a row that do not fit what is believed, but fit each other."""

    place: tuple[float, float]
    time_ns: int
    count: int = 1


class Flight(Struct):
    """What is believed of one address."""

    place: tuple[float, float] | None = None
    placed_ns: int = 0
    suspect: Suspect | None = None
    even: CprPosition | None = None
    even_ns: int = 0
    odd: CprPosition | None = None
    odd_ns: int = 0
    callsign: str | None = None
    category: str | None = None
    nac_p: int | None = None
    velocity_mps: tuple[float, float] | None = None
    vertical_mps: float | None = None
    velocity_sigma_mps: float = 5.0
    velocity_ns: int = 0
    geo_minus_baro_m: float | None = None
    geo_minus_baro_ns: int = 0


class Table(Struct):
    """State of one sensor: flights by address, the longest unheard first, and counts."""

    placed: dict[str, Flight] = {}
    heard: dict[str, Flight] = {}
    recent_ns: dict[int, None] = {}
    counts: dict[str, int] = {}
    packets: int = 0
    told_ns: int = -HEALTH_NS  # so that the first fault is told at once
    told_packets: int = 0
    told_faults: int = 0
    degraded: bool = False

    def fault(self, kind: str) -> None:
        """Count something that is not believed."""
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def flight(self, address: str) -> Flight:
        """Return the flight of an address and mark it as the last heard; makes room where there is none."""
        for flights in (self.placed, self.heard):
            flight = flights.pop(address, None)
            if flight is not None:
                flights[address] = flight
                return flight
        if len(self.placed) + len(self.heard) >= MAX_AIRCRAFT:
            flights = self.heard or self.placed
            del flights[next(iter(flights))]
            self.fault("flights_dropped")
        self.heard[address] = Flight()
        return self.heard[address]

    def believe(self, address: str, flight: Flight, place: tuple[float, float], time_ns: int) -> None:
        """Take a position for where the aircraft is."""
        flight.place, flight.placed_ns, flight.suspect = place, time_ns, None
        if self.heard.pop(address, None) is not None:
            self.placed[address] = flight

    def own_time(self, time_ns: int) -> int:
        """Return the time, or the next nanosecond that no recent scan has: a scan is named by its time."""
        while time_ns in self.recent_ns:
            time_ns += 1
        self.recent_ns[time_ns] = None
        if len(self.recent_ns) > RECENT_TIMES:
            del self.recent_ns[next(iter(self.recent_ns))]
        return time_ns


class AdsbReceiver:
    """Stage from Packets of ADS-B to Scans."""

    def __init__(self, site: Site) -> None:
        self._places: dict[str, Place] = {s.id: s.position for s in site.sensors if s.position is not None}
        # A site that nobody placed has its origin at 0, 0, which is no place to solve from.
        at = site.position
        self._site = (at.lat_deg, at.lon_deg) if (at.lat_deg, at.lon_deg) != (0.0, 0.0) else None
        self._tables: dict[str, Table] = {}

    def step(self, now_ns: int, events: Sequence[AnyEvent]) -> list[AnyEvent]:
        """Return a scan for each packet with a believed position, in order of arrival, then health."""
        packets = [event for event in events if isinstance(event, Packet) and event.link in LINKS]
        packets.sort(key=lambda packet: packet.received_ns)
        frames = iter(mode_s.decode([packet.data for packet in packets if packet.link is LinkKind.MODE_S]))
        made: list[AnyEvent] = []
        for packet in packets:
            message = next(frames) if packet.link is LinkKind.MODE_S else None
            table = self._table(packet.sensor)
            if table is None:
                continue
            table.packets += 1
            report = _report(packet, message, table)
            scan = self._scan(table, packet, report) if report is not None else None
            if scan is not None:
                made.append(scan)
        made += [health for sensor in self._tables if (health := self._health(now_ns, sensor)) is not None]
        return made

    def snapshot(self) -> bytes:
        """Return the flights and counts of all sensors."""
        return msgspec.msgpack.encode((SNAPSHOT_VERSION, self._tables))

    def restore(self, state: bytes) -> None:
        """Take a snapshot; raises `StateError` where it is of another version or no snapshot."""
        try:
            version = msgspec.msgpack.decode(state, type=tuple[int, msgspec.Raw])[0]
            if version != SNAPSHOT_VERSION:
                raise StateError(f"a snapshot of the ADS-B receiver of version {version}", hint="start with --fresh")
            self._tables = msgspec.msgpack.decode(state, type=tuple[int, dict[str, Table]])[1]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise StateError(f"the ADS-B receiver's snapshot cannot be read: {error}") from None

    def _table(self, sensor: str) -> Table | None:
        table = self._tables.get(sensor)
        if table is None and len(self._tables) < MAX_SENSORS:
            table = self._tables[sensor] = Table()
        return table

    def _scan(self, table: Table, packet: Packet, report: Report) -> Scan | None:
        """Return the scan of a report, or `None` where it holds no position that is believed."""
        flight = table.flight(report.address)
        _learn(flight, report)
        place = report.place or self._solve(flight, report, packet.sensor)
        if place is None or _repeated(flight, place, report, packet.link):
            return None
        fault = _fault(flight, place, report.time_ns) or self._out_of_reach(packet, place)
        if fault is not None:
            table.fault(fault)
            if not _persists(flight, place, report.time_ns):
                return None
        table.believe(report.address, flight, place, report.time_ns)
        time_ns = table.own_time(report.time_ns)
        name = scan_id(packet.sensor, time_ns)
        return Scan(
            id=name,
            time_ns=time_ns,
            received_ns=packet.received_ns,
            sensor=packet.sensor,
            detections=(_detection(f"{name}#0", flight, place, report, packet.id),),
        )

    def _solve(self, flight: Flight, report: Report, sensor: str) -> tuple[float, float] | None:
        """Return where an encoded position is, and keep it for the next of the other parity."""
        cpr, time_ns = report.cpr, report.time_ns
        if cpr is None:
            return None
        if cpr.odd:
            flight.odd, flight.odd_ns = cpr, time_ns
        else:
            flight.even, flight.even_ns = cpr, time_ns
        last = flight.place if abs(time_ns - flight.placed_ns) <= NEAR_NS else None
        limit_ns = SURFACE_PAIR_NS if cpr.surface else AIR_PAIR_NS
        even, odd = flight.even, flight.odd
        if even is not None and odd is not None and even.surface is odd.surface:
            near = last or self._receiver(sensor) if cpr.surface else None
            if abs(flight.even_ns - flight.odd_ns) <= limit_ns:
                found = global_position(even, odd, cpr.odd, near)
                if found is not None:
                    return found
        return local_position(cpr, last) if last is not None else None

    def _receiver(self, sensor: str) -> tuple[float, float] | None:
        place = self._places.get(sensor)
        return (place.lat_deg, place.lon_deg) if place is not None else self._site

    def _out_of_reach(self, packet: Packet, place: tuple[float, float]) -> str | None:
        at = self._places.get(packet.sensor)
        # aircraft.json is often collected from many receivers, so that one place says nothing of its reach.
        if at is None or packet.link is LinkKind.AIRCRAFT_JSON:
            return None
        return "too_far" if distance_m(at.lat_deg, at.lon_deg, *place) > MAX_REACH_M else None

    def _health(self, now_ns: int, sensor: str) -> Health | None:
        """Return what went wrong since it was last told, at most every 10 s; once more when it is over."""
        table = self._tables[sensor]
        faults = sum(table.counts.values())
        new, age_ns = faults - table.told_faults, now_ns - table.told_ns
        if not (new and age_ns >= HEALTH_NS) and not (table.degraded and not new and age_ns >= CALM_NS):
            return None
        share = new / max(1, table.packets - table.told_packets)
        table.degraded = share > DEGRADED_SHARE
        table.told_ns, table.told_packets, table.told_faults = now_ns, table.packets, faults
        return health(
            sensor,
            now_ns,
            HealthState.DEGRADED if table.degraded else HealthState.OK,
            f"{new} ADS-B messages were damaged or not believed" if new else "ADS-B messages are good again",
            "see docs/links.md for what each count means" if table.degraded else "",
            (("packets", table.packets), *sorted(table.counts.items())),
            part="adsb",
        )


def _report(packet: Packet, message: mode_s.ModeS | None, table: Table) -> Report | None:
    """Return what a packet says, `None` where it is damaged (counted) or of a kind without interest."""
    try:
        if packet.link is LinkKind.MODE_S:
            if message is not None:
                return of_mode_s(message, packet.time_ns)
            if mode_s.is_squitter(packet.data):
                table.fault("undecoded" if mode_s.checksum(packet.data) == 0 else "bad_checksum")
            elif not mode_s.well_formed(packet.data):
                table.fault("bad_length")
            return None
        if packet.link is LinkKind.SBS:
            line = sbs.decode(packet.data)
            return of_sbs(line, packet.time_ns) if line is not None else None
        seen = aircraft_json.decode(packet.data)
        return of_aircraft(seen, packet.time_ns) if (seen.seen_pos or 0.0) <= MAX_AGE_S else None
    except DecodeError:
        table.fault("bad_line" if packet.link is LinkKind.SBS else "bad_object")
        return None


def _learn(flight: Flight, report: Report) -> None:
    """Keep what goes with later positions."""
    flight.callsign = report.callsign or flight.callsign
    flight.category = report.category or flight.category
    if report.nac_p is not None:
        flight.nac_p = report.nac_p
    if report.velocity_mps is not None:
        flight.velocity_mps, flight.vertical_mps = report.velocity_mps, report.vertical_mps
        flight.velocity_sigma_mps, flight.velocity_ns = report.velocity_sigma_mps, report.time_ns
    if report.geo_minus_baro_m is not None:
        flight.geo_minus_baro_m, flight.geo_minus_baro_ns = report.geo_minus_baro_m, report.time_ns


def _repeated(flight: Flight, place: tuple[float, float], report: Report, link: LinkKind) -> bool:
    """Return whether this is the position of the poll before, told again."""
    told_again = link is LinkKind.AIRCRAFT_JSON and place == flight.place
    return told_again and abs(report.time_ns - flight.placed_ns) < SAME_POSITION_S * 1e9


def _fault(flight: Flight, place: tuple[float, float], time_ns: int) -> str | None:
    if flight.place is None:
        return None
    if time_ns < flight.placed_ns - LATE_S * 1e9:
        return "time_faults"
    return None if _reachable(flight.place, place, time_ns - flight.placed_ns) else "jumps"


def _reachable(start: tuple[float, float], end: tuple[float, float], elapsed_ns: int) -> bool:
    return distance_m(*start, *end) <= MAX_SPEED_MPS * abs(elapsed_ns) / 1e9 + JUMP_SLACK_M


def _persists(flight: Flight, place: tuple[float, float], time_ns: int) -> bool:
    """Count a position that is not believed; return whether enough in a row agree with each other."""
    suspect = flight.suspect
    if suspect is None or time_ns < suspect.time_ns or not _reachable(suspect.place, place, time_ns - suspect.time_ns):
        flight.suspect = Suspect(place, time_ns)
        return False
    flight.suspect = Suspect(place, time_ns, suspect.count + 1)
    return suspect.count + 1 >= PERSISTENT


def _detection(name: str, flight: Flight, place: tuple[float, float], report: Report, evidence: str) -> Detection:
    velocity = flight.velocity_mps if abs(report.time_ns - flight.velocity_ns) <= VELOCITY_NS else None
    speed_mps = math.hypot(*velocity) if velocity is not None else 0.0
    sigma_m = math.hypot(horizontal_sigma_m(report.sigma_m, flight.nac_p), speed_mps * LATENCY_SIGMA_S)
    alt_m, alt_sigma_m, by_pressure = _altitude(flight, report)
    features = [("on_ground", 1.0)] if report.on_ground else []
    features += [("pressure_altitude", 1.0)] if by_pressure else []
    return Detection(
        id=name,
        measurement=Position(
            lat_deg=place[0],
            lon_deg=place[1],
            alt_m=alt_m,
            cov_m2=(sigma_m**2, 0.0, 0.0, sigma_m**2, 0.0, alt_sigma_m**2),
            velocity_mps=(*velocity, flight.vertical_mps) if velocity is not None else None,
            velocity_sigma_mps=flight.velocity_sigma_mps,
        ),
        class_llr=CLASS_LLR.get(flight.category or "", UNSAID),
        identity=Identity(
            scheme="local" if report.address.startswith("~") else "icao24",
            value=report.address,
            transmitter=report.address,
            callsign=flight.callsign,
        ),
        evidence=(evidence,),
        features=tuple(features),
    )


def _altitude(flight: Flight, report: Report) -> tuple[float | None, float, bool]:
    """Return altitude above the ellipsoid, its sigma (metres), and whether it is only pressure altitude."""
    if report.ellipsoid_alt_m is not None:
        return report.ellipsoid_alt_m, GEOMETRIC_SIGMA_M, False
    pressure_m = report.pressure_alt_m
    if pressure_m is None:
        return None, GEOMETRIC_SIGMA_M, False
    if flight.geo_minus_baro_m is not None and abs(report.time_ns - flight.geo_minus_baro_ns) <= GEO_MINUS_BARO_NS:
        return pressure_m + flight.geo_minus_baro_m, GEOMETRIC_SIGMA_M, False
    return pressure_m, math.hypot(PRESSURE_SIGMA_M, PRESSURE_SIGMA_SHARE * pressure_m), True
