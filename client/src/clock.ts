/** The only place that time comes from, so that tests can turn it by hand. */
export interface Clock {
  /** Milliseconds since the epoch by this machine's clock, right or wrong. */
  readonly now: () => number;
  /** Milliseconds by a clock that nobody sets, from any beginning; it may stand still while the machine sleeps. */
  readonly monotonic: () => number;
  /** Calls `run` once after at least `ms` milliseconds (30,000 at most, and 0 or less for at once), unless the result is called first. */
  readonly after: (ms: number, run: () => void) => () => void;
}

/** The browser's clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after: (ms, run) => {
    const id = setTimeout(run, ms);
    return () => {
      clearTimeout(id);
    };
  },
};
