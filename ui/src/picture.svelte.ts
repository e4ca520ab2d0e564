// The picture as this browser has it: what the stream said, in tables. Components read it, nothing else writes it.

import { clock } from "./clock.svelte";
import type {
  AlertView,
  BeatMessage,
  FanView,
  HealthView,
  LookView,
  Rights,
  SensorView,
  Snapshot,
  TracksMessage,
  TrackView,
  TrailPointView,
  ZoneView,
} from "./generated/events";
import { Stream } from "./stream";
import { rank } from "./words";

const FADE_MS = 10_000;
const FAN_MS = 20_000;
const ALL_CLEAR_MS = 600_000;
const TRAIL_MS = 2_000;
const TRAIL_POINTS = 300;

export type Link = "connecting" | "up" | "down" | "refused";
export type SensorState = "ok" | "degraded" | "lost" | "late" | "waiting";
export interface Mark {
  text: string;
  at: number;
}

class Picture {
  link = $state<Link>("connecting");
  /** What is said once a link is back, and when it was said by this machine's clock. */
  back = $state.raw<Mark | null>(null);
  mode = $state<Snapshot["mode"]>("live");
  rights = $state<Rights>("public");
  site = $state("");
  version = $state("");
  home = $state.raw<[number, number]>([0, 0]);
  sensors = $state.raw<SensorView[]>([]);
  zones = $state.raw<ZoneView[]>([]);
  tracks = $state.raw<ReadonlyMap<string, TrackView>>(new Map());
  trails = $state.raw<ReadonlyMap<string, TrailPointView[]>>(new Map());
  alerts = $state.raw<ReadonlyMap<string, AlertView>>(new Map());
  health = $state.raw<ReadonlyMap<string, HealthView>>(new Map());
  looks = $state.raw<ReadonlyMap<string, LookView>>(new Map());
  fans = $state.raw<FanView[]>([]);
  lag = $state(0);
  lastDetection = $state<number | null>(null);
  hidden = $state(0);
  /** When the link was lost, by the server's clock. */
  lostAt = $state(0);
  /** Told each new revision, for sound and speech. */
  onAlert: (alert: AlertView) => void = () => {};

  /** Most dangerous first, then soonest; what is over comes last. */
  alertList = $derived([...this.alerts.values()].sort(byDanger));
  /** Threats first, the soonest ahead, then by name; birds and cooperative aircraft last. */
  trackList = $derived.by(() => {
    const order = new Map([...this.threats.keys()].map((id, i) => [id, i]));
    const weight = (track: TrackView): number => order.get(track.id) ?? (isQuiet(track) ? 1e9 : 1e8);
    return [...this.tracks.values()]
      .filter((track) => track.status !== "ended")
      .sort((a, b) => weight(a) - weight(b) || a.name.localeCompare(b.name));
  });
  /** The highest severity that an unfinished alert gives to each of its tracks. */
  threats = $derived.by(() => {
    const found = new Map<string, AlertView>();
    for (const alert of this.alertList)
      if (isOpen(alert)) for (const id of alert.tracks) if (!found.has(id)) found.set(id, alert);
    return found;
  });

  private downSince = 0;

  connect(kiosk: boolean): void {
    new Stream(`/api/events${kiosk ? "?kiosk" : ""}`, {
      snapshot: (message) => this.takeSnapshot(message),
      tracks: (message) => this.takeTracks(message),
      alert: (message) => this.takeAlert(message),
      health: (message) => {
        this.health = new Map(this.health).set(message.source, message);
      },
      beat: (message) => this.takeBeat(message),
      down: () => this.lose(),
      refused: (status) => (this.link = status === 401 ? "refused" : "down"),
    });
  }

  private takeSnapshot(message: Snapshot): void {
    this.mode = message.mode;
    this.rights = message.rights;
    this.site = message.site;
    this.version = message.version;
    this.home = [message.lon, message.lat];
    this.sensors = message.sensors;
    this.zones = message.zones;
    this.tracks = byKey(message.tracks, (track) => track.id);
    this.trails = new Map(Object.entries(message.trails));
    const known = this.alerts;
    this.alerts = byKey(message.alerts, (alert) => alert.alert_id);
    this.health = byKey(message.health, (health) => health.source);
    this.looks = byKey(message.looks, (look) => look.sensor);
    this.fans = message.fans;
    this.hidden = message.hidden;
    clock.set(message.server_ms, message.mode === "live");
    this.heard();
    // What was raised while nobody listened is told now.
    for (const alert of message.alerts)
      if (alert.phase === "active" && !(alert.revision <= (known.get(alert.alert_id)?.revision ?? -1))) this.onAlert(alert);
  }

