// What this screen shows: selection, layers and the map's view. The address holds it all, so that a link is a report.

import { picture } from "./picture.svelte";

export type Layer = "trails" | "uncertainty" | "coverage" | "zones";
export interface Selection {
  kind: "track" | "alert" | "sensor";
  id: string;
}

const LETTER: Record<Layer, string> = { trails: "t", uncertainty: "u", coverage: "v", zones: "z" };
const KINDS = ["track", "alert", "sensor"] as const;

class View {
  selected = $state.raw<Selection | null>(null);
  layers = $state<Record<Layer, boolean>>({ trails: true, uncertainty: true, coverage: false, zones: true });
  follow = $state(false);
  help = $state(false);
  sound = $state(false);
  shelving = $state<string | null>(null);
  problem = $state("");
  /** Longitude, latitude and zoom; `null` until the map or the address says. */
  at = $state.raw<[number, number, number] | null>(null);
  readonly kiosk = new URLSearchParams(location.search).has("kiosk");
  /** Asks the map to go somewhere; the map sets it. */
  fly: (lon: number, lat: number) => void = () => {};

  constructor() {
    this.read();
    addEventListener("hashchange", () => this.read());
  }

  get canOrder(): boolean {
    return picture.rights === "full" && !this.kiosk;
  }

  select(selected: Selection | null): void {
    this.selected = selected;
    this.shelving = null;
    if (!selected) this.follow = false;
    this.write();
  }

  toggle(layer: Layer): void {
    this.layers[layer] = !this.layers[layer];
    this.write();
  }

  moved(lon: number, lat: number, zoom: number): void {
    this.at = [lon, lat, zoom];
    this.write();
  }

  /** The track that the selection means: itself, or the soonest of an alert. */
  get track(): string | null {
    const { selected } = this;
    if (selected?.kind === "alert") return picture.alerts.get(selected.id)?.tracks[0] ?? null;
    return selected?.kind === "track" ? selected.id : null;
  }

  private read(): void {
    const hash = new URLSearchParams(location.hash.slice(1));
    const kind = KINDS.find((name) => hash.has(name));
    this.selected = kind ? { kind, id: hash.get(kind)! } : null;
    const at = hash.get("at")?.split(",").map(Number) ?? [];
    if (at.length === 3 && at.every(Number.isFinite)) this.at = [at[1]!, at[0]!, at[2]!];
    const shown = hash.get("show");
    if (shown !== null) for (const layer of Object.keys(LETTER) as Layer[]) this.layers[layer] = shown.includes(LETTER[layer]);
  }

  private write(): void {
    const hash = new URLSearchParams();
    if (this.selected) hash.set(this.selected.kind, this.selected.id);
    if (this.at) hash.set("at", `${this.at[1].toFixed(4)},${this.at[0].toFixed(4)},${this.at[2].toFixed(1)}`);
    hash.set("show", (Object.keys(LETTER) as Layer[]).filter((layer) => this.layers[layer]).map((l) => LETTER[l]).join(""));
    history.replaceState(null, "", `#${hash}`);
  }
}

export const view = new View();
