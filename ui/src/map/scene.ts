// The picture as map features: pure functions from tables to GeoJSON.

import type { Feature, FeatureCollection, Geometry } from "geojson";
import type { AlertView, FanView, SensorView, Severity, TrackView, TrailPointView, ZoneView } from "../generated/events";
import { isOpen, isQuiet, type SensorState } from "../picture.svelte";
import { AFFILIATION_COLOUR, CLASS_LETTER, rank, SEVERITY_COLOUR } from "../words";
import { destination, ellipse, type Point, top, wedge } from "./geometry";
import { collection } from "./ground";
import { personSign, sensorSign, trackSign } from "./symbols";

// Where a thing will be in ten seconds: the length of its vector.
const VECTOR_S = 10;
const FADE_MS = 10_000;
const FAN_MS = 20_000;
// Bearings of one sensor that lie over each other.
const FANS = 4;
// A sensor that found something in the last three seconds is drawn bright.
const HEARS_MS = 3_000;
const GREY = "#93a1b0";
const CALM = "#5f7489";

export const colourOf = (track: TrackView): string =>
  isQuiet(track) && track.affiliation === "unknown" ? GREY : AFFILIATION_COLOUR[track.affiliation];

/** 1 while alive, then down to 0 within ten seconds. */
export function opacityOf(track: TrackView, now: number): number {
  return track.status === "ended" ? Math.max(0, 1 - (now - track.time_ms) / FADE_MS) : 1;
}

export function tracks(
  list: Iterable<TrackView>, threats: ReadonlyMap<string, AlertView>, selected: string | null, now: number,
): FeatureCollection {
  return map(list, (track) => {
    const threat = threats.get(track.id);
    const quiet = isQuiet(track);
    return feature({ type: "Point", coordinates: [track.lon, track.lat] }, {
      id: track.id,
      sign: trackSign(track.affiliation, track.object_class, track.status, quiet),
      label: track.status === "tentative" || (quiet && track.id !== selected) ? "" : label(track, now),
      opacity: opacityOf(track, now),
      selected: track.id === selected,
      order: (quiet ? 0 : 10) + (threat ? rank(threat.severity) : 0),
      ...(threat && track.status !== "ended" ? { halo: SEVERITY_COLOUR[threat.severity] } : {}),
    });
  });
}

function label(track: TrackView, now: number): string {
  const many = track.members[1] >= 1.5 ? ` ×${Math.round(track.members[1])}` : "";
  const letter = track.object_class ? CLASS_LETTER[track.object_class] : "?";
  const second = track.status === "coasting"
    ? `last seen ${Math.round((now - track.seen_ms) / 1000)} s ago`
    : `${Math.round(track.speed_mps)} m/s  ${Math.round(track.alt_m)} m`;
  return `${track.name} ${letter}${many}\n${second}`;
}

export function ellipses(list: Iterable<TrackView>, now: number): FeatureCollection {
  return map(list, (track) => {
    if (track.ellipse_m[0] <= 0) return null;
    const ring = ellipse([track.lon, track.lat], track.ellipse_m);
    return feature({ type: "Polygon", coordinates: [ring] }, { colour: colourOf(track), opacity: opacityOf(track, now) });
  });
}

export function vectors(list: Iterable<TrackView>, now: number): FeatureCollection {
  return map(list, (track) => {
    if (track.course_deg === null) return null;
    const at: Point = [track.lon, track.lat];
    const coordinates = [at, destination(at, track.course_deg, track.speed_mps * VECTOR_S)];
    return feature({ type: "LineString", coordinates }, { colour: colourOf(track), opacity: opacityOf(track, now) });
  });
}

/** Where operators say they are; of the selected track also a line to it, and where it took off. */
export function people(list: Iterable<TrackView>, selected: string | null): FeatureCollection {
  const features: Feature[] = [];
  for (const track of list) {
    const { operator, takeoff } = track.identity ?? {};
    const places = [["operator", operator], ["takeoff", track.id === selected ? takeoff : null]] as const;
    for (const [what, place] of places) {
      if (!place || track.status === "ended") continue;
      const at: Point = [place.lon_deg, place.lat_deg];
      const look = { sign: personSign(what), label: `${what === "operator" ? "operator" : "take-off"} ${track.name}` };
      features.push(feature({ type: "Point", coordinates: at }, look));
      if (track.id === selected) features.push(feature({ type: "LineString", coordinates: [at, [track.lon, track.lat]] }, {}));
    }
  }
  return collection(features);
}

