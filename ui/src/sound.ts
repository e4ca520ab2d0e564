// Tones made here; no file is played. A browser is silent until a person touched the page.
//
// An alert is two rising notes, repeated by severity; the all-clear is one falling pair, softer and longer, so that
// nobody takes one for the other.

import type { AlertView } from "./generated/events";
import { rank } from "./words";

let context: AudioContext | null = null;

/** Play what a revision asks for. Call only after a gesture. */
export function sound(alert: AlertView): void {
  context ??= new AudioContext();
  void context.resume();
  if (alert.phase === "all_clear") {
    note(659, 0, 0.5, 0.12);
    note(440, 0.5, 0.9, 0.12);
    return;
  }
  for (let turn = 0; turn <= rank(alert.severity); turn++) {
    note(784, turn * 0.42, 0.16, 0.25);
    note(1047, turn * 0.42 + 0.18, 0.2, 0.25);
  }
}

function note(hertz: number, after: number, seconds: number, gain: number): void {
  const [audio, start] = [context!, context!.currentTime + after];
  const [oscillator, volume] = [audio.createOscillator(), audio.createGain()];
  oscillator.frequency.value = hertz;
  oscillator.type = "triangle";
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(gain, start + 0.02);
  volume.gain.setTargetAtTime(0, start + seconds * 0.7, seconds * 0.12);
  oscillator.connect(volume).connect(audio.destination);
  oscillator.start(start);
  oscillator.stop(start + seconds + 0.2);
}
