// The MapLibre map itself. Its worker is a file of ours, named explicitly: MapLibre 6 with Vite otherwise starts none and
// the map stays blank, and a worker from a blob would need a weaker content policy.

import { AttributionControl, type GeoJSONSource, Map as MapLibre, ScaleControl, setWorkerUrl } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import type { FeatureCollection } from "geojson";
import { grid, ground, rings } from "./ground";
import type { Point } from "./geometry";
import { type Source, style } from "./style";
import { draw, PIXEL_RATIO } from "./symbols";

setWorkerUrl(workerUrl);

export interface Clicked {
  kind: "track" | "sensor";
  id: string;
}

export class Chart {
  readonly map: MapLibre;
  private ready = false;
  private waiting = new Map<Source, FeatureCollection>();

  /** Raises where there is no WebGL. */
  constructor(container: HTMLElement, centre: Point, zoom: number, private readonly onReady: () => void) {
    this.map = new MapLibre({
      container,
      style,
      center: centre,
      zoom,
      attributionControl: false,
      dragRotate: false,
      pitchWithRotate: false,
      fadeDuration: 0,
      maxZoom: 18,
    });
    this.map.touchZoomRotate.disableRotation();
    this.map.keyboard.disableRotation();
    this.map.addControl(new AttributionControl({ compact: true, customAttribution: "Natural Earth · MapLibre" }));
    this.map.addControl(new ScaleControl({ maxWidth: 120 }), "bottom-right");
    this.map.setMissingStyleImageResolver((id) => this.sign(id));
    this.map.on("load", () => void this.begin());
  }

  onClick(take: (clicked: Clicked | null) => void): void {
    this.map.on("click", (event) => {
      const { x, y } = event.point;
      const around: [[number, number], [number, number]] = [[x - 10, y - 10], [x + 10, y + 10]];
      const found = this.map.queryRenderedFeatures(around, { layers: ["tracks", "sensors"] });
      const best = found.find((feature) => feature.layer.id === "tracks") ?? found[0];
      if (!best) take(null);
      else take({ kind: best.layer.id === "tracks" ? "track" : "sensor", id: String(best.properties["id"]) });
    });
    for (const layer of ["tracks", "sensors"]) {
      this.map.on("mouseenter", layer, () => (this.map.getCanvas().style.cursor = "pointer"));
      this.map.on("mouseleave", layer, () => (this.map.getCanvas().style.cursor = ""));
    }
  }

  /** Put features into a source; before the style is there they wait. */
  set(source: Source, data: FeatureCollection): void {
    if (!this.ready) this.waiting.set(source, data);
    else this.map.getSource<GeoJSONSource>(source)?.setData(data);
  }

  show(layers: readonly string[], shown: boolean): void {
    if (!this.ready) return;
    for (const layer of layers) this.map.setLayoutProperty(layer, "visibility", shown ? "visible" : "none");
  }

  home(centre: Point): void {
    this.set("rings", rings(centre));
    this.set("grid", grid(centre));
  }

  private async begin(): Promise<void> {
    this.ready = true;
    for (const [source, data] of this.waiting) this.set(source, data);
    this.waiting.clear();
    this.onReady();
    const { land, borders } = await ground();
    this.set("land", land);
    this.set("borders", borders);
  }

  private sign(id: string): void {
    const image = draw(id);
    if (image && !this.map.hasImage(id)) this.map.addImage(id, image, { pixelRatio: PIXEL_RATIO });
  }
}
