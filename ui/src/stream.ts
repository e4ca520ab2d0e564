// The link to the server: one EventSource, which comes back by itself with the id of the last message it had.
// A link can die without a word, so three seconds without a beat count as broken, too.

import type { AlertView, BeatMessage, HealthView, Snapshot, TracksMessage } from "./generated/events";

const SILENT_MS = 3500;
const RETRY_MS = 1000;

export interface Listener {
  snapshot(message: Snapshot): void;
  tracks(message: TracksMessage): void;
  alert(message: AlertView): void;
  health(message: HealthView): void;
  beat(message: BeatMessage): void;
  down(): void;
  refused(status: number): void;
}

export class Stream {
  private source: EventSource | null = null;
  private lastId = "";
  private heardAt = 0;

  constructor(
    private readonly url: string,
    private readonly listener: Listener,
  ) {
    this.open();
    setInterval(() => this.watch(), 500);
  }

  private open(): void {
    this.source?.close();
    this.heardAt = performance.now();
    const mark = this.url.includes("?") ? "&" : "?";
    const source = new EventSource(this.lastId ? `${this.url}${mark}after=${encodeURIComponent(this.lastId)}` : this.url);
    this.source = source;
    const on = <T>(name: string, take: (message: T) => void): void => {
      source.addEventListener(name, (event) => {
        this.heardAt = performance.now();
        this.lastId = event.lastEventId || this.lastId;
        take(JSON.parse(event.data as string) as T);
      });
    };
    on<Snapshot>("snapshot", (message) => this.listener.snapshot(message));
    on<TracksMessage>("tracks", (message) => this.listener.tracks(message));
    on<AlertView>("alert", (message) => this.listener.alert(message));
    on<HealthView>("health", (message) => this.listener.health(message));
    on<BeatMessage>("beat", (message) => this.listener.beat(message));
    source.onerror = () => {
      this.listener.down();
      if (source.readyState === EventSource.CLOSED) void this.again();
    };
  }

  /** The browser gives up on an HTTP error; find out which one, and go on. */
  private async again(): Promise<void> {
    this.source = null;
    const answer = await fetch(this.url.replace("/events", "/snapshot"), { method: "GET" }).catch(() => null);
    if (answer && !answer.ok) this.listener.refused(answer.status);
    if (answer?.status !== 401) setTimeout(() => this.open(), RETRY_MS);
  }

  private watch(): void {
    if (!this.source || performance.now() - this.heardAt < SILENT_MS) return;
    this.listener.down();
    this.open();
  }
}
