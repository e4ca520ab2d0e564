// Small shapes on the sphere, as GeoJSON rings (longitude, latitude in degrees).

export type Point = [number, number];

const RADIUS_M = 6_371_008.8;
const RAD = Math.PI / 180;

/** The point at a bearing (degrees) and distance (metres). */
export function destination([lon, lat]: Point, bearingDeg: number, metres: number): Point {
  const d = metres / RADIUS_M;
  const [phi, theta] = [lat * RAD, bearingDeg * RAD];
  const sin = Math.sin(phi) * Math.cos(d) + Math.cos(phi) * Math.sin(d) * Math.cos(theta);
  const x = Math.cos(d) - Math.sin(phi) * sin;
  const y = Math.sin(theta) * Math.sin(d) * Math.cos(phi);
  return [lon + Math.atan2(y, x) / RAD, Math.asin(sin) / RAD];
}

/** Distance in metres and bearing in degrees from one point to another. */
export function between([lon1, lat1]: Point, [lon2, lat2]: Point): { metres: number; bearing: number } {
  const [a, b, dl] = [lat1 * RAD, lat2 * RAD, (lon2 - lon1) * RAD];
  const h = Math.sin((b - a) / 2) ** 2 + Math.cos(a) * Math.cos(b) * Math.sin(dl / 2) ** 2;
  const y = Math.sin(dl) * Math.cos(b);
  const x = Math.cos(a) * Math.sin(b) - Math.sin(a) * Math.cos(b) * Math.cos(dl);
  return { metres: 2 * RADIUS_M * Math.asin(Math.min(1, Math.sqrt(h))), bearing: (Math.atan2(y, x) / RAD + 360) % 360 };
}

/** A closed ring around a place with two half axes, the longer one along a bearing. */
export function ellipse(centre: Point, [long, short, bearing]: [number, number, number], points = 48): Point[] {
  return Array.from({ length: points + 1 }, (_, i) => {
    const angle = (2 * Math.PI * i) / points;
    const [along, across] = [long * Math.cos(angle), short * Math.sin(angle)];
    return destination(centre, bearing + Math.atan2(across, along) / RAD, Math.hypot(along, across));
  });
}

export const circle = (centre: Point, metres: number): Point[] => ellipse(centre, [metres, metres, 0], 96);

/** A wedge from its tip, between two bearings; with an inner radius a piece of a ring. */
export function wedge(tip: Point, from: number, to: number, metres: number, inner = 0): Point[] {
  const steps = Math.max(2, Math.ceil(Math.abs(to - from) / 4));
  const arc = (radius: number): Point[] =>
    Array.from({ length: steps + 1 }, (_, i) => destination(tip, from + ((to - from) * i) / steps, radius));
  const start = inner > 0 ? arc(inner).reverse() : [tip];
  return [...start, ...arc(metres), start[0]!];
}

/** The middle of a ring, by its corners' bounds. */
export function middle(ring: Point[]): Point {
  const lons = ring.map((p) => p[0]);
  const lats = ring.map((p) => p[1]);
  return [(Math.min(...lons) + Math.max(...lons)) / 2, (Math.min(...lats) + Math.max(...lats)) / 2];
}

/** The northern edge of a ring, in its middle: where a label hides least of what flies inside. */
export function top(ring: Point[]): Point {
  return [middle(ring)[0], Math.max(...ring.map((p) => p[1]))];
}
