// Single letters, as in tar1090; none of them while somebody types.

import { acknowledge } from "./deeds";
import { isOpen, picture } from "./picture.svelte";
import { type Layer, type Selection, view } from "./view.svelte";

const LAYER: Record<string, Layer> = { t: "trails", u: "uncertainty", v: "coverage", z: "zones" };

export function onKey(event: KeyboardEvent): void {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target instanceof HTMLInputElement;
  if (event.key === "Escape") back(event.target);
  else if (typing) return;
  else if (event.key === "Enter" && !(event.target instanceof HTMLButtonElement)) open();
  else if (LAYER[event.key]) view.toggle(LAYER[event.key]!);
  else if (DEEDS[event.key]) {
    DEEDS[event.key]!();
    event.preventDefault();
  }
}

const DEEDS: Record<string, () => void> = {
  j: () => step(1),
  k: () => step(-1),
  a: () => {
    const alert = meant();
    if (alert && view.canOrder) void acknowledge(alert);
  },
  s: () => {
    if (view.canOrder) view.shelving = meant();
  },
  f: () => (view.follow = !view.follow && view.track !== null),
  "/": () => document.getElementById("search")?.focus(),
  "?": () => (view.help = !view.help),
};

/** The alert that is selected, or the first that nobody has acknowledged. */
function meant(): string | null {
  if (view.selected?.kind === "alert") return view.selected.id;
  return picture.alertList.find((alert) => alert.phase === "active")?.alert_id ?? null;
}

function step(by: number): void {
  const all: Selection[] = [
    ...picture.alertList.filter(isOpen).map((alert): Selection => ({ kind: "alert", id: alert.alert_id })),
    ...picture.trackList.map((track): Selection => ({ kind: "track", id: track.id })),
  ];
  if (!all.length) return;
  const at = all.findIndex(({ kind, id }) => kind === view.selected?.kind && id === view.selected.id);
  view.select(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : (at + by + all.length) % all.length]!);
}

function open(): void {
  const track = view.track ? picture.tracks.get(view.track) : undefined;
  if (track) view.fly(track.lon, track.lat);
}

function back(target: EventTarget | null): void {
  if (target instanceof HTMLInputElement) target.blur();
  else if (view.shelving) view.shelving = null;
  else if (view.help) view.help = false;
  else view.select(null);
}