/** Each trail as pieces: measured ones solid, predicted ones dotted; the last point is where the track is now. */
export function trails(
  all: ReadonlyMap<string, TrailPointView[]>, list: ReadonlyMap<string, TrackView>, selected: string | null, now: number,
): FeatureCollection {
  const features: Feature[] = [];
  for (const [id, points] of all) {
    const track = list.get(id);
    if (!track) continue;
    const look = {
      colour: colourOf(track),
      width: id === selected ? 2.6 : isQuiet(track) ? 0.8 : 1.6,
      opacity: opacityOf(track, now) * (id === selected ? 0.95 : isQuiet(track) ? 0.35 : 0.55),
    };
    const last: TrailPointView = [track.time_ms, track.lon, track.lat, track.alt_m, track.status !== "coasting"];
    let piece: Point[] = [];
    [...points, last].forEach(([, lon, lat, , measured], i, whole) => {
      piece.push([lon, lat]);
      const next = whole[i + 1];
      if (next && next[4] === measured) return;
      if (next) piece.push([next[1], next[2]]);
      if (piece.length > 1) features.push(feature({ type: "LineString", coordinates: piece }, { ...look, measured }));
      piece = [];
    });
  }
  return collection(features);
}

export function zones(list: ZoneView[], alerts: Iterable<AlertView>): { areas: FeatureCollection; labels: FeatureCollection } {
  const worst = new Map<string, Severity>();
  for (const alert of alerts) {
    const before = worst.get(alert.zone);
    if (isOpen(alert) && (!before || rank(alert.severity) > rank(before))) worst.set(alert.zone, alert.severity);
  }
  const areas = map(list, (zone) => {
    const severity = worst.get(zone.id);
    const colour = severity ? SEVERITY_COLOUR[severity] : CALM;
    const look = { id: zone.id, colour, fill: severity ? 0.06 + 0.035 * rank(severity) : 0.07, width: severity ? 2 : 1 };
    return feature({ type: "MultiPolygon", coordinates: zone.polygons }, look);
  });
  const labels = map(list, (zone) => {
    const severity = worst.get(zone.id);
    const ring = zone.polygons[0]?.[0];
    if (!ring) return null;
    return feature({ type: "Point", coordinates: top(ring) }, {
      label: severity ? `${zone.name} · ${severity.toUpperCase()}` : zone.name,
      colour: severity ? SEVERITY_COLOUR[severity] : "#8fa3b8",
      size: severity ? 13 : 11.5,
    });
  });
  return { areas, labels };
}

export function sensors(
  list: SensorView[], state: (sensor: SensorView) => SensorState, found: (sensor: SensorView) => number | null, now: number,
): FeatureCollection {
  return map(list, (sensor) => {
    if (sensor.lat === null || sensor.lon === null) return null;
    const at = found(sensor);
    const sign = sensorSign(sensor.kind, state(sensor), at !== null && now - at < HEARS_MS);
    return feature({ type: "Point", coordinates: [sensor.lon, sensor.lat] }, { id: sensor.id, sign });
  });
}

export function coverage(list: SensorView[]): FeatureCollection {
  return map(list, (sensor) => {
    if (sensor.lat === null || sensor.lon === null) return null;
    const [from, to] = sensor.az_deg;
    const sweep = (((to - from) % 360) + 360) % 360 || 360;
    const ring = wedge([sensor.lon, sensor.lat], from, from + sweep, sensor.max_m, sweep === 360 ? sensor.max_m : sensor.min_m);
    const round = sweep === 360 ? ellipse([sensor.lon, sensor.lat], [sensor.max_m, sensor.max_m, 0], 72) : ring;
    return feature({ type: "Polygon", coordinates: [round] }, { id: sensor.id });
  });
}

/** The last bearings of each sensor, one sigma to either side, fading; a fast sensor is not drawn brighter. */
export function fans(list: FanView[], now: number): FeatureCollection {
  const drawn = new Map<string, number>();
  return map([...list].reverse(), (fan) => {
    const before = drawn.get(fan.sensor) ?? 0;
    const left = 1 - (now - fan.time_ms) / FAN_MS;
    if (before >= FANS || left <= 0) return null;
    drawn.set(fan.sensor, before + 1);
    const half = Math.max(fan.sigma_deg, 0.3);
    const ring = wedge([fan.lon, fan.lat], fan.bearing_deg - half, fan.bearing_deg + half, fan.reach_m);
    return feature({ type: "Polygon", coordinates: [ring] }, { opacity: Math.min(0.22, 0.22 * left * left) / (before + 1) });
  });
}

function map<T>(list: Iterable<T>, make: (item: T) => Feature | null): FeatureCollection {
  const features: Feature[] = [];
  for (const item of list) {
    const made = make(item);
    if (made) features.push(made);
  }
  return collection(features);
}

function feature(geometry: Geometry, properties: Record<string, unknown>): Feature {
  return { type: "Feature", properties, geometry };
}
