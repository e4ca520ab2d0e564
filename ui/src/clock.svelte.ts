// One clock for map, lists and drawer: the server's, carried on between two beats. In a replay or demonstration it may
// run at another pace than the wall, which two beats tell.

const TICK_MS = 250;

class Clock {
  /** Milliseconds since 1970 by the server's clock; changes four times a second, and only while heard. */
  now = $state(0);
  private base = 0;
  private local = 0;
  private rate = 1;

  constructor() {
    setInterval(() => this.tick(), TICK_MS);
  }

  /** Take the server's time from a message. */
  set(serverMs: number, steady: boolean): void {
    const local = performance.now();
    const passed = local - this.local;
    if (steady || this.base === 0) this.rate = 1;
    else if (passed > 500) this.rate = Math.min(Math.max((serverMs - this.base) / passed, 0), 100);
    this.base = serverMs;
    this.local = local;
    this.tick();
  }

  private tick(): void {
    if (this.base) this.now = this.base + (performance.now() - this.local) * this.rate;
  }
}

export const clock = new Clock();
