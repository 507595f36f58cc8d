import type { Clock } from "./clock.js";
import type { SealringError } from "./errors.js";

const SHORTEST_MS = 1_000;
const LONGEST_MS = 60_000;
/** How much longer than the tab that failed the others wait, at least, in milliseconds; at most twice that. */
const AFTER_OTHERS_MS = 1_000;

/**
 * Milliseconds to wait after so many failures in a row.
 *
 * Full jitter: anywhere below a ceiling that doubles from 2 s to 60 s, and never below 1 s. A server that says how
 * long to wait (RFC 9110 section 10.2.3) is given that long, and up to a second more so that not all come back at
 * once.
 *
 * @param failures - failures in a row, 1 or more.
 * @param retryAfter - the server's Retry-After in seconds, or null.
 * @param random - a number from 0 up to, not including, 1.
 */
export function backoffDelay(failures: number, retryAfter: number | null, random: number): number {
  const ceiling = Math.min(LONGEST_MS, SHORTEST_MS * 2 ** failures);
  const asked = retryAfter === null ? 0 : retryAfter * 1_000 + random * 1_000;
  return Math.max(SHORTEST_MS, random * ceiling, asked);
}

/** A time in which nothing is to be asked of the server, by the clock that the tabs share. */
export interface Pause {
  /** Failures in a row that led to it. */
  readonly failures: number;
  /** When it began: milliseconds since the epoch. */
  readonly since: number;
  /** How long it lasts, in milliseconds. */
  readonly forMs: number;
}

/** Remembers failures in a row, and until when to leave the server alone. */
export interface Backoff {
  /** The last failure; null after a success. */
  readonly lastError: () => SealringError | null;
  /** The pause that is kept, over or not; null after a success. */
  readonly pause: () => Pause | null;
  /** Milliseconds until the next try is welcome; 0 when it is. */
  readonly remainingMs: () => number;
  /** Notes a failure and begins the pause that follows it. */
  readonly failed: (error: SealringError) => Pause;
  /** Another tab has failed: keeps its pause too, and a little longer, so that the other one tries first. */
  readonly share: (pause: Pause, error: SealringError) => void;
  /** The network is back: ends a pause that only its absence had caused. */
  readonly online: () => void;
  readonly succeeded: () => void;
}

/** Makes a {@link Backoff} without failures. */
export function createBackoff(clock: Clock, random: () => number): Backoff {
  let failures = 0;
  let lastError: SealringError | null = null;
  let pause: Pause | null = null;

  const remainingMs = (): number => {
    if (pause === null) return 0;
    const elapsed = clock.now() - pause.since;
    // A negative age means that the machine's clock was set back: waiting for it could take for ever.
    return elapsed < 0 ? 0 : Math.max(0, pause.forMs - elapsed);
  };
  return {
    lastError: () => lastError,
    pause: () => pause,
    remainingMs,
    failed: (error) => {
      failures += 1;
      lastError = error;
      pause = { failures, since: clock.now(), forMs: backoffDelay(failures, error.retryAfter, random()) };
      return pause;
    },
    share: (shared, error) => {
      lastError ??= error;
      failures = Math.max(failures, shared.failures);
      const forMs = shared.forMs + (1 + random()) * AFTER_OTHERS_MS;
      // The same pause may be heard again, from a tab that keeps it too.
      if (pause?.since !== shared.since && remainingMs() < forMs) pause = { ...shared, forMs };
    },
    online: () => {
      if (lastError?.status === 0) pause = null;
    },
    succeeded: () => {
      failures = 0;
      lastError = null;
      pause = null;
    },
  };
}
