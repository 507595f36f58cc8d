import { setImmediate } from "node:timers";

import type { Clock } from "../../src/index.js";

interface Planned {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that stands still until it is advanced; shared by all tabs of one machine. */
export class ManualClock implements Clock {
  readonly #planned = new Set<Planned>();
  #now: number;
  #monotonic = 0;

  constructor(now = Date.UTC(2026, 10, 23, 9)) {
    this.#now = now;
  }

  readonly now = (): number => this.#now;

  readonly monotonic = (): number => this.#monotonic;

  readonly after = (ms: number, run: () => void): (() => void) => {
    const planned = { at: this.#now + ms, run };
    this.#planned.add(planned);
    return () => {
      this.#planned.delete(planned);
    };
  };

  /** Milliseconds until the next planned call, or null when none is planned. */
  nextInMs(): number | null {
    const next = this.#earliest();
    return next && next.at - this.#now;
  }

  /** Lets time pass, running what is planned in order. */
  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (let next = this.#earliest(); next && next.at <= end; next = this.#earliest()) {
      this.#pass(next.at);
      this.#planned.delete(next);
      next.run();
      await settle();
    }
    this.#pass(end);
  }

  #pass(until: number): void {
    this.#monotonic += Math.max(0, until - this.#now);
    this.#now = Math.max(this.#now, until);
  }

  /** Lets time pass while nothing runs, as when the lid is closed; then what has become due runs. */
  async sleep(ms: number): Promise<void> {
    this.#now += ms;
    await this.advance(0);
  }

  /** Sets the machine's clock, as its user may; no time passes. */
  set(now: number): void {
    this.#now = now;
  }

  #earliest(): Planned | null {
    return [...this.#planned].reduce<Planned | null>(
      (least, each) => (least && least.at <= each.at ? least : each),
      null,
    );
  }
}

/** Lets everything that waits for nothing but its turn have it. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) {
    await new Promise<void>((resolve) => {
      setImmediate(resolve);
    });
  }
}