  private takeTracks(message: TracksMessage): void {
    const tracks = new Map(this.tracks);
    const trails = new Map(this.trails);
    for (const track of message.tracks) {
      tracks.set(track.id, track);
      trails.set(track.id, lengthened(trails.get(track.id) ?? [], track));
    }
    for (const id of message.gone) {
      tracks.delete(id);
      trails.delete(id);
    }
    this.tracks = tracks;
    this.trails = trails;
    if (message.fans.length) this.fans = [...this.fans, ...message.fans].slice(-500);
    this.heard();
  }

  private takeAlert(alert: AlertView): void {
    this.heard();
    const known = this.alerts.get(alert.alert_id);
    if (known && known.revision >= alert.revision) return;
    this.alerts = new Map(this.alerts).set(alert.alert_id, alert);
    this.onAlert(alert);
  }

  private takeBeat(message: BeatMessage): void {
    clock.set(message.server_ms, this.mode === "live");
    this.lag = message.lag_ms;
    this.lastDetection = message.last_detection_ms;
    this.hidden = message.hidden;
    this.looks = byKey(message.looks, (look) => look.sensor);
    this.forget(message.step_ms);
    this.heard();
  }

  private forget(now: number): void {
    if (this.fans.some((fan) => now - fan.time_ms > FAN_MS))
      this.fans = this.fans.filter((fan) => now - fan.time_ms <= FAN_MS);
    const over = (alert: AlertView): boolean => alert.phase === "all_clear" && now - alert.time_ms > ALL_CLEAR_MS;
    if (this.alertList.some(over)) this.alerts = byKey(this.alertList.filter((a) => !over(a)), (a) => a.alert_id);
    const faded = (track: TrackView): boolean => track.status === "ended" && now - track.time_ms > FADE_MS;
    if ([...this.tracks.values()].some(faded))
      this.tracks = byKey([...this.tracks.values()].filter((t) => !faded(t)), (t) => t.id);
  }

  private heard(): void {
    if (this.link === "down") {
      const missed = Math.round((performance.now() - this.downSince) / 1000);
      this.back = { text: `back, ${missed} s missed`, at: performance.now() };
    }
    this.link = "up";
  }

  private lose(): void {
    if (this.link !== "up") return;
    this.downSince = performance.now();
    this.lostAt = clock.now;
    this.link = "down";
  }

  /** How a sensor is, from what was said of it and from when it last looked. */
  sensorState(sensor: SensorView, at: number): SensorState {
    // While the link is down nobody can say that a sensor is late.
    const now = this.link === "down" ? this.lostAt : at;
    const said = this.health.get(sensor.id);
    if (said && said.state !== "ok") return said.state;
    const look = this.looks.get(sensor.id);
    if (!look) return "waiting";
    // The others speak only when there is something: their silence says nothing of their health.
    if (!sensor.regular) return "ok";
    return now - look.scan_ms > Math.max(5_000, 5_000 * sensor.period_s) ? "late" : "ok";
  }
}

export const picture = new Picture();

/** Whether an alert still needs somebody. */
export const isOpen = (alert: AlertView): boolean => alert.phase !== "all_clear";

/** Birds and cooperative aircraft: shown small and grey, unless they are hostile or an alert names them. */
export function isQuiet(track: TrackView): boolean {
  if (track.affiliation === "hostile" || picture.threats.has(track.id)) return false;
  return track.object_class === "bird" || track.identity?.scheme === "icao24";
}

const PHASE_ORDER = { active: 0, cleared: 1, acknowledged: 1, shelved: 2, all_clear: 3 } as const;

function byDanger(a: AlertView, b: AlertView): number {
  const late = (alert: AlertView): number => (PHASE_ORDER[alert.phase] >= 2 ? PHASE_ORDER[alert.phase] : 0);
  return (
    late(a) - late(b) ||
    rank(b.severity) - rank(a.severity) ||
    (a.arrival_ms?.[1] ?? Infinity) - (b.arrival_ms?.[1] ?? Infinity) ||
    a.alert_id.localeCompare(b.alert_id)
  );
}

function byKey<T>(items: T[], key: (item: T) => string): Map<string, T> {
  return new Map(items.map((item) => [key(item), item]));
}

function lengthened(trail: TrailPointView[], track: TrackView): TrailPointView[] {
  const last = trail.at(-1);
  if (last && track.time_ms - last[0] < TRAIL_MS) return trail;
  const point: TrailPointView = [track.time_ms, track.lon, track.lat, track.alt_m, track.status !== "coasting"];
  return [...trail, point].slice(-TRAIL_POINTS);
}
