// How things are called, and in which order they matter.

import type { Affiliation, ObjectClass, Phase, SensorKind, Severity } from "./generated/events";

export const SEVERITIES: Severity[] = ["info", "watch", "warning", "urgent"];

export const rank = (severity: Severity): number => SEVERITIES.indexOf(severity);

export const CLASS_WORD: Record<ObjectClass, string> = {
  multirotor: "multirotor",
  fixed_wing_electric: "electric wing",
  fixed_wing_piston: "piston drone",
  jet: "jet drone",
  helicopter: "helicopter",
  aeroplane: "aeroplane",
  bird: "bird",
  balloon: "balloon",
  ground_source: "ground source",
  other: "other",
};

// What sound says of these stands on simulation alone: no free recording of them is known.
export const UNVALIDATED_BY_SOUND: ReadonlySet<ObjectClass> = new Set([
  "fixed_wing_electric", "fixed_wing_piston", "jet", "aeroplane",
]);

export const CLASS_LETTER: Record<ObjectClass, string> = {
  multirotor: "M",
  fixed_wing_electric: "E",
  fixed_wing_piston: "P",
  jet: "J",
  helicopter: "H",
  aeroplane: "A",
  bird: "b",
  balloon: "B",
  ground_source: "g",
  other: "o",
};

export const KIND_WORD: Record<SensorKind, string> = {
  microphone: "microphone",
  array: "array",
  radar: "radar",
  remote_id: "Remote ID",
  adsb: "ADS-B",
  camera: "camera",
  rf: "radio",
  observer: "observer",
  external: "external",
};

export const PHASE_WORD: Record<Phase, string> = {
  active: "",
  acknowledged: "acknowledged",
  shelved: "shelved",
  cleared: "clearing",
  all_clear: "ALL CLEAR",
};

export const AFFILIATION_COLOUR: Record<Affiliation, string> = {
  friend: "#80e0ff",
  neutral: "#aaffaa",
  unknown: "#ffff80",
  hostile: "#ff8080",
};

export const SEVERITY_COLOUR: Record<Severity, string> = {
  urgent: "#ff4d3d",
  warning: "#ff9f2e",
  watch: "#e8c84a",
  info: "#8fa3b8",
};
