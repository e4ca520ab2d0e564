// The ground under the picture: land and borders of Natural Earth (public domain, packed by world-atlas), a grid of
// degrees, and range rings around the site. All of it is at hand without any network.

import type { Feature, FeatureCollection, LineString } from "geojson";
import { feature, mesh } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import countriesUrl from "world-atlas/countries-50m.json?url";
import { circle, destination, type Point } from "./geometry";

/** Land and the borders within it; empty collections where the file cannot be had: rings and grid remain. */
export async function ground(): Promise<{ land: FeatureCollection; borders: FeatureCollection }> {
  try {
    const topology = (await (await fetch(countriesUrl)).json()) as Topology<{
      countries: GeometryCollection;
      land: GeometryCollection;
    }>;
    const land = feature(topology, topology.objects.land);
    const borders = mesh(topology, topology.objects.countries, (a, b) => a !== b);
    return { land, borders: collection([{ type: "Feature", properties: {}, geometry: borders }]) };
  } catch {
    return { land: collection([]), borders: collection([]) };
  }
}

export const RINGS_KM = [5, 10, 20, 50, 100, 200];

/** Range rings around a place, and the points of their labels due north. */
export function rings(home: Point): FeatureCollection {
  return collection(
    RINGS_KM.flatMap((km): Feature[] => [
      line(circle(home, km * 1000), { km }),
      {
        type: "Feature",
        properties: { label: `${km} km`, km },
        geometry: { type: "Point", coordinates: destination(home, 0, km * 1000) },
      },
    ]),
  );
}

/** Meridians and parallels each half degree, within ten degrees of a place; whole degrees are marked `major`. */
export function grid([lon, lat]: Point): FeatureCollection {
  const lines: Feature[] = [];
  const [west, south] = [Math.floor(lon) - 10, Math.max(-85, Math.floor(lat) - 10)];
  for (let step = 0; step <= 40; step++) {
    const major = step % 2 === 0;
    const [x, y] = [west + step / 2, Math.min(85, south + step / 2)];
    lines.push(line([[x, south], [x, Math.min(85, south + 20)]], { major }));
    lines.push(line([[west, y], [west + 20, y]], { major }));
  }
  return collection(lines);
}

export function collection(features: Feature[]): FeatureCollection {
  return { type: "FeatureCollection", features };
}

function line(coordinates: Point[], properties: Record<string, unknown>): Feature<LineString> {
  return { type: "Feature", properties, geometry: { type: "LineString", coordinates } };
}
