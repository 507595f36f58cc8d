/** The only place that time comes from, so that tests can turn it by hand. */
export interface Clock {
  /** Milliseconds since the epoch by this machine's clock, right or wrong. */
  readonly now: () => number;
  /** Milliseconds by a clock that nobody sets, from any beginning; it may stand still while the machine sleeps. */
  readonly monotonic: () => number;
  /** Calls `run` once after at least `ms` milliseconds (0 to 30,000 are asked for), unless the result is called first. */
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

/** One comparison of this machine's clock with the server's. */
export interface TimeSample {
  /** Milliseconds to add to this machine's time to get the server's. */
  readonly offsetMs: number;
  /** Milliseconds between sending and receiving; the offset is right to within half of it. */
  readonly roundTripMs: number;
}

/** Compares clocks by one answer: the server read its clock at some moment between sending and receiving. */
export function takeSample(serverNow: number, sentAt: number, receivedAt: number): TimeSample {
  const roundTripMs = Math.max(0, receivedAt - sentAt);
  return { offsetMs: serverNow - (sentAt + receivedAt) / 2, roundTripMs };
}

/**
 * Chooses the sample to go on with.
 *
 * The shorter round trip is the better measurement, as long as the newer one does not contradict it: where they
 * differ by more than the newer one's error, a clock has been set and the older sample is worthless.
 */
export function betterSample(held: TimeSample, fresh: TimeSample): TimeSample {
  if (held.roundTripMs > fresh.roundTripMs) return fresh;
  return Math.abs(held.offsetMs - fresh.offsetMs) > fresh.roundTripMs / 2 ? fresh : held;
}

/** The server's time as this client knows it. */
export interface ServerTime {
  /** Milliseconds since the epoch by the server's clock; by this machine's until the first answer. */
  readonly now: () => number;
  /** The comparison that it goes by. */
  readonly sample: () => TimeSample;
  /** Takes one more comparison into account. */
  readonly learn: (sample: TimeSample) => void;
}

/** Keeps the offset between a clock and the server's. */
export function createServerTime(clock: Clock): ServerTime {
  let held: TimeSample = { offsetMs: 0, roundTripMs: Infinity };
  return {
    now: () => clock.now() + held.offsetMs,
    sample: () => held,
    learn: (sample) => {
      held = betterSample(held, sample);
    },
  };
}
