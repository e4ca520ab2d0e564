// How the map looks: one dark style, everything normal in grey. Sources are filled by `scene.ts`.

import type { LayerSpecification, SourceSpecification, StyleSpecification } from "maplibre-gl";

export const SOURCES = [
  "land", "borders", "grid", "rings", "coverage", "zones", "zone-labels", "fans",
  "trails", "ellipses", "vectors", "people", "sensors", "tracks",
] as const;
export type Source = (typeof SOURCES)[number];

export const LAYERS_OF = {
  coverage: ["coverage-fill", "coverage-line"],
  zones: ["zone-fill", "zone-line", "zone-label"],
  trails: ["trail-measured", "trail-predicted"],
  uncertainty: ["ellipse-fill", "ellipse-line"],
} as const;

const FONT = ["Inter Variable"];
const HALO = { "text-halo-color": "#0a0e13", "text-halo-width": 1.4 } as const;

const layers: LayerSpecification[] = [
  { id: "sea", type: "background", paint: { "background-color": "#080c11" } },
  { id: "land", type: "fill", source: "land", paint: { "fill-color": "#10161d" } },
  {
    id: "grid", type: "line", source: "grid",
    paint: { "line-color": "#1a232d", "line-width": ["case", ["get", "major"], 1, 0.5] },
  },
  { id: "coast", type: "line", source: "land", paint: { "line-color": "#2b3947", "line-width": 0.8 } },
  {
    id: "borders", type: "line", source: "borders",
    paint: { "line-color": "#33414f", "line-width": 1, "line-dasharray": [4, 3] },
  },
  {
    id: "rings", type: "line", source: "rings", filter: ["==", ["geometry-type"], "LineString"],
    paint: { "line-color": "#24303c", "line-width": 1 },
  },
  {
    id: "ring-labels", type: "symbol", source: "rings", filter: ["==", ["geometry-type"], "Point"],
    layout: { "text-field": ["get", "label"], "text-font": FONT, "text-size": 10.5 },
    paint: { "text-color": "#6b7b8c", ...HALO },
  },
  { id: "coverage-fill", type: "fill", source: "coverage", paint: { "fill-color": "#7fb4d8", "fill-opacity": 0.035 } },
  {
    id: "coverage-line", type: "line", source: "coverage",
    paint: { "line-color": "#7fb4d8", "line-opacity": 0.28, "line-width": 0.8 },
  },
  {
    id: "zone-fill", type: "fill", source: "zones",
    paint: { "fill-color": ["get", "colour"], "fill-opacity": ["get", "fill"] },
  },
  {
    id: "zone-line", type: "line", source: "zones",
    paint: { "line-color": ["get", "colour"], "line-width": ["get", "width"], "line-opacity": 0.9 },
  },
  { id: "fans", type: "fill", source: "fans", paint: { "fill-color": "#cfe3f2", "fill-opacity": ["get", "opacity"] } },
  {
    id: "trail-measured", type: "line", source: "trails", filter: ["get", "measured"],
    layout: { "line-cap": "round", "line-join": "round" },
    paint: { "line-color": ["get", "colour"], "line-width": ["get", "width"], "line-opacity": ["get", "opacity"] },
  },
  {
    id: "trail-predicted", type: "line", source: "trails", filter: ["!", ["get", "measured"]],
    paint: {
      "line-color": ["get", "colour"], "line-width": 1.4, "line-opacity": ["get", "opacity"], "line-dasharray": [1, 2],
    },
  },
  {
    id: "ellipse-fill", type: "fill", source: "ellipses",
    paint: { "fill-color": ["get", "colour"], "fill-opacity": ["*", 0.07, ["get", "opacity"]] },
  },
  {
    id: "ellipse-line", type: "line", source: "ellipses",
    paint: { "line-color": ["get", "colour"], "line-opacity": ["*", 0.45, ["get", "opacity"]], "line-width": 1 },
  },
  {
    id: "vectors", type: "line", source: "vectors", layout: { "line-cap": "round" },
    paint: { "line-color": ["get", "colour"], "line-width": 1.8, "line-opacity": ["get", "opacity"] },
  },
  {
    id: "people-line", type: "line", source: "people", filter: ["==", ["geometry-type"], "LineString"],
    paint: { "line-color": "#cbd6e2", "line-width": 1, "line-opacity": 0.6, "line-dasharray": [2, 3] },
  },
  {
    id: "people", type: "symbol", source: "people", filter: ["==", ["geometry-type"], "Point"],
    layout: {
      "icon-image": ["get", "sign"], "icon-allow-overlap": true, "text-field": ["get", "label"], "text-font": FONT,
      "text-size": 10.5, "text-anchor": "top", "text-offset": [0, 1.2], "text-optional": true,
    },
    paint: { "text-color": "#cbd6e2", ...HALO },
  },
  {
    id: "sensors", type: "symbol", source: "sensors",
    layout: {
      "icon-image": ["get", "sign"], "icon-allow-overlap": true, "icon-ignore-placement": true,
      "icon-size": ["interpolate", ["linear"], ["zoom"], 5, 0.45, 9, 0.75, 12, 1],
    },
  },
  {
    id: "sensor-labels", type: "symbol", source: "sensors", minzoom: 10.5,
    layout: {
      "text-field": ["get", "id"], "text-font": FONT, "text-size": 10.5, "text-anchor": "top", "text-offset": [0, 1.2],
    },
    paint: { "text-color": "#93a1b0", ...HALO },
  },
  {
    id: "track-halo", type: "circle", source: "tracks", filter: ["has", "halo"],
    paint: {
      "circle-radius": 19, "circle-color": ["get", "halo"], "circle-opacity": 0.16,
      "circle-stroke-color": ["get", "halo"], "circle-stroke-width": 1.6,
    },
  },
  {
    id: "track-selected", type: "circle", source: "tracks", filter: ["get", "selected"],
    paint: {
      "circle-radius": 24, "circle-color": "#ffffff", "circle-opacity": 0.04,
      "circle-stroke-color": "#ffffff", "circle-stroke-width": 1.4,
    },
  },
  {
    id: "tracks", type: "symbol", source: "tracks",
    layout: {
      "icon-image": ["get", "sign"], "icon-allow-overlap": true, "icon-ignore-placement": true,
      "symbol-sort-key": ["get", "order"],
    },
    paint: { "icon-opacity": ["get", "opacity"] },
  },
  {
    id: "track-labels", type: "symbol", source: "tracks", filter: ["!=", ["get", "label"], ""],
    layout: {
      "text-field": ["get", "label"], "text-font": FONT, "text-size": 11.5,
      "text-variable-anchor": ["left", "right", "top", "bottom", "top-left", "bottom-left", "top-right"],
      "text-radial-offset": 1.8, "text-justify": "auto", "text-line-height": 1.15, "text-max-width": 14,
      "symbol-sort-key": ["get", "order"],
    },
    paint: { "text-color": "#e4ebf2", "text-opacity": ["get", "opacity"], ...HALO, "text-halo-width": 1.8 },
  },
  {
    id: "zone-label", type: "symbol", source: "zone-labels",
    layout: {
      "text-field": ["get", "label"], "text-font": FONT, "text-size": ["get", "size"], "text-letter-spacing": 0.08,
      "text-allow-overlap": ["step", ["zoom"], false, 8.5, true], "text-anchor": "bottom", "text-offset": [0, -0.3],
    },
    paint: { "text-color": ["get", "colour"], ...HALO },
  },
];

const empty: SourceSpecification = { type: "geojson", data: { type: "FeatureCollection", features: [] } };

export const style: StyleSpecification = {
  version: 8,
  sources: Object.fromEntries(SOURCES.map((name) => [name, empty])),
  layers,
};
