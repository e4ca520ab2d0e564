// Numbers as people read them. Times are UTC, as on every log.

const pad = (value: number): string => String(Math.floor(value)).padStart(2, "0");

/** 14:03:27Z */
export function utc(ms: number): string {
  return `${new Date(ms).toISOString().slice(11, 19)}Z`;
}

/** 00:41, or 1:02:03 past an hour; a negative duration is 00:00. */
export function countdown(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  const hours = Math.floor(seconds / 3600);
  const rest = `${pad((seconds % 3600) / 60)}:${pad(seconds % 60)}`;
  return hours ? `${hours}:${rest}` : rest;
}

/** 0.4 s, 38 s, 12 min, 3 h */
export function age(ms: number): string {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 120) return `${Math.round(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

/** 640 m, 12.4 km, 123 km */
export function distance(metres: number): string {
  if (metres < 1000) return `${Math.round(metres)} m`;
  return `${(metres / 1000).toFixed(metres < 99_950 ? 1 : 0)} km`;
}

/** 047° NE */
export function course(degrees: number): string {
  const points = ["N", "NE", "E", "SE", "S", "SW", "W", "NW"];
  const whole = Math.round(degrees) % 360;
  return `${String(whole).padStart(3, "0")}° ${points[Math.round(whole / 45) % 8]}`;
}

/** 50.4501° N 30.5234° E */
export function place(lat: number, lon: number): string {
  return `${Math.abs(lat).toFixed(4)}° ${lat < 0 ? "S" : "N"} ${Math.abs(lon).toFixed(4)}° ${lon < 0 ? "W" : "E"}`;
}
