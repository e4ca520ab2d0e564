// The signs on the map, drawn on canvases when MapLibre first asks for one. Nothing is fetched.
//
// A track's frame says whose it is (after MIL-STD-2525: friend an arch, neutral a square, unknown a quatrefoil, hostile
// a diamond), the glyph inside what it is; filled is confirmed, outlined tentative, dashed coasting. A sensor's shape is
// its kind, its ring its health. Shape repeats every colour.

import type { Affiliation, ObjectClass, SensorKind, TrackStatus } from "../generated/events";
import type { SensorState } from "../picture.svelte";
import { AFFILIATION_COLOUR } from "../words";

const SCALE = 2;
const INK = "#0a0e13";
const GREY = "#93a1b0";

const FRAME: Record<Affiliation, string> = {
  friend: "M4.5 21V12a7.5 7.5 0 0 1 15 0V21Z",
  neutral: "M4 4H20V20H4Z",
  unknown: "M7.4 7.4a4.6 4.6 0 0 1 9.2 0a4.6 4.6 0 0 1 0 9.2a4.6 4.6 0 0 1 -9.2 0a4.6 4.6 0 0 1 0 -9.2Z",
  hostile: "M12 1.6L22.4 12L12 22.4L1.6 12Z",
};

/** Strokes (s) and fills (f) in a box of 24. */
const GLYPH: Record<ObjectClass | "none", { s?: string; f?: string }> = {
  multirotor: { s: "M8.6 8.6L15.4 15.4M15.4 8.6L8.6 15.4", f: circles([8.3, 8.3], [15.7, 8.3], [8.3, 15.7], [15.7, 15.7]) },
  fixed_wing_electric: { s: "M12 7.2V16.8M6.8 11H17.2M9.8 16.4H14.2" },
  fixed_wing_piston: { f: "M12 6.8L17.4 15.4H13.2L12 17.2L10.8 15.4H6.6Z" },
  jet: { f: "M12 5.8L13.3 11L16.8 15.8L12 14.4L7.2 15.8L10.7 11Z" },
  helicopter: { s: "M6.6 8.6H17.4M12 8.6V11", f: "M9 11H14.2A2.6 2.6 0 0 1 14.2 16.2H11.4A2.6 2.6 0 0 1 9 13.6Z" },
  aeroplane: { f: "M11.2 6.4H12.8V10.2L17.4 12.8V14.2L12.8 13V15.6L14.4 16.8V17.6L12 17L9.6 17.6V16.8L11.2 15.6V13L6.6 14.2V12.8L11.2 10.2Z" },
  bird: { s: "M6.6 13.4Q9.4 8.6 12 12.8Q14.6 8.6 17.4 13.4" },
  balloon: { s: "M12 14.2V17.4M12 6.8A3.7 3.7 0 1 1 11.99 6.8" },
  ground_source: { s: "M8.4 13.4A3.7 3.7 0 0 1 15.6 13.4", f: circles([12, 14.4]) },
  other: { s: "M8.6 12H15.4" },
  none: { s: "M9.6 9.8A2.4 2.4 0 1 1 12.6 12.1Q12 12.5 12 13.6", f: circles([12, 16.2]) },
};

const SENSOR: Record<SensorKind, string> = {
  microphone: "M12 8.2A3.8 3.8 0 1 1 11.99 8.2Z",
  array: "M12 7.4L16.4 15.2H7.6Z",
  radar: "M7 15.6A5.6 5.6 0 0 1 15 8L11.2 11.8L14.6 15.6Z",
  remote_id: "M8 8H16V16H8Z",
  adsb: "M12 7L16.6 16L12 13.8L7.4 16Z",
  camera: "M7 9H13.6V15H7ZM13.6 11.2L17 9.2V14.8L13.6 12.8Z",
  rf: "M11.3 16.6V12.4L7.6 7.6H16.4L12.7 12.4V16.6Z",
  observer: "M12 7A2.3 2.3 0 1 1 11.99 7ZM7.8 16.6A4.2 4.2 0 0 1 16.2 16.6Z",
  external: "M12 7L16.4 9.5V14.5L12 17L7.6 14.5V9.5Z",
};

const RING: Record<SensorState, { colour: string; dash: number[] }> = {
  ok: { colour: "#5b6b7c", dash: [] },
  waiting: { colour: "#5b6b7c", dash: [1.5, 2.5] },
  late: { colour: "#ff9f2e", dash: [3, 2.5] },
  degraded: { colour: "#ff9f2e", dash: [] },
  lost: { colour: "#ff4d3d", dash: [] },
};

export const trackSign = (whose: Affiliation, what: ObjectClass | null, status: TrackStatus, quiet: boolean): string =>
  `track/${whose}/${what ?? "none"}/${status === "ended" ? "confirmed" : status}/${quiet ? "quiet" : "loud"}`;

export const sensorSign = (kind: SensorKind, state: SensorState, hears: boolean): string =>
  `sensor/${kind}/${state}/${hears ? "hears" : "still"}`;

export const personSign = (what: "operator" | "takeoff"): string => `person/${what}`;

/** Draw the sign of a name made above; anything else is `null`. */
export function draw(name: string): ImageData | null {
  const [family, ...words] = name.split("/");
  if (family === "track") return drawTrack(words as [Affiliation, ObjectClass | "none", TrackStatus, string]);
  if (family === "sensor") return drawSensor(words as [SensorKind, SensorState, string]);
  if (family === "person") return drawPerson(words[0] === "operator");
  return null;
}

export const PIXEL_RATIO = SCALE;

function drawTrack([whose, what, status, weight]: [Affiliation, ObjectClass | "none", TrackStatus, string]): ImageData {
  const quiet = weight === "quiet";
  const hue = quiet && whose === "unknown" ? GREY : AFFILIATION_COLOUR[whose];
  const [context, done] = canvas(quiet ? 20 : 32);
  const frame = new Path2D(FRAME[whose]);
  const filled = status === "confirmed";
  context.fillStyle = filled ? hue : "rgba(10,14,19,0.72)";
  context.fill(frame);
  context.lineWidth = 3.4;
  context.strokeStyle = "rgba(10,14,19,0.9)";
  if (filled) context.stroke(frame);
  context.lineWidth = 1.7;
  context.strokeStyle = hue;
  context.setLineDash(status === "coasting" ? [2.6, 2.2] : []);
  context.stroke(frame);
  if (filled) context.fill(frame);
  context.setLineDash([]);
  glyph(context, what, filled ? INK : hue);
  return done();
}

function glyph(context: CanvasRenderingContext2D, what: ObjectClass | "none", colour: string): void {
  const { s, f } = GLYPH[what];
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 1.8;
  context.lineCap = context.lineJoin = "round";
  if (s) context.stroke(new Path2D(s));
  if (f) context.fill(new Path2D(f));
}

function drawSensor([kind, state, hears]: [SensorKind, SensorState, string]): ImageData {
  const [context, done] = canvas(26);
  const ring = new Path2D("M12 2.6A9.4 9.4 0 1 1 11.99 2.6Z");
  const { colour, dash } = RING[state];
  context.fillStyle = "rgba(15,21,28,0.92)";
  context.fill(ring);
  context.lineWidth = state === "ok" ? 1.3 : 2;
  context.strokeStyle = colour;
  context.setLineDash(dash);
  context.stroke(ring);
  context.setLineDash([]);
  context.fillStyle = state === "lost" ? "#7c5550" : hears === "hears" ? "#f2f6fa" : GREY;
  context.fill(new Path2D(SENSOR[kind]));
  if (state === "lost") {
    context.strokeStyle = colour;
    context.stroke(new Path2D("M5.6 18.4L18.4 5.6"));
  }
  return done();
}

/** Somebody on the ground: a figure for an operator, a square pad with an arrow up for a take-off. */
function drawPerson(operator: boolean): ImageData {
  const [context, done] = canvas(24);
  context.fillStyle = "rgba(15,21,28,0.92)";
  context.strokeStyle = "#cbd6e2";
  context.lineWidth = 1.5;
  const frame = new Path2D("M4 4H20V20H4Z");
  context.fill(frame);
  context.stroke(frame);
  context.fillStyle = "#cbd6e2";
  context.fill(new Path2D(operator ? SENSOR.observer : "M12 7L16 12H13V17H11V12H8Z"));
  return done();
}

/** A canvas of so many CSS pixels, in the coordinates of a box of 24, and the function that ends it. */
function canvas(size: number): [CanvasRenderingContext2D, () => ImageData] {
  const element = document.createElement("canvas");
  element.width = element.height = size * SCALE;
  const context = element.getContext("2d")!;
  context.scale((size * SCALE) / 24, (size * SCALE) / 24);
  return [context, () => context.getImageData(0, 0, element.width, element.height)];
}

function circles(...centres: [number, number][]): string {
  return centres.map(([x, y]) => `M${x} ${y - 1.9}A1.9 1.9 0 1 1 ${x - 0.01} ${y - 1.9}Z`).join("");
}
